"""Starting and rolling back: histories through the real loop; each sentence is the law."""

from __future__ import annotations

from launcher.errors import CommandNotFound
from launcher.orchestrator.snapshot import State
from launcher.testing import Rehearsal
from tests.orchestrator.shop import CHECKED, shop, up

# Start -----------------------------------------------------------------------------------------------


def test_services_start_in_order_each_when_its_gates_are_open():
    """Nothing starts before what it depends on is ready."""
    rehearsal = Rehearsal(shop())
    rehearsal.start()
    assert rehearsal.states() == {"migrate": "starting", "catalog": "waiting", "orders": "waiting", "worker": "waiting"}
    rehearsal.exits("migrate", 0)
    assert rehearsal.states() == {
        "migrate": "completed",
        "catalog": "starting",
        "orders": "waiting",
        "worker": "waiting",
    }
    rehearsal.passes("catalog")
    rehearsal.passes("orders")
    assert rehearsal.states() == {"migrate": "completed", "catalog": "ready", "orders": "ready", "worker": "ready"}


def test_what_is_waited_for_is_said():
    """A waiting instance names the dependency and the condition."""
    rehearsal = Rehearsal(shop())
    rehearsal.start()
    assert rehearsal.view("orders").reason.text == "waits for catalog (healthy)"
    assert rehearsal.view("orders").reason.causes == ("catalog",)
    assert rehearsal.view("orders").waits_for == ("catalog (healthy)",)
    rehearsal.exits("migrate", 0)
    rehearsal.passes("catalog")
    assert rehearsal.view("orders").reason.text == "waited for catalog (healthy)"


def test_a_deadline_that_no_check_has_answered_names_the_check():
    """A server that accepts and says nothing is no silence of ours."""
    rehearsal = Rehearsal({"api": {**CHECKED, "ready_timeout": 5.0}})
    outcomes = rehearsal.start()
    rehearsal.advance(5.0)
    (outcome,) = outcomes
    assert "not ready within 5 s; its check (notify) has not answered" in outcome.error.sentence


def test_a_start_up_counts_an_unchecked_service_only_after_it_outlived_a_moment():
    """`worker` has no check: the verdict waits 0.2 s."""
    rehearsal = Rehearsal({"worker": {}})
    outcomes = rehearsal.start()
    assert rehearsal.state("worker") is State.READY
    assert outcomes == []
    rehearsal.advance(0.2)
    assert outcomes[0].ok


def test_starting_one_brings_what_it_depends_on_and_nothing_else():
    """`start catalog`: migrate comes along, orders stays where it is."""
    rehearsal = Rehearsal(shop())
    rehearsal.start("catalog")
    rehearsal.exits("migrate", 0)
    rehearsal.passes("catalog")
    assert rehearsal.states() == {"migrate": "completed", "catalog": "ready", "orders": "pending", "worker": "pending"}


def test_a_gate_waits_for_all_replicas():
    """Two of db: both must be healthy."""
    rehearsal = Rehearsal({"db": {**CHECKED, "replicas": 2}, "api": {"depends_on": {"db": {}}}})
    rehearsal.start()
    rehearsal.passes("db.1")
    assert rehearsal.view("api").reason.text == "waits for db.2 (healthy)"
    rehearsal.passes("db.2")
    assert rehearsal.state("api") is State.READY


def test_a_completed_task_runs_again_only_when_named():
    """A plain `start` leaves it alone, `start migrate` runs it."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.start()
    assert rehearsal.view("migrate").generation == 1
    rehearsal.start("migrate")
    assert rehearsal.view("migrate").generation == 2


def test_an_optional_dependency_that_failed_holds_nobody_up():
    """Required = false: start all the same."""
    rehearsal = Rehearsal(
        {
            "cache": {"restart": {"policy": "no"}, "required": False},
            "api": {"depends_on": {"cache": {"required": False}}},
        }
    )
    rehearsal.engine.broken["cache.1"] = CommandNotFound("no cache")
    outcomes = rehearsal.start()
    rehearsal.advance(0.3)
    assert rehearsal.states() == {"cache": "failed", "api": "ready"}
    assert outcomes[0].ok


# Roll-back -------------------------------------------------------------------------------------------


def test_a_required_service_that_fails_rolls_the_start_up_back_in_reverse_order():
    """What this start-up started is stopped, dependents first; exit status 4."""
    rehearsal = Rehearsal(shop(orders={"ready_timeout": 5.0}))
    outcomes = rehearsal.start()
    rehearsal.exits("migrate", 0)
    rehearsal.passes("catalog")
    rehearsal.fails("orders", "HTTP 503")
    rehearsal.advance(5.0)
    assert rehearsal.states() == {"migrate": "completed", "catalog": "stopped", "orders": "failed", "worker": "skipped"}
    (outcome,) = outcomes
    assert (outcome.ok, outcome.status) == (False, 4)
    assert "not ready within 5 s; its check (notify): HTTP 503" in outcome.error.sentence
    assert rehearsal.loop.is_over
    assert rehearsal.loop.status == 4


def test_roll_back_leaves_alone_what_ran_before():
    """Catalog was up; a failed start of orders doesn't touch it."""
    rehearsal = Rehearsal(shop(orders={"restart": {"policy": "no"}}))
    rehearsal.start("catalog")
    rehearsal.exits("migrate", 0)
    rehearsal.passes("catalog")
    outcomes = rehearsal.start("orders")
    rehearsal.exits("orders", 3)
    assert rehearsal.states() == {"migrate": "completed", "catalog": "ready", "orders": "failed", "worker": "pending"}
    assert outcomes[0].status == 4
    assert not rehearsal.loop.is_over


