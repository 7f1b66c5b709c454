"""What the loop does: histories played through the real loop with a fake engine. Each test's sentence is the law."""

from __future__ import annotations

import pytest

from launcher.errors import CommandNotFound
from launcher.orchestrator.snapshot import State
from launcher.testing import Rehearsal

CHECKED = {"health": {"notify": True, "start_period": 0.0, "retries": 2}}


def shop(**changes):
    """Migrate (task) ← catalog ← orders ← worker; orders is checked, worker is not."""
    services = {
        "migrate": {"kind": "task"},
        "catalog": {**CHECKED, "depends_on": {"migrate": {}}},
        "orders": {**CHECKED, "depends_on": {"catalog": {}}},
        "worker": {"depends_on": {"orders": {}}},
    }
    for name, more in changes.items():
        services[name] = {**services[name], **more}
    return services


def up(rehearsal):
    """Bring the shop up."""
    outcomes = rehearsal.start()
    rehearsal.exits("migrate", 0)
    rehearsal.passes("catalog")
    rehearsal.passes("orders")
    rehearsal.advance(0.3)
    (outcome,) = outcomes
    assert outcome.ok, outcome
    rehearsal.log.clear()
    return rehearsal


# Start ----------------------------------------------------------------------------------------------------------


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


# Roll-back ------------------------------------------------------------------------------------------------------


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
    assert "not ready within 5 s; the last check: HTTP 503" in outcome.error.sentence
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


# Restart rule ---------------------------------------------------------------------------------------------------


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


# Health ---------------------------------------------------------------------------------------------------------


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


# Losing a dependency --------------------------------------------------------------------------------------------


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


# Stop -----------------------------------------------------------------------------------------------------------


def test_everything_stops_in_reverse_order():
    """Nobody is stopped while a dependent still runs."""
    rehearsal = up(Rehearsal(shop()))
    outcomes = rehearsal.stop()
    assert rehearsal.log == [
        "worker: ready → stopping",
        "worker: stopping → stopped",
        "orders: ready → stopping",
        "orders: stopping → stopped",
        "catalog: ready → stopping",
        "catalog: stopping → stopped",
    ]
    assert outcomes[0].ok
    assert rehearsal.loop.is_over
    assert rehearsal.loop.status == 0


def test_independent_services_stop_at_once():
    """Both are asked before either has gone."""
    rehearsal = Rehearsal({"a": {}, "b": {}})
    rehearsal.start()
    rehearsal.engine.deaf = {"a.1", "b.1"}
    rehearsal.stop()
    assert [line for line in rehearsal.engine.did if line.startswith("stop")] == [
        "stop a.1#1 SIGNAL",
        "stop b.1#1 SIGNAL",
    ]


def test_stop_names_one_and_takes_only_those_whose_edge_says_so():
    """`stop catalog`: orders goes on (ignore); with on_loss = stop it goes first."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.stop("catalog")
    assert rehearsal.states() == {"migrate": "completed", "catalog": "stopped", "orders": "ready", "worker": "ready"}
    rehearsal = up(Rehearsal(shop(orders={"depends_on": {"catalog": {"on_loss": "stop"}}})))
    rehearsal.stop("catalog")
    assert rehearsal.states() == {"migrate": "completed", "catalog": "stopped", "orders": "stopped", "worker": "ready"}
    assert rehearsal.log[0] == "orders: ready → stopping"


def test_past_grace_it_is_killed():
    """The grace timer is the loop's."""
    rehearsal = Rehearsal({"api": {"stop": {"grace": 3.0}}})
    rehearsal.start()
    rehearsal.engine.deaf = {"api.1"}
    rehearsal.stop("api")
    rehearsal.advance(2.9)
    assert rehearsal.state("api") is State.STOPPING
    rehearsal.advance(0.1)
    assert rehearsal.state("api") is State.STOPPED
    assert rehearsal.view("api").exit_code == -9


def test_the_second_interrupt_kills():
    """Ctrl-C asks, Ctrl-C again kills all that is left; exit 130."""
    rehearsal = Rehearsal({"api": {}, "db": {}})
    rehearsal.start()
    rehearsal.engine.deaf = {"api.1", "db.1"}
    rehearsal.signal(2)
    assert not rehearsal.loop.is_over
    rehearsal.signal(2)
    assert rehearsal.loop.is_over
    assert rehearsal.loop.status == 130


def test_an_interrupt_during_start_up_stops_what_was_started_and_starts_nothing_more():
    """What waits is no longer wanted."""
    rehearsal = Rehearsal(shop())
    outcomes = rehearsal.start()
    rehearsal.signal(2)
    assert rehearsal.states() == {"migrate": "stopped", "catalog": "stopped", "orders": "stopped", "worker": "stopped"}
    assert rehearsal.loop.status == 130
    assert not outcomes[0].ok


