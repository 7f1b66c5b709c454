"""Stopping, restarting, waiting and ending, as histories through the real loop."""

from __future__ import annotations

import pytest

from launcher.orchestrator.snapshot import State
from launcher.testing import Rehearsal
from tests.orchestrator.shop import CHECKED, shop, up

# Stop ------------------------------------------------------------------------------------------------


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


WAITS = {
    "a chain": (shop(), (), ["stopping worker; orders, catalog wait for it"]),
    "two that one waits for, and one that nobody does": (
        {"db": {}, "api": {"depends_on": {"db": {}}}, "web": {"depends_on": {"db": {}}}, "lonely": {}},
        (),
        ["stopping api, web; db waits for them"],
    ),
    "nothing waits": ({"api": {}, "web": {}}, (), []),
    "one that goes alone": (shop(), ("catalog",), []),
    "one that takes another along": (
        {"db": {}, "api": {"depends_on": {"db": {"on_loss": "stop"}}}},
        ("db",),
        ["stopping api; db waits for it"],
    ),
    "many": (
        {"db": {}, **{f"w{number}": {"depends_on": {"db": {}}} for number in range(10)}},
        (),
        ["stopping w0, w1, w2, w3, w4, w5, w6, w7 and 2 more; db waits for them"],
    ),
}


@pytest.mark.parametrize(("services", "named", "notes"), WAITS.values(), ids=WAITS)
def test_what_waits_for_others_to_stop_is_told_once(services, named, notes):
    """Otherwise nothing would be heard of it until they have ended."""
    rehearsal = Rehearsal(services)
    rehearsal.start()
    for name in services:
        if name == "migrate":
            rehearsal.exits(name, 0)
        elif "health" in services[name]:
            rehearsal.passes(name)
    rehearsal.engine.deaf = set(rehearsal.engine.running)
    rehearsal.stop(*named)
    assert rehearsal.notes == notes
    if not named:
        rehearsal.stop()
        rehearsal.signal(15)
        assert rehearsal.notes == [*notes, "SIGTERM received"]


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


# Restart ---------------------------------------------------------------------------------------------


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
    """It goes on as it is; --force starts what is missing, too, and leaves alone what is not."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.stop("catalog")
    (outcome,) = rehearsal.restart("orders")
    assert "orders is not restarted: catalog is stopped" in outcome.error.sentence
    assert rehearsal.state("orders") is State.READY
    generation = rehearsal.view("migrate").generation
    outcomes = rehearsal.restart("orders", force=True)
    assert rehearsal.view("orders").waits_for == ("catalog (healthy)",)
    rehearsal.passes("catalog")
    rehearsal.passes("orders")
    assert outcomes[0].ok
    assert rehearsal.state("catalog") is rehearsal.state("orders") is State.READY
    assert rehearsal.view("migrate").generation == generation


def test_a_restart_by_force_says_what_did_not_come_up():
    """It is skipped where what it depends on fails, as in any start."""
    rehearsal = up(Rehearsal(shop()))
    rehearsal.stop("catalog")
    outcomes = rehearsal.restart("orders", force=True)
    rehearsal.stop("catalog")
    assert not outcomes[0].ok
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
    assert str(outcome.error) == 'no service "catalgo", did you mean `catalog`?'


# Endings ---------------------------------------------------------------------------------------------


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
