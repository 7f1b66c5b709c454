"""A component that takes its host along again and again, or cannot share it at all, gets a process of its own."""

from __future__ import annotations

from launcher.plan.model import Edge
from launcher.plan.placement import apart
from launcher.profile.model import Condition, EngineName
from launcher.testing import Rehearsal

APP = {"command": None, "app": "shop:app", "port": "auto"}
NEEDS_DB = {**APP, "depends_on": {"db": {}}}
#: With mode "auto": its process is that of the others, since one is there already.
SHARED = {**APP, "placement": "merged"}
LOOPS = "its import calls asyncio.run (/srv/bad.py:1)"
MOVED = "bad gets a process of its own: it has taken host.apps along 5 times within 60 s"


def up(**services):
    """These are components, and ready."""
    shop = Rehearsal(services, mode="single")
    shop.start()
    rise(shop)
    return shop


def up_by_choice(**services):
    """With mode "auto" these are components, and start; their process is there."""
    shop = Rehearsal(services, mode="auto")
    shop.start()
    shop.passes("host.apps", "READY=1")
    return shop


def refuse(shop, *, spoilt=False):
    """The import of `bad` shows that it can share no process."""
    shop.merged.end("bad.1", 1, unshareable=LOOPS, spoilt=spoilt)
    shop.settle()


def rise(shop):
    """All that starts becomes ready, in order."""
    while starting := [label for label, state in shop.states().items() if state == "starting"]:
        for label in starting:
            shop.passes(label, "READY=1")


def fall(shop, times=1, *, because_of="bad", apart_by=2.0):
    """The host ends so often, and all comes back before the next time."""
    for _ in range(times):
        rise(shop)
        shop.exits("host.apps", 3, because_of=because_of)
        shop.advance(apart_by)


def places(shop):
    return {view.label: view.host for view in shop.loop.snapshot.instances if view.label != "host.apps"}


def test_it_is_moved_at_the_last_time_before_circuits_open():
    """The others stay; no circuit opens, and all become ready."""
    shop = up(bad=APP, good=APP)
    fall(shop, 4)
    assert MOVED not in shop.notes
    fall(shop)
    assert MOVED in shop.notes
    assert places(shop) == {"bad": "", "good": "host.apps"}
    rise(shop)
    assert set(shop.states().values()) == {"ready"}


def test_it_goes_on_with_its_socket():
    """Which nobody lets go of meanwhile."""
    shop = up(bad=APP, good=APP)
    fall(shop, 5)
    assert not [did for did in shop.merged.did if did.startswith("release")]
    (launch,) = [launch for launch in shop.engine.launches if launch.instance == "bad.1"]
    assert launch.app is None
    assert launch.argv[3] == "shop:app"
    assert [held.port for held in launch.sockets] == [shop.view("bad").port]


def test_it_waits_for_its_host_no_more_but_for_the_others():
    shop = up(db={}, bad=NEEDS_DB, good=APP)
    fall(shop, 5)
    assert shop.states() == {"host.apps": "starting", "db": "ready", "bad": "starting", "good": "waiting"}
    edges = [edge for edge in shop.loop.stage.plan.edges if edge.dependent == "bad"]
    assert [edge.dependency for edge in edges] == ["db"]


def test_one_that_is_not_to_blame_is_not_moved():
    """Nor is anybody, when it cannot be told who was."""
    shop = up(bad=APP, good=APP)
    fall(shop, 5, because_of="")
    assert places(shop) == {"bad": "host.apps", "good": "host.apps"}


def test_those_that_are_taken_along_have_not_failed():
    """Only the one that is to blame; a circuit of theirs would be its doing."""
    shop = up(bad={**APP, "restart": {"burst": 9}}, good={**APP, "restart": {"burst": 1}})
    fall(shop, 5)
    rise(shop)
    assert shop.states()["good"] == "ready"


def test_what_is_long_ago_does_not_count():
    shop = up(bad=APP, good=APP)
    fall(shop, 8, apart_by=16)
    assert places(shop)["bad"] == "host.apps"


def test_a_smaller_burst_counts():
    """Its own, if that is smaller than that of the host."""
    shop = up(bad={**APP, "restart": {"burst": 2}}, good=APP)
    fall(shop, 2)
    assert "bad gets a process of its own: it has taken host.apps along 2 times within 60 s" in shop.notes


