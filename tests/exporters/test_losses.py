"""What a target cannot hold is said, service by service, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from launcher.exporters.base import Options
from launcher.exporters.registry import exporter
from tests.exporters.corpus import plan_from

PLAIN: dict[str, Any] = {"command": "x"}


def lost(target: str, tables: dict[str, Any], **settings: Any) -> list[str]:
    rendered = exporter(target).render(plan_from(Path("/project"), tables, **settings), Options(app="x"))
    return [str(loss.caution()) for loss in rendered.losses]


@pytest.mark.parametrize("target", ["supervisord", "systemd", "compose"])
def test_defaults_lose_nothing(target: str) -> None:
    """A profile that asks for nothing special is held by every target."""
    assert lost(target, {"a": PLAIN, "job": {**PLAIN, "kind": "task"}}) == []


CASES = {
    "log probe": ("systemd", {"health": {"log": "ready"}}, "log probe"),
    "http probe": ("systemd", {"health": {"http": "http://h/"}}, "http probe"),
    "log probe of Compose": ("compose", {"health": {"log": "ready"}}, "log probe"),
    "limit": ("runit", {"limits": {"open_files": 9}}, "limits"),
    "growing delay": ("systemd", {"restart": {"factor": 3.0}}, "growing restart delay"),
    "cooldown": ("systemd", {"restart": {"cooldown": 5.0}}, "trial start after the restart limit"),
    "unhealthy": (
        "compose",
        {"health": {"exec": "true", "on_failure": "restart"}},
        "restart or stop of an unhealthy service",
    ),
    "critical": ("compose", {"critical": True}, "critical service that ends everything"),
    "socket": ("supervisord", {"socket": True, "port": 8000}, "held socket"),
    "stays down": ("runit", {"restart": {"policy": "no"}}, "service that stays down after its end"),
    "codes": ("compose", {"success_exit_codes": [0, 3]}, "success exit codes"),
    "replicas": ("procfile", {"replicas": 2, "restart": {"policy": "no"}}, "number of replicas"),
}


@pytest.mark.parametrize(("target", "table", "feature"), CASES.values(), ids=CASES)
def test_loss_names_feature_and_service(target: str, table: dict[str, Any], feature: str) -> None:
    """One line, which says what the target has not."""
    name = "a Procfile" if target == "procfile" else target
    assert lost(target, {"api": {**PLAIN, **table}}) == [f"W6007 {name} has no {feature}: service api"]


def test_services_that_lose_the_same_stand_in_one_line() -> None:
    """Ten services are no ten warnings."""
    tables = {name: {**PLAIN, "critical": True} for name in ("a", "b")}
    assert lost("compose", tables) == ["W6007 compose has no critical service that ends everything: services a, b"]


@pytest.mark.parametrize("target", ["procfile", "supervisord"])
def test_lost_gate_is_said(target: str) -> None:
    """Where there is only an order, or none, whoever depends on something is named."""
    found = lost(target, {"a": PLAIN, "b": {**PLAIN, "depends_on": {"a": {}}}})
    assert "has no gates" in "".join(found)
    assert found[0].endswith("service b")


def test_address_of_another_service_means_nothing_on_a_host_that_runs_them_apart() -> None:
    """A Procfile's process types may run on machines of their own."""
    tables = {"a": {**PLAIN, "port": 8000}, "b": {**PLAIN, "env": {"A": "${services.a.url}"}}}
    assert any("address of another service" in line and line.endswith("service b") for line in lost("procfile", tables))
    assert lost("compose", tables) == []


def test_end_of_everything_is_lost_but_by_those_who_run_procfiles() -> None:
    """Honcho stops all when one ends, and so does foreman."""
    assert lost("systemd", {"a": PLAIN}, on_exit="stop") == [
        "W6007 systemd has no end of everything at the end of one service"
    ]