def test_what_is_rolled_back_gets_no_trial_start_and_promises_none():
    """Neither the service that failed for good, nor one whose failure alone would have rolled nothing back."""
    quick = {"restart": {"delay": 0, "burst": 1, "cooldown": 30}}
    rehearsal = Rehearsal({"extra": {**quick, "required": False}, "api": quick, "web": CHECKED})
    outcomes = rehearsal.start()
    for label in ("extra", "extra", "api", "api"):
        rehearsal.exits(label, 3)
        rehearsal.advance(0)
    reason = "exited with code 3; circuit open after 2 failures within 60 s, no trial start"
    assert rehearsal.view("api").reason.text == reason
    (outcome,) = outcomes
    assert outcome.error.sentence.endswith(reason)
    assert rehearsal.states() == {"extra": "stopped", "api": "failed", "web": "stopped"}
    assert rehearsal.loop.is_over
    rehearsal.advance(100)
    assert rehearsal.states() == {"extra": "stopped", "api": "failed", "web": "stopped"}


def test_a_service_that_is_not_required_rolls_nothing_back():
    """Required = false: the others go on."""
    rehearsal = Rehearsal({"extra": {"required": False, "restart": {"policy": "no"}}, "api": CHECKED})
    outcomes = rehearsal.start()
    rehearsal.exits("extra", 1)
    rehearsal.passes("api")
    rehearsal.advance(0.3)
    assert rehearsal.states() == {"extra": "failed", "api": "ready"}
    assert outcomes[0].ok


def test_a_crash_during_start_up_is_retried_until_the_deadline():
    """The policy applies; ready_timeout spans all of the start-up's tries."""
    rehearsal = Rehearsal(
        {"api": {**CHECKED, "ready_timeout": 1.0, "restart": {"delay": 0.4, "factor": 1, "burst": 99}}}
    )
    outcomes = rehearsal.start()
    for _ in range(3):
        rehearsal.exits("api", 1)
        rehearsal.advance(0.4)
    assert rehearsal.state("api") is State.FAILED
    assert "not ready within 1 s" in rehearsal.view("api").reason.text
    assert outcomes[0].status == 4


def test_the_prober_is_told_whom_a_service_runs_as():
    """What it says READY=1 to must let that user in, also where a variable names the user."""
    user = {"api": "nobody", "web": "${RUN_AS:-www-data}"}
    rehearsal = Rehearsal({name: {**CHECKED, "user": user} for name, user in user.items()})
    rehearsal.start()
    assert {launch.instance: (launch.user, launch.env["NOTIFY_SOCKET"]) for launch in rehearsal.engine.launches} == {
        "api.1": ("nobody", "/fake/nobody/api.1.1"),
        "web.1": ("www-data", "/fake/www-data/web.1.1"),
    }


def test_a_stop_while_others_start_takes_down_what_was_named_alone():
    """What waits for it is skipped; what does not depend on it goes on, and the start-up tells who was stopped."""
    rehearsal = Rehearsal({"db": CHECKED, "api": {"depends_on": {"db": {}}}, "worker": {}})
    outcomes = rehearsal.start()
    rehearsal.engine.deaf = {"db.1"}
    rehearsal.stop("db")
    assert rehearsal.states() == {"db": "stopping", "api": "skipped", "worker": "ready"}
    rehearsal.exits("db", -15)
    assert rehearsal.states() == {"db": "stopped", "api": "skipped", "worker": "ready"}
    assert outcomes[0].error.sentence == "db was stopped while starting"
