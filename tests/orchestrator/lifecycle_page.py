"""The lifecycle as a python-statemachine, and docs/lifecycle.md written from the table and drawn from that machine.

`python -m tests.orchestrator.lifecycle_page` writes the page.
"""

from __future__ import annotations

from pathlib import Path

from statemachine import State as MachineState
from statemachine import StateMachine
from statemachine.contrib.diagram import MermaidGraphMachine
from statemachine.transition_list import TransitionList

from launcher.orchestrator.effects import Arm
from launcher.orchestrator.lifecycle import TABLE, Move, Phase, Trigger, moves

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"
COMMANDS = (Trigger.START, Trigger.STOP, Trigger.RESTART)

HEAD = """\
# The life of an instance

<!-- Written by `python -m tests.orchestrator.lifecycle_page`; a test holds it against the table in
     launcher/orchestrator/lifecycle.py, the only place where a phase changes. -->

Every instance is in one phase. `replacing` and `aborting` are shown to people as `stopping`, with their reason: the
first will be started again, the second has failed to start. Whatever arrives that is not in the tables below, a late
timer or a verdict about a process that is on its way out, changes nothing; and every event carries the generation of
the start it belongs to, so an old process cannot move a new one.

## Picture
"""

COMMANDS_HEAD = """
## Every command, in every phase

What a command answers (the sentence is preceded by the service's name) and the phase it leads to.

"""

EVENTS_HEAD = """
## What happens

`done`, `retry`, `break` and `give up` are what the restart rule makes of an end that nobody asked for. An instance
that is to be stopped and still has running dependents keeps its phase until they are down; should it end meanwhile,
it is `gone`.

"""


def identifier(trigger: Trigger) -> str:
    return trigger.value.replace(" ", "_")


def machine_class() -> type[StateMachine]:
    """The table as a python-statemachine; it refuses unreachable and trap states by itself."""
    states = {phase: MachineState(phase.value, initial=phase is Phase.PENDING) for phase in Phase}
    body: dict[str, object] = {f"s_{phase.value}": state for phase, state in states.items()}
    for trigger in Trigger:
        transitions = TransitionList()
        for (phase, of), entry in TABLE.items():
            if of is trigger:
                transitions |= states[phase].to(states[entry.phase])
        body[identifier(trigger)] = transitions
    return type("InstanceMachine", (StateMachine,), body)


def picture() -> str:
    """The states people see and the moves between them, without the commands that change nothing."""
    visible = {phase: MachineState(phase.value, initial=phase is Phase.PENDING) for phase in Phase}
    body: dict[str, object] = {f"s_{phase.value}": state for phase, state in visible.items()}
    for trigger in Trigger:
        transitions = TransitionList()
        for (phase, of), entry in TABLE.items():
            if of is trigger and entry.phase is not phase:
                transitions |= visible[phase].to(visible[entry.phase])
        if len(transitions.transitions):
            body[identifier(trigger)] = transitions
    return MermaidGraphMachine(type("Picture", (StateMachine,), body)).get_mermaid()


def effects_of(entry: Move) -> str:
    return ", ".join(f"arm {effect.timer}" if isinstance(effect, Arm) else effect.value for effect in entry.effects)


def page() -> str:
    """The whole of docs/lifecycle.md."""
    lines = [HEAD, "```mermaid", picture().strip(), "```", COMMANDS_HEAD.rstrip("\n"), ""]
    lines.append("| phase | start | stop | restart |")
    lines.append("|---|---|---|---|")
    for phase in Phase:
        cells = [f"{TABLE[phase, command].answer} → `{TABLE[phase, command].phase}`" for command in COMMANDS]
        lines.append(f"| `{phase}` | {' | '.join(cells)} |")
    lines += [EVENTS_HEAD.rstrip("\n"), "", "| phase | what | leads to | effects |", "|---|---|---|---|"]
    for phase, trigger, entry in moves():
        if trigger not in COMMANDS:
            lines.append(f"| `{phase}` | {trigger} | `{entry.phase}` | {effects_of(entry)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
