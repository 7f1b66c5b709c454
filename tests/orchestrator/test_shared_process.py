"""Services that share a process: their host comes first, goes last, and takes them with it."""

from __future__ import annotations

import pytest

from launcher.orchestrator.events import Meddled
from launcher.orchestrator.orders import Can
from launcher.testing import Rehearsal

APP = {"command": None, "app": "shop:app", "port": "auto"}


def up(**services):
    """These are components, and ready."""
    rehearsal = Rehearsal(services, mode="single")
    rehearsal.start()
    for name in ("host.apps", *services):
        rehearsal.passes(name, "READY=1")
    return rehearsal


@pytest.fixture
def shop():
    """The service web needs api."""
    return up(api=APP, web={**APP, "depends_on": {"api": {}}})


def test_a_component_starts_when_its_host_is_ready():
    """Not before; and the host is told where to listen."""
    rehearsal = Rehearsal({"api": APP}, mode="single")
    rehearsal.start()
    assert rehearsal.states() == {"host.apps": "starting", "api": "waiting"}
    (launch,) = rehearsal.engine.launches
    assert launch.argv[3:] == ("--channel", "/run/host-apps.sock", "--group", "apps", "--grace", "11.5")
    rehearsal.passes("host.apps", "READY=1")
    assert rehearsal.merged.did == ["start api.1#1"]
    (launch,) = rehearsal.merged.launches
    assert (launch.argv, launch.shell) == ((), "")
    assert launch.app is not None
    assert (launch.app.target, launch.app.group, launch.app.drain) == ("shop:app", "apps", 5.0)


def test_all_stop_before_their_host(shop):
    (outcome,) = shop.stop()
    assert outcome.ok
    assert shop.log[-6:] == [
        "web: ready → stopping",
        "web: stopping → stopped",
        "api: ready → stopping",
        "api: stopping → stopped",
        "host.apps: ready → stopping",
        "host.apps: stopping → stopped",
    ]


def test_a_host_that_crashes_takes_its_components_with_it_and_all_start_again(shop):
    shop.exits("host.apps", -9)
    assert shop.states() == {"host.apps": "backoff", "web": "backoff", "api": "backoff"}
    shop.advance(0.2)
    assert shop.states() == {"host.apps": "starting", "web": "waiting", "api": "waiting"}
    for name in ("host.apps", "api", "web"):
        shop.passes(name, "READY=1")
    assert set(shop.states().values()) == {"ready"}


def test_a_component_that_does_not_end_is_ended_with_its_host():
    """The others are asked to end first; the one that hangs is not waited for, and is stopped all the same."""
    shop = up(api=APP, web=APP)
    shop.merged.deaf.add("api.1")
    shop.stop("api")
    shop.advance(10)
    assert "api does not end: restarting host.apps, in which it runs" in shop.notes
    assert "stop web.1#1 SIGNAL" in shop.merged.did
    assert "stop api.1#1 KILL" not in shop.merged.did
    assert "stop host.apps#1 SIGNAL" in shop.engine.did
    shop.merged.end("api.1", 1)
    shop.settle()
    assert shop.states() == {"host.apps": "starting", "web": "waiting", "api": "stopped"}


def test_what_one_did_to_the_others_is_told_with_its_name(shop):
    """It moves nothing; of an earlier start it is not told."""
    for generation in (0, 1):
        shop.loop.post(Meddled("api.1", generation, "changed the umask from 0022 to 0000: put back"))
    shop.settle()
    assert shop.notes.count("api changed the umask from 0022 to 0000: put back") == 1
    assert set(shop.states().values()) == {"ready"}


def test_one_that_has_failed_goes_on_to_be_answered_for():
    """Its socket is let go of when it is stopped; that of one that was stopped is at once."""
    shop = up(api={**APP, "restart": {"policy": "no"}}, web=APP)
    shop.exits("api")
    assert shop.states()["api"] == "failed"
    assert shop.merged.did[-1] == "stand in for api.1: exited with code 1"
    assert "release api.1" not in shop.merged.did
    shop.stop("api")
    assert "release api.1" in shop.merged.did
    shop.stop("web")
    assert "release web.1" in shop.merged.did


def test_one_that_was_not_ready_in_time_is_answered_for_too():
    """It was asked to end, as one that is to stop or to restart is: that it has failed only the loop knows."""
    shop = Rehearsal({"api": {**APP, "ready_timeout": 1, "required": False}, "web": APP}, mode="single")
    shop.start()
    for name in ("host.apps", "web"):
        shop.passes(name, "READY=1")
    shop.advance(1)
    assert shop.merged.did[-2:] == ["stop api.1#1 SIGNAL", f"stand in for api.1: {shop.view('api').reason.text}"]


def test_a_host_ends_when_nothing_is_left_that_could_run(shop):
    """It is there for its components alone."""
    shop.stop("web")
    assert shop.states()["host.apps"] == "ready"
    shop.stop("api")
    assert shop.states() == {"host.apps": "stopped", "web": "stopped", "api": "stopped"}
    assert shop.loop.is_over
    assert shop.loop.status == 0


def test_restarting_a_host_with_force_ends_what_runs_in_it_first(shop):
    """As does any restart of one whose engine cannot have two of it at once."""
    shop.restart("host.apps", force=True)
    assert shop.merged.did[-2:] == ["stop web.1#1 SIGNAL", "stop api.1#1 SIGNAL"]
    assert shop.states() == {"host.apps": "starting", "web": "waiting", "api": "waiting"}


def test_stopping_a_host_stops_what_runs_in_it_first(shop):
    """In order, as for any stop; and nothing of it is tried again."""
    (outcome,) = shop.stop("host.apps")
    assert outcome.ok
    assert shop.merged.did[-4:] == ["stop web.1#1 SIGNAL", "release web.1", "stop api.1#1 SIGNAL", "release api.1"]
    assert set(shop.states().values()) == {"stopped"}
    assert shop.view("api").reason.text.startswith("stopped by command, for what it depends on stops")


