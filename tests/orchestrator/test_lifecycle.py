"""The table is a machine that python-statemachine accepts, and every command has an answer in every phase."""

from __future__ import annotations

import random

import pytest
from statemachine.exceptions import TransitionNotAllowed

from launcher.orchestrator.effects import Arm, Do
from launcher.orchestrator.lifecycle import ALIVE, RESTS, RUNS, STOPS, TABLE, TIMERS, Phase, Trigger, move, moves
from launcher.orchestrator.snapshot import State
from tests.orchestrator.lifecycle_page import COMMANDS, PAGE, identifier, machine_class, page


def test_python_statemachine_accepts_the_table_and_agrees_with_it():
    """Random histories take both machines through the same phases; what one refuses, the other ignores."""
    build, dice = machine_class(), random.Random(20)
    for _ in range(40):
        machine, phase = build(), Phase.PENDING
        for _ in range(40):
            trigger = dice.choice(list(Trigger))
            entry = move(phase, trigger)
            if entry is None:
                with pytest.raises(TransitionNotAllowed):
                    machine.send(identifier(trigger))
            else:
                machine.send(identifier(trigger))
                phase = entry.phase
            (configuration,) = machine.configuration
            assert configuration.id == f"s_{phase.value}"


def test_the_page_is_the_table():
    """docs/lifecycle.md is what the generator writes now."""
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.orchestrator.lifecycle_page"


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_legal_in_every_phase_and_has_an_answer(phase, command):
    """No cell of the command table is empty."""
    entry = move(phase, command)
    assert entry is not None
    assert entry.answer


@pytest.mark.parametrize("phase", list(Phase))
def test_commands_lead_where_they_should(phase):
    """After `stop` it is down or on its way; after `start` it is up or on its way; `restart` ends up starting."""
    down = {Phase.STOPPING, Phase.STOPPED, Phase.COMPLETED}
    assert TABLE[phase, Trigger.STOP].phase in down
    assert TABLE[phase, Trigger.START].phase in {Phase.WAITING, Phase.REPLACING, *RUNS}
    assert TABLE[phase, Trigger.RESTART].phase in {Phase.WAITING, Phase.REPLACING}


def test_a_process_that_is_left_behind_is_always_asked_to_end():
    """No move leaves a running phase without its process being gone, or asked to go."""
    its_end = {Trigger.DONE, Trigger.RETRY, Trigger.BREAK, Trigger.GIVE_UP, Trigger.GONE, Trigger.MOVED}
    for phase, trigger, entry in moves():
        if phase in RUNS and entry.phase not in RUNS and trigger not in its_end:
            assert Do.ASK in entry.effects, (phase, trigger)
            assert entry.phase in STOPS, (phase, trigger)


def test_only_starting_launches():
    """A launch happens on the way into `starting`, and nowhere else."""
    for phase, trigger, entry in moves():
        assert (Do.LAUNCH in entry.effects) == (
            entry.phase is Phase.STARTING and phase is Phase.WAITING and trigger is Trigger.GATES_OPEN
        )


def test_every_timer_that_is_armed_means_something_in_the_phase_it_is_armed_for():
    """A timer is never armed into a phase that would disarm it."""
    for phase, trigger, entry in moves():
        for effect in entry.effects:
            if isinstance(effect, Arm):
                assert effect.timer in TIMERS[entry.phase], (phase, trigger)


def test_resting_phases_hold_no_socket_and_no_check():
    """Coming to rest from a running phase releases the sockets and ends the checks."""
    for phase, trigger, entry in moves():
        if entry.phase in RESTS and phase in RUNS:
            assert {Do.UNWATCH, Do.RELEASE} <= set(entry.effects), (phase, trigger)


def test_people_see_eleven_states():
    """The two finer kinds of stopping are shown as stopping."""
    assert {phase.state for phase in Phase} == set(State)
    assert {phase for phase in Phase if phase.state is State.STOPPING} == STOPS
    assert STOPS < ALIVE
