"""Failing: the restart rule, health and lost dependencies, as histories through the real loop."""

from __future__ import annotations

import pytest

from launcher.errors import CommandNotFound
from launcher.orchestrator.events import StartAsked
from launcher.orchestrator.snapshot import State
from launcher.testing import Rehearsal
from tests.orchestrator.shop import CHECKED, shop, up

# Restart rule ----------------------------------------------------------------------------------------


def test_a_crash_is_followed_by_a_start_after_the_back_off():
    """Ready → backoff → starting, with a new generation."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.exits("catalog", 1)
    assert rehearsal.view("catalog").reason.text == "exited with code 1; starts again in 0.1 s"
    rehearsal.advance(0.1)
    rehearsal.passes("catalog")
    view = rehearsal.view("catalog")
    assert (view.state, view.generation, view.restarts) == (State.READY, 2, 1)


def test_too_many_failures_open_the_circuit_and_one_trial_decides():
    """burst, then failed; after the cooldown one start; its failure opens the circuit again."""
    rehearsal = Rehearsal({"api": {"restart": {"delay": 0.1, "factor": 1, "burst": 2, "cooldown": 30.0}}, "keep": {}})
    rehearsal.start()
    rehearsal.advance(1.0)
    for _ in range(2):
        rehearsal.exits("api", 1)
        rehearsal.advance(0.1)
    rehearsal.exits("api", 1)
    assert rehearsal.state("api") is State.FAILED
    assert "circuit open after 3 failures within 60 s, one trial start in 30 s" in rehearsal.view("api").reason.text
    rehearsal.advance(29.9)
    assert rehearsal.state("api") is State.FAILED
    rehearsal.advance(0.1)
    assert rehearsal.state("api") is State.READY
    rehearsal.exits("api", 1)
    assert rehearsal.state("api") is State.FAILED
    rehearsal.advance(30.0)
    rehearsal.advance(10.0)
    rehearsal.exits("api", 1)
    assert rehearsal.state("api") is State.BACKOFF


def test_staying_ready_for_as_long_as_the_profile_says_resets_the_wait():
    """`stable`: shorter, and the next wait is longer; as long, and it is the first one again."""
    rehearsal = Rehearsal({"api": {"restart": {"delay": 0.1, "factor": 2, "stable": 3.0}}, "keep": {}})
    rehearsal.start()
    rehearsal.advance(1.0)
    rehearsal.exits("api", 1)
    rehearsal.advance(0.1)
    rehearsal.advance(2.9)
    rehearsal.exits("api", 1)
    assert rehearsal.view("api").reason.text == "exited with code 1; starts again in 0.2 s"
    rehearsal.advance(0.2)
    rehearsal.advance(3.0)
    rehearsal.exits("api", 1)
    assert rehearsal.view("api").reason.text == "exited with code 1; starts again in 0.1 s"


def test_a_late_exit_of_an_old_process_moves_nothing():
    """Events of an older generation are nobody's."""
    from launcher.orchestrator.events import Exited  # noqa: PLC0415  (used once)

    rehearsal = up(Rehearsal(shop()))
    rehearsal.exits("catalog", 1)
    rehearsal.advance(0.1)
    rehearsal.loop.post(Exited("catalog.1", 1, 1))
    rehearsal.settle()
    assert rehearsal.state("catalog") is State.STARTING


def test_a_crash_restart_waits_for_a_dependency_in_back_off():
    """It waits without limit while the other is being retried."""
    rehearsal = up(Rehearsal(shop(catalog={"restart": {"delay": 5.0}})))
    rehearsal.exits("catalog", 1)
    rehearsal.exits("orders", 1)
    rehearsal.advance(0.1)
    assert rehearsal.state("orders") is State.WAITING
    rehearsal.advance(5.0)
    rehearsal.passes("catalog")
    assert rehearsal.state("orders") is State.STARTING


