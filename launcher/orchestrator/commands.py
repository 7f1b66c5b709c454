"""What people ask for: start, stop, restart, wait, and the end of everything.

Each function changes what is wanted of instances and opens the errand that will answer. Who is moved when is decided
by the stage as gates open. The module knows no queue and no process.
"""

from __future__ import annotations

from collections.abc import Sequence

from launcher.errors import CommandRefused
from launcher.orchestrator import exchange, gates, shared
from launcher.orchestrator.checking import Check
from launcher.orchestrator.errands import Down, StartUp, Wait
from launcher.orchestrator.events import CheckAsked, RestartAsked, StartAsked, StopAsked, TimerKind, WaitAsked
from launcher.orchestrator.life import Life, Wish
from launcher.orchestrator.lifecycle import RUNS, STOPS, Phase, Trigger, move
from launcher.orchestrator.restart import Tally
from launcher.orchestrator.rollback import StepKind
from launcher.orchestrator.snapshot import Reason
from launcher.orchestrator.stage import Stage
from launcher.profile.model import OnLoss

#: What a start leaves alone in a dependency: it runs, or is on its way.
_UNDER_WAY = RUNS | {Phase.WAITING, Phase.BACKOFF}

#: How many names a line tells.
_NAMED = 8


def obey(stage: Stage, command: StartAsked | StopAsked | RestartAsked | WaitAsked | CheckAsked) -> None:
    """Carry out a command, or open the errand that will; a LauncherError refuses it."""
    stage.begun = True
    match command:
        case StartAsked():
            _start(stage, command)
        case StopAsked():
            _stop(stage, command)
        case RestartAsked():
            _restart(stage, command)
        case WaitAsked():
            lives = stage.board.named(command.services)
            wanted = lives if command.services else [life for life in lives if life.wanted]
            stage.errands.append(Wait(wanted, command.reply))
        case CheckAsked():
            lives = stage.board.named(command.services)
            stage.errands.append(Check(lives, command.reply, prober=stage.prober, redaction=stage.redaction))
    stage.stirred = True


def end(stage: Stage, status: int, why: str) -> None:
    """Stop everything in reverse order; the launcher then ends with `status`. The first call decides."""
    first = stage.ending is None
    if stage.ending is None:
        stage.ending = status
    for life in stage.board.lives.values():
        if life.phase not in {Phase.PENDING, Phase.COMPLETED, Phase.FAILED, Phase.SKIPPED, Phase.STOPPED}:
            stage.lower(life, why)
    if first:
        _tell_order(stage, list(stage.board.lives.values()))


def roll_back(stage: Stage, start_up: StartUp, culprit: Life) -> None:
    """Undo what a start-up did, because a required instance is lost."""
    steps = start_up.roll_back(culprit)
    why = f"start-up rolled back, because {culprit.label} {culprit.phase.value}"
    if steps and stage.ending is None:
        stage.note(f"{culprit.label} {culprit.phase.value}: rolling back", warning=True)
    for life in start_up.targets:
        if life.phase in {Phase.WAITING, Phase.BACKOFF} and not life.proved:
            stage.lower(life, why)
    for step in steps:
        life = stage.board.lives[step.instance]
        # One that was not required may have failed, with a trial start to come.
        is_to_come = life.phase in _UNDER_WAY or stage.timers.is_armed(life.name, TimerKind.COOLDOWN)
        if step.kind is StepKind.STOP and (life.is_alive or is_to_come):
            stage.lower(life, why)


def _start(stage: Stage, asked: StartAsked) -> None:
    named = stage.board.named(asked.services)
    if asked.named:
        named += shared.inside(stage, named)
    targets = named if asked.alone else stage.board.with_dependencies(named)
    start_up = StartUp(targets, asked.reply)
    stage.errands.append(start_up)
    answers: list[str] = []
    for life in targets:
        explicit = asked.named and life in named
        if _is_left_alone(life, explicit=explicit):
            life.wish = Wish.UP
            entry = move(life.phase, Trigger.START)
            answer = "has completed already" if life.phase is Phase.COMPLETED else entry.answer if entry else ""
        else:
            answer = _raise(stage, life, asked.by)
        if explicit:
            answers.append(f"{life.label} {answer}")
    start_up.answers = tuple(answers)


