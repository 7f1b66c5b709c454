"""`mode = "auto"`: who shares a process, who does not, and the reason that is given."""

from __future__ import annotations

import pytest

from launcher.plan.auto import Choice, Machine, choose
from launcher.plan.build import build, from_json, to_json
from launcher.plan.memory import MB, estimate
from launcher.plan.text import describe

from .plans import FREE, profile_of

APP = {"app": "shop:app"}
SMALL = Machine(processors=2)
LARGE = Machine(processors=64)
SHARED = Choice("apps", "3 apps on 2 processors: fewer than 2 for each")


def chosen(services, machine=SMALL, **settings):
    return choose(profile_of(services, **{"mode": "auto", **settings}), machine)


def four(**other):
    """Three apps that go together, and one that is as told."""
    return {"a": APP, "b": APP, "c": APP, "odd": {**APP, **other}}


OWN = {
    "user": ({"user": "nobody"}, "its `user` needs one"),
    "limits": ({"limits": {"memory": 1 << 20}}, "its `limits` needs one"),
    "signal": ({"stop": {"signal": "INT"}}, "its `stop.signal` needs one"),
    "stop command": ({"stop": {"command": "bye"}}, "its `stop.command` needs one"),
    "replicas": ({"replicas": 3}, "its 3 replicas need one each"),
    "read at start": ({"env": {"PYTHONHASHSEED": "1"}}, "its PYTHONHASHSEED is read when a process starts"),
    "directory": ({"directory": "other"}, "its `directory` is not that of a"),
    "python": ({"python": "/opt/python"}, "its `python` is not that of a"),
    "pythonpath": ({"pythonpath": ["src"]}, "its `pythonpath` is not that of a"),
    "said so": ({"placement": "own"}, 'placement = "own"'),
}


@pytest.mark.parametrize(("keys", "why"), OWN.values(), ids=OWN)
def test_what_keeps_one_in_a_process_of_its_own(keys, why):
    """The others share one all the same."""
    assert chosen(four(**keys)) == {"a": SHARED, "b": SHARED, "c": SHARED, "odd": Choice("", why)}


MACHINES = {
    "few processors": (3, SMALL, True, "3 apps on 2 processors: fewer than 2 for each"),
    "just too few": (3, Machine(processors=5), True, "3 apps on 5 processors: fewer than 2 for each"),
    "enough": (3, Machine(processors=6), False, "3 apps on 6 processors: 2 or more for each"),
    "a laptop and many services": (
        10,
        Machine(processors=8, memory=16_000 * MB),
        True,
        "10 apps on 8 processors: fewer than 2 for each",
    ),
    "enough, but little memory": (
        3,
        Machine(processors=6, memory=300 * MB),
        True,
        "3 apps on 6 processors, with too little memory for a process each",
    ),
    "enough of both": (3, Machine(processors=6, memory=1000 * MB), False, "3 apps on 6 processors: 2 or more for each"),
    "two apps": (2, SMALL, False, "too few can share one: 3 or more do"),
    "nothing known": (3, Machine(), True, "3 apps on 1 processor: fewer than 2 for each"),
}


@pytest.mark.parametrize(("count", "machine", "is_shared", "why"), MACHINES.values(), ids=MACHINES)
def test_number_of_apps_and_machine_decide(count, machine, is_shared, why):
    services = {f"s{number}": APP for number in range(count)}
    assert chosen(services, machine) == dict.fromkeys(services, Choice("apps" if is_shared else "", why))


def test_most_go_together_and_the_first_of_equals():
    """Not the first kind, but the largest."""
    services = {"odd": {**APP, "directory": "x"}, "a": APP, "b": APP, "c": APP}
    assert chosen(services)["odd"] == Choice("", "its `directory` is not that of a")
    assert chosen(services)["a"] == SHARED


def test_what_does_not_go_together_is_told_by_the_caller():
    """Asked once, for those that could; what is left counts."""
    asked = []

    def clashes(names):
        asked.append(list(names))
        return {"c": "its module is another"}

    services = {**four(), "d": {**APP, "user": "x"}}
    found = chosen(services, Machine(processors=2, clashes=clashes))
    assert asked == [["a", "b", "c", "odd"]]
    assert found["c"] == Choice("", "its module is another")
    assert found["odd"] == SHARED


def test_placement_goes_before_the_mode():
    """Who is placed with others sets what these have to agree with, and needs no third."""
    services = {
        "a": {**APP, "directory": "x", "placement": "merged"},
        "b": {**APP, "directory": "x"},
        "c": APP,
        "d": {**APP, "placement": "merged:back"},
    }
    assert chosen(services, LARGE) == {
        "a": Choice("apps", 'placement = "merged"'),
        "b": Choice("apps", "it can join those that a is placed with"),
        "c": Choice("", "its `directory` is not that of a"),
        "d": Choice("back", 'placement = "merged:back"'),
    }


def test_one_port_under_several_prefixes_has_one_process():
    """However few they are, and however large the machine."""
    services = {name: {**APP, "port": 9000, "prefix": f"/{name}"} for name in ("a", "b")}
    assert chosen(services, LARGE) == dict.fromkeys(services, Choice("apps", "several are to be on port 9000"))
    assert build(profile_of(services, mode="auto"), is_free=FREE, machine=LARGE).ports == {"a": (9000,), "b": (9000,)}


@pytest.mark.parametrize("mode", ["multi", "single"])
def test_other_modes_choose_nothing(mode):
    assert chosen(four(), mode=mode) == {}


def test_no_app_no_choice():
    assert chosen({"db": {}}) == {}


def test_the_choice_is_the_same_whatever_is_started():
    """A part of the profile is placed as the whole would be."""
    profile = profile_of(four(user="x"), mode="auto")
    whole = build(profile, is_free=FREE, machine=SMALL)
    part = build(profile, select=["b"], is_free=FREE, machine=SMALL)
    assert part.instances == {name: whole.instances[name] for name in ("host.apps", "b.1")} | {
        "b.1": part.instances["b.1"]
    }
    assert part.instances["b.1"].placed == whole.instances["b.1"].placed


def test_the_plan_keeps_and_shows_the_reasons_and_the_memory():
    plan = build(profile_of({**four(user="x"), "db": {}}, mode="auto"), is_free=FREE, machine=SMALL)
    assert from_json(to_json(plan)) == plan
    text = describe(plan)
    assert "    in       host.apps: 3 apps on 2 processors: fewer than 2 for each\n" in text
    assert "    in       its own process: its `user` needs one\n" in text
    assert "\nmemory: about 74 MB, an estimate (`launcher measure` measures it); commands are not counted\n" in text


def test_memory_is_estimated_for_each_process():
    """A component takes little beside its host; a command is not known."""
    plan = build(profile_of({**four(user="x"), "db": {}}, mode="auto"), is_free=FREE, machine=SMALL)
    found = estimate(plan)
    assert found.instances["host.apps"] > found.instances["odd.1"] > 10 * found.instances["a.1"]
    assert found.total == sum(found.instances.values())
    assert found.unknown == ("db",)
    multi, single, forked = (
        estimate(build(profile_of({**four(), "db": {}}, mode=mode), is_free=FREE))
        for mode in ("multi", "single", "forked")
    )
    assert multi.total == 4 * multi.instances["a.1"]
    assert multi.total > forked.total > forked.instances["host.forked"] > single.total - forked.instances["a.1"]
