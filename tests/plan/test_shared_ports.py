"""Services of one process under prefixes share a port; a reference to one of them knows its prefix."""

from __future__ import annotations

import pytest

from launcher.errors import ProblemsFound
from launcher.plan.build import build, from_json, to_json
from launcher.plan.resolve import addresses
from launcher.testing import profile_of

APP = {"command": None, "app": "shop:app", "port": "auto"}


def plan_of(mode="single", recorded=None, **services):
    made = {name: {**APP, **keys} for name, keys in services.items()}
    return build(profile_of(made, mode=mode), recorded=recorded or {}, is_free=lambda _port: True)


#: The mode and the services, and the port of each.
PORTS = {
    "drawn, together": ("single", {"a": {"prefix": "/a"}, "b": {"prefix": "/b"}}, {"a": 8000, "b": 8000}),
    "those without a prefix apart": ("single", {"a": {"prefix": "/a"}, "b": {}}, {"a": 8000, "b": 8001}),
    "the number that one names": (
        "single",
        {"a": {"prefix": "/a"}, "b": {"prefix": "/", "port": 9000}},
        {"a": 9000, "b": 9000},
    ),
    "another number that one names": (
        "single",
        {"a": {"prefix": "/a", "port": 9000}, "b": {"prefix": "/b"}, "c": {"prefix": "/c", "port": 9001}},
        {"a": 9000, "b": 9000, "c": 9001},
    ),
    "one for each process": (
        "multi",
        {"a": {"prefix": "/a", "placement": "merged:x"}, "b": {"prefix": "/b", "placement": "merged:y"}},
        {"a": 8000, "b": 8001},
    ),
    "alone in a process": ("multi", {"a": {"prefix": "/a"}, "b": {"prefix": "/b"}}, {"a": 8000, "b": 8001}),
    "forked": ("forked", {"a": {"prefix": "/a"}, "b": {"prefix": "/b"}}, {"a": 8000, "b": 8001}),
}


@pytest.mark.parametrize(("mode", "services", "ports"), PORTS.values(), ids=PORTS)
def test_who_shares_a_port(mode, services, ports):
    plan = plan_of(mode, **services)
    assert {name: numbers[0] for name, numbers in plan.ports.items()} == ports
    assert from_json(to_json(plan)) == plan


def test_a_recorded_port_is_kept_by_all():
    """Whoever of them it is recorded for."""
    plan = plan_of(recorded={"b.1": 8042}, a={"prefix": "/a"}, b={"prefix": "/b"})
    assert plan.ports == {"a": (8042,), "b": (8042,)}


CLASHES = {
    "one prefix": (
        {"a": {"prefix": "/x"}, "b": {"prefix": "/x/"}},
        "E7021 a and b are both mounted at /x of port 8000",
    ),
    "a prefix, and a port of its own": (
        {"a": {"prefix": "/x", "port": 9000}, "b": {"port": 9000}},
        "E7020 b has port 9000 to itself, and a is mounted there at /x",
    ),
    "one port": ({"a": {"port": 9000}, "b": {"port": 9000}}, "E7020 a and b both listen on port 9000"),
    "two processes": (
        {"a": {"prefix": "/a", "port": 9000}, "b": {"prefix": "/b", "port": 9000, "placement": "own"}},
        "E2004 a and b both ask for port 9000",
    ),
}


@pytest.mark.parametrize(("services", "told"), CLASHES.values(), ids=CLASHES)
def test_who_cannot(services, told):
    with pytest.raises(ProblemsFound) as caught:
        plan_of(**services)
    (problem,) = caught.value.problems
    assert f"E{problem.code} {problem.sentence}" == told


def test_a_url_leads_below_the_prefix():
    """The address is the port's."""
    table = addresses(plan_of(a={"prefix": "/a/"}, root={"prefix": "/"}))
    assert table["services.a.url"] == table["services.a.urls"] == "http://127.0.0.1:8000/a"
    assert table["services.a.address"] == "127.0.0.1:8000"
    assert table["services.root.url"] == "http://127.0.0.1:8000"