def test_what_had_failed_in_a_host_is_answered_for_no_more_when_that_stops():
    shop = up(api={**APP, "restart": {"policy": "no"}}, web=APP)
    shop.exits("api", 1)
    assert shop.states()["api"] == "failed"
    shop.stop("host.apps")
    assert "release api.1" in shop.merged.did
    assert set(shop.states().values()) == {"stopped"}


def test_starting_a_host_starts_what_runs_in_it(shop):
    """It is there for nothing else."""
    shop.stop("host.apps")
    shop.start("host.apps")
    assert shop.states() == {"host.apps": "starting", "web": "waiting", "api": "waiting"}


def test_what_ended_with_a_host_that_was_told_to_end_has_not_failed(shop):
    """However often that is: all start again, and no circuit opens."""
    for _ in range(7):
        shop.exits("host.apps", 0, because_of="host.apps")
        assert shop.states()["api"] == "backoff"
        shop.advance(20)
        for name in ("host.apps", "api", "web"):
            shop.passes(name, "READY=1")
    assert set(shop.states().values()) == {"ready"}


def test_nothing_starts_in_a_host_that_is_ending(shop):
    """What has ended with it waits for the next, however long this one takes."""
    from launcher.orchestrator.events import Exited  # noqa: PLC0415

    shop.merged.running.pop("api.1")
    shop.loop.post(Exited("api.1", 1, 1, "host.apps, in which it ran, is ending", "host.apps"))
    shop.settle()
    shop.advance(5)
    assert shop.states() == {"host.apps": "unhealthy", "api": "waiting", "web": "waiting"}
    shop.exits("host.apps", 0)
    shop.advance(1)
    for name in ("host.apps", "api", "web"):
        shop.passes(name, "READY=1")
    assert set(shop.states().values()) == {"ready"}


def test_why_a_component_ended_is_told(shop):
    """What the host says goes before the exit code."""
    from launcher.orchestrator.events import Exited  # noqa: PLC0415

    shop.merged.running.pop("api.1")
    shop.loop.post(Exited("api.1", 1, 3, "it called sys.exit(3)"))
    shop.settle()
    assert shop.view("api").reason.text == "it called sys.exit(3); starts again in 0.1 s"


def test_a_restart_begins_the_next_generation_beside_the_one_that_serves(shop):
    """It stays ready all the while; its dependents see nothing of it."""
    (answer,) = [shop.restart("api")]
    assert shop.merged.did[-1] == "renew api.1#2"
    assert (shop.state("api"), shop.view("api").generation, answer) == ("ready", 1, [])
    shop.renews("api")
    assert (shop.state("api"), shop.view("api").generation) == ("ready", 2)
    assert answer[0].ok
    assert shop.prober.watched["api.1"] == 2
    assert shop.view("api").reason.text == "restarted by command; in the same process: 2 modules imported anew"
    assert "stop api.1#1 SIGNAL" not in shop.merged.did
    assert shop.states()["web"] == "ready"


def test_new_code_that_does_not_start_leaves_the_old_one_serving(shop):
    """The command says why, and ends with 1."""
    answer = shop.restart("api")
    shop.keeps("api", 'importing "api" raised SyntaxError')
    assert (shop.state("api"), shop.view("api").generation) == ("ready", 1)
    assert not answer[0].ok
    assert answer[0].status == 1
    assert answer[0].error is not None
    assert answer[0].error.sentence == (
        'api goes on as it was, for its new code did not start: importing "api" raised SyntaxError'
    )
    assert shop.prober.watched["api.1"] == 1
    shop.restart("api")
    shop.renews("api")
    assert shop.view("api").generation == 2


def test_where_there_cannot_be_two_processes_all_of_it_starts_anew(shop):
    """In order, and it is said what was done."""
    shop.engine.can -= {Can.OVERLAP}
    answer = shop.restart("api")
    shop.keeps("api", "its module fast is no Python code", needs_process=True)
    assert "restarting host.apps for the new code of api: its module fast is no Python code" in shop.notes
    assert shop.states() == {"host.apps": "starting", "web": "waiting", "api": "waiting"}
    for name in ("host.apps", "api", "web"):
        shop.passes(name, "READY=1")
    assert answer[0].ok
    assert shop.view("api").generation == 2


def test_one_that_ends_while_its_next_generation_begins_has_failed(shop):
    shop.restart("api")
    shop.exits("api")
    assert shop.state("api") == "backoff"


def test_a_stop_reaches_the_generation_that_has_come_in_meanwhile(shop):
    """The word crossed with the news."""
    shop.restart("api")
    shop.merged.deaf.add("api.1")
    shop.stop("api")
    assert shop.state("api") == "stopping"
    shop.merged.deaf.clear()
    shop.renews("api")
    assert shop.merged.did[-2:] == ["stop api.1#2 SIGNAL", "release api.1"]
    assert shop.state("api") == "stopped"


def test_a_restart_with_force_ends_it_first(shop):
    shop.restart("api", force=True)
    assert "stop api.1#1 SIGNAL" in shop.merged.did
    assert not any(done.startswith("renew") for done in shop.merged.did)


def test_a_restart_of_a_host_together_with_what_it_needs_is_in_order():
    """A database that restarts too is there before what needs it, as after any restart of all."""
    shop = up(api={**APP, "depends_on": {"db": {}}}, db={"health": {"notify": True}})
    shop.restart()
    assert "stop api.1#1 SIGNAL" in shop.merged.did
    assert shop.states() == {"host.apps": "starting", "api": "waiting", "db": "starting"}