def _raise(stage: Stage, life: Life, by: str) -> str:
    """Want an instance up that is not, as if it had never failed. The answer for a command."""
    life.wish, life.by = Wish.UP, by
    life.wanted_generation = life.generation
    life.tally = Tally()
    return stage.fire(life, Trigger.START, Reason(text=by))


def _is_left_alone(life: Life, *, explicit: bool) -> bool:
    if life.phase in RUNS:
        return True
    return not explicit and life.phase in {*_UNDER_WAY, Phase.COMPLETED}


def _stop(stage: Stage, asked: StopAsked) -> None:
    if not asked.services:
        lives = [life for life in stage.board.lives.values() if life.is_alive or life.phase in _UNDER_WAY]
        stage.errands.append(Down(lives, asked.reply))
        end(stage, 0, asked.by)
        return
    lives = stage.board.named(asked.services)
    inside = shared.inside(stage, lives)
    followers = [*inside, *(life for life in stage.board.followers(lives, {OnLoss.STOP}) if life not in inside)]
    answers = [f"{life.label} {stage.lower(life, asked.by)}" for life in lives]
    for life in followers:
        if life.is_alive or life.phase in _UNDER_WAY or (life in inside and life.phase is Phase.FAILED):
            stage.lower(life, f"{asked.by}, for what it depends on stops")
    _tell_order(stage, [*lives, *followers])
    stage.errands.append(Down([*lives, *followers], asked.reply, answers))


def _tell_order(stage: Stage, lives: Sequence[Life]) -> None:
    """Say which of these wait until their dependents have ended; where none does, each stop speaks for itself."""
    board = stage.board
    waiting = [life for life in lives if life.phase in RUNS and not life.wanted and not stage.may_stop(life)]
    if not waiting:
        return
    awaited = {dependent.name for life in waiting for dependent in board.dependents(life.instance.service)}
    in_order = [life for layer in reversed(stage.plan.layers) for service in layer for life in board.of(service)]
    going = [
        life
        for life in in_order
        if life.name in awaited and (life.phase in STOPS or (life.is_alive and not life.wanted and life not in waiting))
    ]
    verb = "waits" if len(waiting) == 1 else "wait"
    them = "it" if len(going) == 1 else "them"
    stage.note(f"stopping {_some(going)}; {_some([life for life in in_order if life in waiting])} {verb} for {them}")


def _some(lives: Sequence[Life]) -> str:
    labels = [life.label for life in lives]
    more = len(labels) - _NAMED
    return ", ".join(labels[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _restart(stage: Stage, asked: RestartAsked) -> None:
    lives = stage.board.named(asked.services)
    if not asked.force:
        for life in lives:
            exchange.refuse(stage, life)
            gate = stage.gate_of(life)
            if life.is_alive and isinstance(gate, gates.Never):
                raise CommandRefused(
                    f"{life.label} is not restarted: {gate.text}, so it could not start again",
                    remedy=f"Start {', '.join(gate.causes)} first, or use --force, which starts what it needs, too.",
                )
    else:
        for life in stage.board.with_dependencies(lives):
            if life not in lives and not _is_left_alone(life, explicit=False):
                _raise(stage, life, f"{asked.by}, for what depends on it restarts")
    followers = [life for life in stage.board.followers(lives, {OnLoss.RESTART}) if life.phase in RUNS and life.wanted]
    seen_to = set() if asked.force else exchange.begin_all(stage, lives, asked.by)
    for life in lives:
        life.tally = Tally()
        if life.name not in seen_to and (asked.force or not shared.renew(stage, life, asked.by, among=lives)):
            stage.bounce(life, asked.by)
    for life in followers if not seen_to else ():
        stage.bounce(life, f"{asked.by}, for what it depends on restarts")
    concerned = [*lives, *followers]
    stage.errands.append(Wait(concerned, asked.reply, after={life.name: life.generation for life in concerned}))