def test_one_that_shares_its_port_is_not_moved():
    """One socket cannot be in two processes; that is said, once."""
    shop = up(bad={**APP, "prefix": "/bad"}, good={**APP, "prefix": "/good"})
    fall(shop, 5)
    assert places(shop) == {"bad": "host.apps", "good": "host.apps"}
    told = (
        "bad cannot get a process of its own, for it shares port 8000 with good: it has taken host.apps along 5 times"
    )
    assert [note for note in shop.notes if note.startswith(told)] == [f"{told} within 60 s"]


def test_a_host_in_which_nobody_is_left_ends():
    shop = up(bad=APP)
    fall(shop, 5)
    rise(shop)
    assert shop.states() == {"host.apps": "stopped", "bad": "ready"}


def test_one_whose_import_cannot_be_shared_is_moved_at_once():
    """Nothing is counted and no back-off waited for: that was no failure."""
    shop = up_by_choice(good=SHARED, bad=APP)
    refuse(shop)
    assert f"bad gets a process of its own: {LOOPS}" in shop.notes
    assert places(shop) == {"good": "host.apps", "bad": ""}
    assert shop.log[-2:] == ["bad: starting → waiting", "bad: waiting → starting"]
    assert [launch.argv[3] for launch in shop.engine.launches if launch.instance == "bad.1"] == ["shop:app"]
    assert shop.view("bad").restarts == 0
    assert shop.loop.stage.board.lives["bad.1"].tally.failures == ()
    rise(shop)
    assert set(shop.states().values()) == {"ready"}


def test_it_takes_its_socket_along():
    shop = up_by_choice(good=SHARED, bad=APP)
    refuse(shop)
    assert not [did for did in shop.merged.did if did.startswith("release")]
    assert shop.engine.launches[-1].sockets[0].port == shop.view("bad").port


def test_a_host_that_it_has_changed_for_all_starts_anew():
    """With those that stay, which have not failed."""
    shop = up_by_choice(good=SHARED, bad=APP)
    shop.passes("good", "READY=1")
    refuse(shop, spoilt=True)
    assert "restarting host.apps: bad has changed it for all that runs in it" in shop.notes
    assert shop.states() == {"host.apps": "starting", "good": "waiting", "bad": "starting"}
    rise(shop)
    assert (set(shop.states().values()), places(shop)["bad"]) == ({"ready"}, "")
    assert shop.loop.stage.board.lives["good.1"].tally.failures == ()


def test_its_policy_does_not_matter():
    """With `restart = "no"` it is not a restart, either; and the time that its start may take goes on."""
    shop = up_by_choice(good=SHARED, bad={**APP, "restart": {"policy": "no"}, "ready_timeout": 5})
    shop.advance(4)
    refuse(shop)
    assert shop.states()["bad"] == "starting"
    shop.advance(1.5)
    assert shop.states()["bad"] in {"stopping", "failed"}


def test_one_that_the_profile_has_placed_there_has_failed():
    """In mode "single", and with `placement`: who said so has to say otherwise."""
    single = Rehearsal({"good": APP, "bad": APP}, mode="single")
    single.start()
    single.passes("host.apps", "READY=1")
    for shop in (single, up_by_choice(good=SHARED, bad=SHARED)):
        refuse(shop)
        assert places(shop)["bad"] == "host.apps"
        assert shop.states()["bad"] == "backoff"


def test_one_that_cannot_be_shared_and_shares_its_port_has_failed():
    """That is said once, and not at each try."""
    shop = up_by_choice(good={**SHARED, "prefix": "/good"}, bad={**APP, "prefix": "/bad"})
    for _ in range(2):
        refuse(shop)
        shop.advance(1)
    assert places(shop)["bad"] == "host.apps"
    told = f"bad cannot get a process of its own, for it shares port 8000 with good: {LOOPS}"
    assert shop.notes.count(told) == 1


def test_one_that_is_being_stopped_is_not_moved():
    shop = up_by_choice(good=SHARED, bad=APP)
    shop.merged.deaf.add("bad.1")
    shop.stop("bad")
    refuse(shop)
    assert (shop.states()["bad"], places(shop)["bad"]) == ("stopped", "host.apps")


def test_the_plan_has_it_in_a_process_of_its_own():
    plan = up(bad=NEEDS_DB, db={}, good=APP).plan
    moved = apart(plan, "bad", "it was told to")
    one = moved.instances["bad.1"]
    assert (one.engine, one.group, one.placed) == (EngineName.LOCAL, "", "it was told to")
    assert moved.edges_from("bad") == [Edge(dependent="bad", dependency="db", condition=Condition.STARTED)]
    assert moved.layers == (("host.apps", "db"), ("bad", "good"))
    assert {**moved.instances, "bad.1": plan.instances["bad.1"]} == plan.instances
