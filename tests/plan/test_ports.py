"""Ports: asked for by number, drawn, kept."""

from __future__ import annotations

from typing import Any

import pytest

from launcher.plan.build import build
from launcher.plan.ports import conflicts, draw
from launcher.profile.sizes import parse_ports

from .plans import FREE, profile_of

AUTO = {"port": "auto"}


DRAWS = [
    ("8000 to 8010 first", "7999-8012", {}, {}, 14, [*range(8000, 8011), 7999, 8011, 8012]),
    ("a range without them", "9000-9002", {}, {}, 3, [9000, 9001, 9002]),
    ("taken ones are passed over", "8000-8099", {8000, 8002}, {}, 2, [8001, 8003]),
    ("kept, though it counts as taken", "8000-8099", {8001}, {"s0": 8001}, 2, [8001, 8000]),
    ("kept by a later one", "8000-8099", {}, {"s1": 8000}, 2, [8001, 8000]),
    ("kept outside the range", "8000-8099", {}, {"s0": 9999}, 2, [9999, 8000]),
    ("recorded twice: the first keeps it", "8000-8099", {}, {"s0": 8005, "s1": 8005}, 2, [8005, 8000]),
    ("recorded by a stranger", "8000-8099", {}, {"other": 8000}, 1, [8000]),
    ("a range of one", "9000", {}, {}, 2, [9000]),
    ("none left", "8000-8001", {8000}, {}, 2, [8001]),
]


@pytest.mark.parametrize(
    ("text", "taken", "recorded", "count", "expected"), [case[1:] for case in DRAWS], ids=[case[0] for case in DRAWS]
)
def test_draws(text: str, taken: set[int], recorded: dict[str, int], count: int, expected: list[int]) -> None:
    """Each instance gets a port in turn, its own of before if it had one."""
    names = [f"s{number}" for number in range(count)]
    span = parse_ports(text)
    drawn = draw(names, span=span, asked=(), recorded=recorded, is_free=lambda port: port not in taken)
    assert list(drawn.values()) == expected


def test_numbers_asked_for_are_never_drawn() -> None:
    """Neither free nor recorded ones."""
    drawn = draw(["a", "b"], span=parse_ports("8000-8009"), asked={8000, 8001}, recorded={"a": 8001}, is_free=FREE)
    assert drawn == {"a": 8002, "b": 8003}


def test_free_is_asked_only_as_often_as_needed() -> None:
    """A recorded port is not probed, and no port is after the last was found."""
    asked: list[int] = []

    def is_free(port: int) -> bool:
        asked.append(port)
        return port != 8000

    draw(["a", "b"], span=parse_ports("8000-8099"), asked=(), recorded={"a": 8050}, is_free=is_free)
    assert asked == [8000, 8001]


PLANS: list[tuple[str, dict[str, dict[str, Any]], list[int | None]]] = [
    ("none wanted", {"a": {}}, [None]),
    ("in order of definition", {"a": AUTO, "b": {}, "c": AUTO}, [8000, None, 8001]),
    ("a number, and replicas", {"a": {"port": 9000, "replicas": 3}}, [9000, 9001, 9002]),
    ("auto, and replicas", {"a": AUTO | {"replicas": 2}, "b": AUTO}, [8000, 8001, 8002]),
    ("others' numbers are left out", {"a": AUTO, "b": {"port": 8000, "replicas": 2}}, [8002, 8000, 8001]),
    ("an app has one", {"a": {"app": "x:y"}}, [8000]),
    ("a held socket has one", {"a": {"socket": True, "replicas": 2}}, [8000, 8001]),
]


@pytest.mark.parametrize(("services", "expected"), [case[1:] for case in PLANS], ids=[case[0] for case in PLANS])
def test_ports_of_a_plan(services: dict[str, dict[str, Any]], expected: list[int | None]) -> None:
    """Instance i has port + i - 1 for a number; of `auto`, each has its own."""
    plan = build(profile_of(services), is_free=FREE)
    assert [instance.port for instance in plan.instances.values()] == expected
    drawn = [instance.port_drawn for instance in plan.instances.values()]
    fixed = [isinstance(services[instance.service].get("port"), int) for instance in plan.instances.values()]
    assert drawn == [port is not None and not number for port, number in zip(expected, fixed, strict=True)]


def test_a_restarted_plan_keeps_its_ports() -> None:
    """Ports recorded for instances are theirs again, whatever was added before them."""
    before = build(profile_of({"b": AUTO | {"replicas": 2}}), is_free=FREE)
    recorded = {name: instance.port for name, instance in before.instances.items() if instance.port}
    after = build(profile_of({"a": AUTO, "b": AUTO | {"replicas": 2}}), recorded=recorded, is_free=lambda p: p > 8001)
    assert [instance.port for instance in after.instances.values()] == [8002, 8000, 8001]


def test_services_not_selected_have_ports_too() -> None:
    """They are told for references, drawn after those of the selected, and no problem when there is none left."""
    services = {"other": AUTO, "api": AUTO, "fixed": {"port": 8000}}
    assert build(profile_of(services), select=["api"], is_free=FREE).ports == {
        "other": (8002,),
        "api": (8001,),
        "fixed": (8000,),
    }
    scarce = build(profile_of(services, ports="9000-9000"), select=["api"], is_free=FREE)
    assert scarce.ports == {"api": (9000,), "fixed": (8000,)}


def test_conflicts_name_both() -> None:
    """Each instance that comes too late is told with the one that has the port."""
    found = conflicts([("a", 1, ""), ("b", 2, ""), ("c", 1, ""), ("d", 1, "apps")])
    assert [problem.sentence for problem in found] == ["a and c both ask for port 1", "a and d both ask for port 1"]
