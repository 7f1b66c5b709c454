"""Plans for tests, from plain tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from launcher.plan.build import build
from launcher.plan.model import Plan
from launcher.profile.model import Profile, Service, Settings

#: Everything is free.
FREE = lambda _port: True  # noqa: E731  (a table of one)


def profile_of(
    services: Mapping[str, Mapping[str, Any]],
    *,
    env: Mapping[str, str] | None = None,
    procfile: bool = False,
    **settings: Any,
) -> Profile:
    """A profile whose services, unless they say otherwise, run a command of their own name.

    `depends_on` may be a list, or a table of conditions, as in TOML.
    """
    return Profile(
        name="dev",
        root="/project",
        settings=msgspec.convert(settings, Settings),
        env=dict(env or {}),
        services={name: _service(name, table) for name, table in services.items()},
        procfile=procfile,
    )


def plan_of(
    services: Mapping[str, Mapping[str, Any]], *, env: Mapping[str, str] | None = None, **settings: Any
) -> Plan:
    return build(profile_of(services, env=env, **settings), is_free=FREE)


def _service(name: str, table: Mapping[str, Any]) -> Service:
    depends = table.get("depends_on", {})
    if isinstance(depends, list):
        depends = {target: {} for target in depends}
    depends = {target: {"condition": edge} if isinstance(edge, str) else edge for target, edge in depends.items()}
    command = {} if "app" in table else {"command": name}
    return msgspec.convert({**command, **table, "depends_on": depends}, Service)