def test_a_crash_restart_fails_when_its_dependency_is_stopped():
    """What can never be met is decided, not waited for."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.stop("catalog")
    rehearsal.exits("orders", 1)
    rehearsal.advance(0.1)
    assert rehearsal.state("orders") is State.FAILED
    assert rehearsal.view("orders").reason.text == "catalog is stopped"


def test_a_failure_to_spawn_is_a_failure():
    """It is retried and counted as a crash is."""
    rehearsal = Rehearsal({"api": {"restart": {"delay": 0.1, "burst": 1}}})
    rehearsal.engine.broken["api.1"] = CommandNotFound('cannot start "api": command not found: apy')
    outcomes = rehearsal.start()
    assert rehearsal.state("api") is State.BACKOFF
    rehearsal.advance(0.1)
    assert rehearsal.state("api") is State.FAILED
    assert outcomes[0].status == 4
    assert "E3001" in outcomes[0].error.sentence


def test_critical_takes_everything_down_when_it_has_failed_for_good():
    """The launcher ends with the service's own code."""
    rehearsal = up(Rehearsal(shop(worker={"critical": True, "restart": {"policy": "no"}})))
    rehearsal.exits("worker", 7)
    assert rehearsal.loop.is_over
    assert rehearsal.loop.status == 7
    assert rehearsal.state("catalog") is State.STOPPED


def test_on_exit_stop_ends_all_with_the_first_ones_code():
    """Honcho's rule, for a bare Procfile or where it is asked for."""
    rehearsal = Rehearsal({"a": {"restart": {"policy": "no"}}, "b": {"restart": {"policy": "no"}}}, on_exit="stop")
    rehearsal.start()
    rehearsal.exits("b", 0)
    assert rehearsal.loop.is_over
    assert rehearsal.loop.status == 0
    assert rehearsal.engine.did[-2:] == ["stop a.1#1 SIGNAL", "release a.1"]


def test_of_a_procfile_all_are_started_before_the_end_of_one_stops_all():
    """As with honcho: the first may end before the loop comes to the last."""
    names = ["a", "b", "c", "d", "e", "f"]
    services = {name: {"restart": {"policy": "no"}} for name in names}
    rehearsal = Rehearsal(services, on_exit="stop", procfile=True)
    rehearsal.loop.post(StartAsked(services=(), by="asked for", named=False, reply=lambda _: None))
    rehearsal.loop.step()  # takes the command
    rehearsal.loop.step()  # starts the first
    assert [*rehearsal.engine.running] == ["a.1"]
    rehearsal.engine.end("a.1", 3)
    rehearsal.settle()
    started = [did for did in rehearsal.engine.did if did.startswith("start")]
    assert started == [f"start {name}.1#1" for name in names]
    assert rehearsal.engine.running == {}
    assert rehearsal.loop.is_over
    assert rehearsal.loop.status == 3


# Health ----------------------------------------------------------------------------------------------


def test_unhealthy_only_after_retries_and_ready_again_on_the_first_success():
    """Two failures in a row here; then one success."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.fails("catalog")
    assert rehearsal.state("catalog") is State.READY
    rehearsal.fails("catalog")
    assert rehearsal.state("catalog") is State.UNHEALTHY
    rehearsal.passes("catalog")
    assert rehearsal.state("catalog") is State.READY


def test_failures_within_start_period_do_not_count():
    """start_period is counted from the process's start."""
    rehearsal = Rehearsal({"api": {"health": {"notify": True, "start_period": 10.0, "retries": 1}}})
    rehearsal.start()
    rehearsal.passes("api")
    rehearsal.fails("api")
    assert rehearsal.state("api") is State.READY
    rehearsal.advance(10.0)
    rehearsal.fails("api")
    assert rehearsal.state("api") is State.UNHEALTHY


@pytest.mark.parametrize(("action", "state"), [("ignore", "unhealthy"), ("restart", "starting"), ("stop", "stopped")])
def test_on_failure_acts_once_per_fall(action, state):
    """Ignore leaves it, restart and stop act."""
    health = {"notify": True, "start_period": 0.0, "retries": 1, "on_failure": action}
    rehearsal = Rehearsal({"api": {"health": health}, "other": {}})
    rehearsal.start()
    rehearsal.passes("api")
    rehearsal.fails("api")
    assert rehearsal.states()["api"] == state


@pytest.mark.parametrize("action", ["restart", "stop"])
def test_on_failure_acts_once_however_long_the_spell_lasts(action):
    """Further failures of one spell do nothing more; it takes a new fall of a new run."""
    health = {"notify": True, "start_period": 0.0, "retries": 2, "on_failure": action}
    rehearsal = Rehearsal({"api": {"health": health}})
    rehearsal.engine.deaf.add("api.1")
    rehearsal.start()
    rehearsal.passes("api")
    for _ in range(6):
        rehearsal.fails("api")
    assert rehearsal.engine.did.count("stop api.1#1 SIGNAL") == 1
    assert rehearsal.log.count("api: ready → unhealthy") == 1


