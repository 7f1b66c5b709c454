"""A check that a command asks for: every instance answers once, and nothing is moved by what it says."""

from __future__ import annotations

import pytest

from launcher.errors import UnknownService
from launcher.orchestrator.checking import name_of
from launcher.orchestrator.events import Checked, Verdict
from launcher.orchestrator.snapshot import State
from launcher.profile.model import Health
from launcher.testing import Rehearsal

HTTP = {"health": {"http": "/healthz", "start_period": 0.0, "retries": 1}, "port": 8000}
WELL = Verdict(ok=True, answer="HTTP 200 OK", took=0.0123)
ILL = Verdict(ok=False, answer="HTTP 503", took=2.0)


@pytest.fixture
def rehearsal():
    made = Rehearsal({"api": HTTP, "web": {**HTTP, "port": 8001}, "plain": {}, "off": {}})
    made.start("api", "web", "plain")
    made.passes("api")
    made.passes("web")
    made.advance(0.3)
    return made


def test_the_answer_names_the_probe_what_it_said_and_how_long_it_took(rehearsal):
    """Status 0 when it is healthy."""
    outcomes = rehearsal.check("api")
    assert outcomes == []
    rehearsal.checked("api", WELL)
    (outcome,) = outcomes
    assert outcome.ok
    assert outcome.status == 0
    assert outcome.lines == ("api is healthy by http /healthz (12.3 ms): HTTP 200 OK",)
    assert rehearsal.prober.asked == ["api.1"]


def test_one_that_is_not_healthy_makes_status_1_and_moves_nothing(rehearsal):
    """With retries = 1 an ordinary check would have made it unhealthy."""
    outcomes = rehearsal.check("api", "web")
    rehearsal.checked("web", ILL)
    rehearsal.checked("api", WELL)
    (outcome,) = outcomes
    assert (outcome.ok, outcome.status) == (False, 1)
    assert outcome.lines[1] == "web is not healthy by http /healthz (2000.0 ms): HTTP 503"
    assert rehearsal.states()["web"] == "ready"
    assert rehearsal.view("web").health.ok


def test_what_cannot_be_asked_answers_at_once(rehearsal):
    """No check, no process, or a probe that waits to be told."""
    rehearsal.prober.can_be_asked = False
    (outcome,) = rehearsal.check()
    assert outcome.lines == (
        "api is healthy by http /healthz: HTTP 200 (the last that was heard)",
        "web is healthy by http /healthz: HTTP 200 (the last that was heard)",
        "plain is healthy: runs; it has no health check",
        "off is not healthy: not running: it is pending (not asked for)",
    )
    assert outcome.status == 1


def test_of_an_instance_that_has_said_nothing_yet_nothing_is_known():
    rehearsal = Rehearsal({"api": {"health": {"log": "ready"}}})
    rehearsal.start()
    rehearsal.prober.can_be_asked = False
    (outcome,) = rehearsal.check("api")
    assert outcome.lines == ("api is not healthy by log ready: nothing heard yet",)


def test_one_that_ends_meanwhile_is_not_waited_for(rehearsal):
    """Its check was dropped with its run; a late answer of the old generation is nobody's."""
    outcomes = rehearsal.check("api")
    rehearsal.exits("api", 3)
    (outcome,) = outcomes
    assert outcome.lines[0].startswith("api is not healthy by http /healthz: it ended while it was checked: exited")
    rehearsal.advance(0.2)
    outcomes = rehearsal.check("api")
    rehearsal.loop.post(Checked("api.1", 1, ILL))
    rehearsal.settle()
    assert outcomes == []
    rehearsal.checked("api", WELL)
    assert outcomes[0].ok


def test_two_who_ask_at_once_both_hear(rehearsal):
    first, second = rehearsal.check("api"), rehearsal.check("api")
    rehearsal.checked("api", WELL)
    assert first[0].ok
    assert second[0].ok


def test_the_end_of_the_launcher_answers(rehearsal):
    """Nobody is left waiting."""
    outcomes = rehearsal.check("api")
    errand = rehearsal.loop.stage.errands[-1]
    assert errand.ended().lines[0].endswith("the launcher ended")
    assert outcomes == []


def test_a_name_that_nothing_has_is_refused(rehearsal):
    (outcome,) = rehearsal.check("apo")
    assert isinstance(outcome.error, UnknownService)
    assert rehearsal.state("api") is State.READY


@pytest.mark.parametrize(
    ("health", "name"),
    [
        (Health(http="/x"), "http /x"),
        (Health(tcp=True), "tcp"),
        (Health(tcp=80), "tcp 80"),
        (Health(exec="true"), "exec true"),
        (Health(exec=["a", "b"]), "exec a b"),
        (Health(log="up"), "log up"),
        (Health(notify=True), "notify"),
    ],
)
def test_a_probe_has_a_name(health, name):
    assert name_of(health) == name
