"""Services forked from one process: it comes first and goes last, and they go on without it."""

from __future__ import annotations

import pytest

from launcher.testing import Rehearsal

APP = {"command": None, "app": "shop:app", "port": "auto"}


@pytest.fixture
def shop():
    """The services api and web are forked, and ready."""
    rehearsal = Rehearsal({"api": APP, "web": APP}, mode="forked")
    rehearsal.start()
    for name in ("host.forked", "api", "web"):
        rehearsal.passes(name, "READY=1")
    return rehearsal


def test_what_is_forked_is_asked_for_when_its_host_is_ready():
    """The host is told where to listen and whose imports to make; each fork what it serves, where."""
    one, other = APP, {**APP, "app": "admin:app", "directory": "admin", "pythonpath": ["lib"], "replicas": 2}
    rehearsal = Rehearsal({"api": one, "admin": other}, mode="forked")
    rehearsal.start()
    (launch,) = rehearsal.engine.launches
    channel = ("--zygote", "/run/host-forked.sock", "--group", "forked")
    admin = ("--share", "admin:app", "/project/admin", "/project/lib")
    assert launch.argv[3:] == (*channel, "--share", "shop:app", "/project", *admin, *admin)
    assert rehearsal.states() == {
        "host.forked": "starting",
        "api": "waiting",
        "admin.1": "waiting",
        "admin.2": "waiting",
    }
    rehearsal.passes("host.forked", "READY=1")
    assert rehearsal.forked.did == ["start api.1#1", "start admin.1#1", "start admin.2#1"]
    launch = rehearsal.forked.launches[1]
    assert (launch.argv, launch.shell, launch.directory) == ((), "", "/project/admin")
    assert launch.app is not None
    assert (launch.app.target, launch.app.group) == ("admin:app", "forked")


def test_what_is_to_be_imported_may_be_named():
    """Or nothing at all."""
    for modules in (["fastapi", "sqlalchemy.orm"], []):
        rehearsal = Rehearsal({"api": APP}, mode="forked", preload=modules)
        rehearsal.start()
        (launch,) = rehearsal.engine.launches
        assert launch.argv[7:] == tuple(word for module in modules for word in ("--preload", module))


def test_a_directory_that_is_unknown_yet_is_left_out():
    """Its own start tells of the variable that is not set."""
    rehearsal = Rehearsal({"api": {**APP, "directory": "${NOWHERE}"}, "web": APP}, mode="forked")
    rehearsal.start()
    (launch,) = rehearsal.engine.launches
    assert launch.argv[7:] == ("--share", "shop:app", "/project")


def test_all_stop_before_their_host(shop):
    (outcome,) = shop.stop()
    assert outcome.ok
    assert shop.log[-2:] == ["host.forked: ready → stopping", "host.forked: stopping → stopped"]


def test_a_host_that_crashes_leaves_what_it_has_forked(shop):
    """A start meanwhile waits for it."""
    shop.exits("host.forked", -9)
    shop.exits("api", 1)
    assert shop.states() == {"host.forked": "backoff", "api": "backoff", "web": "ready"}
    shop.advance(0.2)
    assert shop.states() == {"host.forked": "starting", "api": "waiting", "web": "ready"}
    shop.passes("host.forked", "READY=1")
    assert shop.states() == {"host.forked": "ready", "api": "starting", "web": "ready"}
    assert shop.forked.did == ["start api.1#1", "start web.1#1", "start api.1#2"]


def test_a_host_is_restarted_alone(shop):
    """So what has been installed anew is imported, before the services are restarted one by one."""
    outcomes = shop.restart("host.forked")
    shop.passes("host.forked", "READY=1")
    assert [outcome.ok for outcome in outcomes] == [True]
    assert shop.states() == {"host.forked": "ready", "api": "ready", "web": "ready"}
    assert shop.forked.did == ["start api.1#1", "start web.1#1"]


def test_one_that_does_not_end_is_killed_alone(shop):
    shop.forked.deaf.add("api.1")
    shop.stop("api")
    shop.advance(10)
    assert shop.forked.did[-3:] == ["stop api.1#1 SIGNAL", "stop api.1#1 KILL", "release api.1"]
    assert shop.states() == {"host.forked": "ready", "api": "stopped", "web": "ready"}


def test_the_host_ends_when_nothing_is_left_that_could_be_forked(shop):
    for name in ("api", "web"):
        shop.stop(name)
    assert shop.states()["host.forked"] == "stopped"