def test_one_success_begins_the_count_anew():
    """Only failures in a row count, and a spell that ends is followed by a whole new count."""
    rehearsal = Rehearsal({"api": {"health": {"notify": True, "start_period": 0.0, "retries": 3}}})
    rehearsal.start()
    rehearsal.passes("api")
    for spell in ("FFP", "FFP", "FFFP", "FFFFP", "FF"):
        for sign in spell:
            (rehearsal.fails if sign == "F" else rehearsal.passes)("api")
    assert rehearsal.state("api") is State.READY
    assert rehearsal.log.count("api: ready → unhealthy") == 2
    assert rehearsal.log.count("api: unhealthy → ready") == 2
    assert rehearsal.view("api").health.failures == 2


def test_the_snapshot_has_the_last_answer_with_its_time():
    """Of a ready service every answer is kept, those that change nothing too."""
    rehearsal = Rehearsal({"api": CHECKED})
    rehearsal.start()
    rehearsal.passes("api", "first")
    rehearsal.advance(5.0)
    rehearsal.passes("api", "second")
    assert (rehearsal.view("api").health.answer, rehearsal.view("api").health.at) == ("second", 1_000_005.0)


# Losing a dependency ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("on_loss", "state"), [("ignore", "ready"), ("stop", "stopped")])
def test_on_loss_when_a_dependency_fails_for_good(on_loss, state):
    """The edge says what the dependent does."""
    services = {
        "db": {**CHECKED, "restart": {"policy": "no"}},
        "api": {"depends_on": {"db": {"on_loss": on_loss}}},
    }
    rehearsal = Rehearsal(services)
    rehearsal.start()
    rehearsal.passes("db")
    rehearsal.advance(0.3)
    rehearsal.exits("db", 1)
    assert rehearsal.states() == {"db": "failed", "api": state}


@pytest.mark.parametrize(("on_loss", "did"), [("ignore", 0), ("stop", 1), ("restart", 1)])
def test_on_loss_acts_once_when_a_dependency_is_unhealthy_past_its_retries(on_loss, did):
    """Not at the first failure, and not again for the same spell."""
    rehearsal = Rehearsal({"db": CHECKED, "api": {"depends_on": {"db": {"on_loss": on_loss}}}})
    rehearsal.engine.deaf.add("api.1")
    rehearsal.start()
    rehearsal.passes("db")
    rehearsal.advance(0.3)
    rehearsal.fails("db")
    assert rehearsal.engine.did.count("stop api.1#1 SIGNAL") == 0
    for _ in range(4):
        rehearsal.fails("db")
    assert rehearsal.states()["db"] == "unhealthy"
    assert rehearsal.engine.did.count("stop api.1#1 SIGNAL") == did


def test_on_loss_when_a_dependency_is_stopped_by_command():
    """`ignore` goes on; `restart` stops, and is skipped since what it waits for will not come."""
    services = {
        "db": CHECKED,
        "api": {"depends_on": {"db": {"on_loss": "restart"}}},
        "web": {"depends_on": {"db": {}}},
    }
    rehearsal = Rehearsal(services)
    rehearsal.start()
    rehearsal.passes("db")
    rehearsal.advance(0.3)
    rehearsal.stop("db")
    assert rehearsal.states()["db"] == "stopped"
    assert rehearsal.states()["web"] == "ready"
    assert rehearsal.states()["api"] == "skipped"


def test_a_crash_that_is_retried_is_no_loss_but_restart_edges_follow_the_new_generation():
    """Db crashes: api stays; db is ready again: api is restarted."""
    rehearsal = Rehearsal({"db": CHECKED, "api": {"depends_on": {"db": {"on_loss": "restart"}}}})
    rehearsal.start()
    rehearsal.passes("db")
    rehearsal.exits("db", 1)
    assert rehearsal.view("api").generation == 1
    rehearsal.advance(0.1)
    rehearsal.passes("db")
    assert rehearsal.view("api").generation == 2
    assert rehearsal.state("api") is State.READY
