"""What a new plan would change."""

from __future__ import annotations

from typing import Any

import pytest

from launcher.plan.diff import Change, diff

from .plans import plan_of

BASE: dict[str, Any] = {"db": {"port": "auto"}, "api": {"env": {"A": "1"}, "depends_on": ["db"]}, "old": {}}


def test_services_come_and_go() -> None:
    """Added, removed, changed and unchanged services are told apart."""
    new = {"new": {}, "db": {"port": "auto"}, "api": {"command": "other", "env": {"A": "1"}, "depends_on": ["db"]}}
    found = diff(plan_of(BASE), plan_of(new))
    assert (found.added, found.removed, found.unchanged) == (("new",), ("old",), ("db",))
    assert found.changed == {"api": (Change("command", "api", "other"),)}
    assert not found.is_empty


CHANGES: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
    ("a value", {"env": {"A": "2"}, "depends_on": ["db"]}, ("env.A", "1", "2")),
    ("a value gone", {"depends_on": ["db"]}, ("env.A", "1", None)),
    ("a value more", {"env": {"A": "1", "B": "2"}, "depends_on": ["db"]}, ("env.B", None, "2")),
    ("deeper", {"env": {"A": "1"}, "depends_on": ["db"], "stop": {"grace": 3}}, ("stop.grace", 10.0, 3.0)),
    ("a port", {"env": {"A": "1"}, "depends_on": ["db"], "port": 9000}, ("port", [], [9000])),
    (
        "a condition",
        {"env": {"A": "1"}, "depends_on": {"db": "exited"}},
        ("depends_on.db.condition", "started", "exited"),
    ),
]


@pytest.mark.parametrize(("api", "change"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_changes(api: dict[str, Any], change: tuple[Any, ...]) -> None:
    """A change is told with its key path, the old value and the new one."""
    found = diff(plan_of(BASE), plan_of(BASE | {"api": api}))
    assert found.changed == {"api": (Change(*change),)}


def test_what_is_shared_changes_every_service() -> None:
    """[env] and env_file are in every service's environment, python serves apps only."""
    services = {"api": {"app": "x:y"}, "db": {}}
    found = diff(plan_of(services), plan_of(services, env={"A": "1"}, python="python3.12"))
    assert found.changed == {
        "api": (Change("[launcher].python", "", "python3.12"), Change("[env].A", None, "1")),
        "db": (Change("[env].A", None, "1"),),
    }


def test_the_same_plan_changes_nothing() -> None:
    """Order and an explicit default are no change."""
    same = {"old": {}, "api": {"env": {"A": "1"}, "depends_on": {"db": "started"}}, "db": {"port": "auto"}}
    assert diff(plan_of(BASE), plan_of(same)).is_empty
