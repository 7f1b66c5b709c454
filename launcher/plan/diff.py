"""What a new plan would change: services added, removed and changed, key by key.

Values are compared as they stand in the plan, templates and all. They may be secret: whoever shows them masks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, to_builtins

from launcher.plan.model import Plan


class Change(Struct, frozen=True):
    """One key of a service: its path, and its values; None where the key was, or is, not there."""

    key: str
    old: Any
    new: Any


class Diff(Struct, frozen=True, kw_only=True):
    """The services of two plans, in the new one's order; what is removed, in the old one's."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[Change, ...]]
    unchanged: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed)


def diff(old: Plan, new: Plan) -> Diff:
    """Compare two plans.

    What a service shares with the others (`[env]`, env_file, python) counts as its own: it changes how it runs. So do
    its ports; the order of services and the selection do not.
    """
    both = [name for name in new.services if name in old.services]
    changes = {name: _changes(_flat(old, name), _flat(new, name)) for name in both}
    return Diff(
        added=tuple(name for name in new.services if name not in old.services),
        removed=tuple(name for name in old.services if name not in new.services),
        changed={name: found for name, found in changes.items() if found},
        unchanged=tuple(name for name, found in changes.items() if not found),
    )


def _changes(old: dict[str, Any], new: dict[str, Any]) -> tuple[Change, ...]:
    keys = [*old, *(key for key in new if key not in old)]
    return tuple(Change(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key))


def _flat(plan: Plan, name: str) -> dict[str, Any]:
    """Everything that shapes a service, by key path; edges with their conditions made explicit."""
    service = to_builtins(plan.services[name])
    service["depends_on"] = {
        edge.dependency: {"condition": edge.condition.value, "required": edge.required, "on_loss": edge.on_loss.value}
        for edge in plan.edges_from(name)
    }
    service["port"] = list(plan.ports.get(name, ()))
    shared: dict[str, Any] = {"[env]": plan.env, "[launcher]": {"env_file": list(plan.env_files)}}
    if service["app"] is not None:
        shared["[launcher]"]["python"] = plan.python
    return dict(_leaves(service | shared))


def _leaves(table: dict[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", value
