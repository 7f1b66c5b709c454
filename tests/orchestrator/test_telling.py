"""When observers hear: what is told of a start-up gathers while more start, and never long; all in the order it was."""

from __future__ import annotations

from launcher.orchestrator.events import SnapshotAsked, StartAsked
from launcher.orchestrator.telling import GATHERING
from launcher.testing import Rehearsal

MANY = {f"s{number}": {} for number in range(5)}


def begun():
    """A start-up of some services of which nothing has happened yet."""
    rehearsal = Rehearsal(MANY)
    rehearsal.loop.post(StartAsked(by="asked for", reply=lambda _: None))
    return rehearsal


def started(rehearsal):
    """The services whose process has been asked for."""
    return [launch.instance for launch in rehearsal.engine.launches]


def test_all_that_can_start_is_started_before_anything_is_told():
    rehearsal = begun()
    while len(started(rehearsal)) < len(MANY):
        assert rehearsal.log == []
        assert rehearsal.loop.step()
    rehearsal.settle()
    assert [line for line in rehearsal.log if line.startswith("s0")] == [
        "s0: pending → waiting",
        "s0: waiting → starting",
        "s0: starting → ready",
    ]


def test_it_is_told_in_time_although_more_are_to_start():
    rehearsal = begun()
    while not started(rehearsal):
        rehearsal.loop.step()
    assert rehearsal.log == []
    rehearsal.clock.time += GATHERING
    rehearsal.loop.step()
    assert "s0: waiting → starting" in rehearsal.log
    assert len(started(rehearsal)) < len(MANY)


def test_who_asks_for_a_snapshot_has_been_told_before_of_what_it_shows():
    rehearsal = begun()
    heard = []
    rehearsal.loop.post(SnapshotAsked(lambda _: heard.append(list(rehearsal.log))))
    while not heard:
        rehearsal.loop.step()
    assert "s0: pending → waiting" in heard[0]


def test_a_note_comes_after_what_was_before_it():
    rehearsal = begun()
    order = []
    rehearsal.loop.subscribe(order.append)
    while not started(rehearsal):
        rehearsal.loop.step()
    rehearsal.loop.stage.note("something else")
    assert getattr(order[-1], "text", "") == "something else"
    assert len(order) > len(MANY)