def test_what_crashes_while_it_waits_to_be_stopped_is_not_restarted():
    """Catalog ends by itself while orders, its dependent, takes its time."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.engine.deaf = {"orders.1"}
    rehearsal.stop()
    rehearsal.exits("catalog", 1)
    assert rehearsal.state("catalog") is State.STOPPED


# Restart --------------------------------------------------------------------------------------------------------


def test_restart_takes_one_and_the_dependents_whose_edge_says_so():
    """Dependents go first and come back after it."""
    rehearsal = up(Rehearsal(shop(orders={"depends_on": {"catalog": {"on_loss": "restart"}}})))
    outcomes = rehearsal.restart("catalog")
    assert rehearsal.log[:4] == [
        "orders: ready → stopping",
        "orders: stopping → waiting",
        "catalog: ready → stopping",
        "catalog: stopping → waiting",
    ]
    rehearsal.passes("catalog")
    rehearsal.passes("orders")
    assert outcomes[0].ok
    assert rehearsal.view("orders").generation == 2
    assert rehearsal.view("worker").generation == 1


def test_restart_is_refused_when_a_gate_could_not_open():
    """It goes on as it is; --force restarts all the same."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.stop("catalog")
    (outcome,) = rehearsal.restart("orders")
    assert "orders is not restarted: catalog is stopped" in outcome.error.sentence
    assert rehearsal.state("orders") is State.READY
    rehearsal.restart("orders", force=True)
    assert rehearsal.state("orders") is State.SKIPPED


@pytest.mark.parametrize(
    ("command", "generation", "state"),
    [("start", 2, "starting"), ("restart", 2, "starting"), ("stop", 1, "stopped")],
)
def test_commands_during_back_off(command, generation, state):
    """A start or restart cuts it short, a stop ends it."""
    rehearsal = Rehearsal({"api": {**CHECKED, "restart": {"delay": 60.0}}, "other": {}})
    rehearsal.start()
    rehearsal.exits("api", 1)
    getattr(rehearsal, command)("api")
    view = rehearsal.view("api")
    assert (view.generation, view.state) == (generation, state)


def test_start_while_stopping_starts_again_once_it_has_stopped():
    """Nothing is lost, and nothing runs twice."""
    rehearsal = Rehearsal({"api": {}, "other": {}})
    rehearsal.start()
    rehearsal.engine.deaf = {"api.1"}
    rehearsal.stop("api")
    rehearsal.start("api")
    assert rehearsal.state("api") is State.STOPPING
    rehearsal.exits("api", 0)
    assert rehearsal.view("api").generation == 2
    assert rehearsal.state("api") is State.READY


def test_restart_while_waiting_goes_on_waiting():
    """The command is legal and changes nothing."""
    rehearsal = Rehearsal(shop())
    rehearsal.start()
    rehearsal.restart("orders")
    assert rehearsal.state("orders") is State.WAITING


def test_an_unknown_service_is_an_error_with_the_nearest_name():
    """Nothing happens."""
    rehearsal = up(Rehearsal(shop()))
    (outcome,) = rehearsal.stop("catalgo")
    assert str(outcome.error) == 'no service "catalgo": did you mean `catalog`?'


# Endings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "status"), [(0, 0), (1, 1)])
def test_the_launcher_ends_when_nothing_is_left_that_can_run(code, status):
    """0 if all completed, else 1."""
    rehearsal = Rehearsal({"task": {"kind": "task", "required": False}})
    rehearsal.start()
    rehearsal.exits("task", code)
    assert rehearsal.loop.is_over
    assert rehearsal.loop.status == status


def test_a_wait_ends_with_the_state_reached():
    """Ready for all, or lost for one."""
    rehearsal = Rehearsal(shop())
    rehearsal.start()
    outcomes = rehearsal.wait("catalog")
    assert outcomes == []
    rehearsal.exits("migrate", 0)
    rehearsal.passes("catalog", "HTTP 200")
    assert outcomes[0].lines == ("catalog is ready",)
    lost = rehearsal.wait("worker")
    rehearsal.stop("orders")
    assert not lost[0].ok


def test_generations_go_on_from_what_was_remembered():
    """A new launcher never reuses a number."""
    from launcher.orchestrator.state import read  # noqa: PLC0415  (used once)

    first = up(Rehearsal(shop()))
    second = up(Rehearsal(shop(), memory=read(first.store.text)))
    assert second.view("catalog").generation == 2
