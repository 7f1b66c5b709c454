"""What a new launcher takes over from one that is gone, and what it knows of it."""

from __future__ import annotations

import pytest

from launcher.orchestrator.events import Adopted
from launcher.orchestrator.state import Memory, read
from launcher.testing import Rehearsal

APP = {"command": None, "app": "shop:app", "port": "auto"}
CHECKS = [{"log": "serves"}, {"notify": True}]


def remembered(rehearsal: Rehearsal) -> Memory:
    found = read(rehearsal.store.text)
    assert isinstance(found, Memory)
    return found


def pair(health: dict[str, object]) -> dict[str, dict[str, object]]:
    return {"db": {"health": health}, "web": {"depends_on": {"db": {}}}}


def adopting(first: Rehearsal, health: dict[str, object], generation: int) -> Rehearsal:
    """A second launcher that finds the first one's `db` running, and is told to start everything."""
    first.advance(1)  # until it is written down
    second = Rehearsal(pair(health), memory=remembered(first))
    second.loop.post(Adopted("db.1", generation, 4711, 0.0))
    second.start()
    return second


@pytest.mark.parametrize("health", CHECKS)
def test_what_had_said_that_it_is_ready_is(health):
    """It says so only once."""
    first = Rehearsal(pair(health))
    first.start()
    first.passes("db", "said so")
    second = adopting(first, health, 1)
    assert second.states() == {"db": "ready", "web": "ready"}


@pytest.mark.parametrize("health", CHECKS)
def test_what_had_not_is_waited_for(health):
    """What depends on it starts no earlier for the launcher's death."""
    first = Rehearsal(pair(health))
    first.start()
    second = adopting(first, health, 1)
    assert second.states() == {"db": "starting", "web": "waiting"}
    assert [run.generation for run in second.prober.prepared] == [1]
    second.passes("db", "said so")
    assert second.states() == {"db": "ready", "web": "ready"}


@pytest.mark.parametrize("health", CHECKS)
def test_what_somebody_else_started_meanwhile_is_taken_to_have_said_so(health):
    """For nobody was there to hear it."""
    first = Rehearsal(pair(health))
    first.start()
    second = adopting(first, health, 2)
    assert second.states() == {"db": "ready", "web": "ready"}


@pytest.mark.parametrize(("is_up", "state"), [(True, "ready"), (False, "starting")])
def test_what_came_up_while_nobody_heard_it_is_known_by_its_host(is_up, state):
    """It says so only once; and its engine is told what it was started with, to hold its socket again."""
    first = Rehearsal({"api": APP}, mode="single")
    first.start()
    first.passes("host.apps", "READY=1")
    first.advance(1)
    second = Rehearsal({"api": APP}, mode="single", memory=remembered(first))
    second.loop.post(Adopted("host.apps", 1, 4711, 0.0))
    second.loop.post(Adopted("api.1", 1, 4711, 0.0, is_up))
    second.start()
    assert second.states() == {"host.apps": "ready", "api": state}
    assert second.merged.running == {"api.1": 1}


def test_what_could_not_be_started_now_runs_all_the_same():
    """Its variable is gone since: it is left alone, unchecked, and that is said."""
    services = {"db": {"health": {"tcp": 5432}, "env": {"A": "${GONE}"}}}
    first = Rehearsal(services)
    first.world.inherited["GONE"] = "yes"
    first.start()
    first.passes("db")
    first.advance(1)
    second = Rehearsal(services, memory=remembered(first))
    second.loop.post(Adopted("db.1", 1, 4711, 0.0))
    second.start()
    assert second.states() == {"db": "ready"}
    assert any("db runs, and is not checked: E" in note and "GONE" in note for note in second.notes)
