"""When an instance may start, and when it may be stopped: never A before B is up, never B down before A is.

Pure functions over how things stand. What can never be met is decided here and now, not waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from launcher.orchestrator.lifecycle import ALIVE, RUNS, SERVES, STOPS, Phase
from launcher.plan.model import Edge
from launcher.profile.model import Condition


class Standing(Protocol):
    """What a gate looks at in an instance."""

    @property
    def label(self) -> str: ...
    @property
    def phase(self) -> Phase: ...
    @property
    def spawned(self) -> bool: ...
    @property
    def wanted(self) -> bool: ...
    @property
    def doomed(self) -> bool: ...
    @property
    def has_run(self) -> bool: ...


class Open(Struct, frozen=True):
    """Every condition is met."""


class Closed(Struct, frozen=True):
    """Conditions that are not met yet: `db (healthy)`, and the instances they are waited from."""

    waits_for: tuple[str, ...]
    causes: tuple[str, ...]


class Never(Struct, frozen=True):
    """A condition that cannot be met any more: why, and who is the cause."""

    text: str
    causes: tuple[str, ...]


Gate = Open | Closed | Never
OPEN = Open()


def may_start(edges: Iterable[Edge], standing: Callable[[str], Sequence[Standing]]) -> Gate:
    """Look at all of a service's gates; `standing(service)` gives the instances of a dependency."""
    waits: list[str] = []
    causes: list[str] = []
    for edge in edges:
        for one in standing(edge.dependency):
            if _is_met(edge.condition, one):
                continue
            hopeless = _hopeless(edge.condition, one)
            if hopeless and edge.required:
                return Never(f"{one.label} {hopeless}", (one.label,))
            if not hopeless:
                waits.append(f"{one.label} ({edge.condition})")
                causes.append(one.label)
    return Closed(tuple(waits), tuple(causes)) if waits else OPEN


def may_stop(dependents: Iterable[Standing]) -> bool:
    """Whether everything that depends on it, and is being stopped or is to be, is down."""
    return not any(one.phase in ALIVE and (not one.wanted or one.phase in STOPS) for one in dependents)


def _is_met(condition: Condition, one: Standing) -> bool:
    if one.phase in RUNS and not one.wanted:
        return False  # it is to be stopped, as soon as its dependents are down
    match condition:
        case Condition.STARTED:
            return one.phase is Phase.COMPLETED or (one.spawned and one.phase in RUNS)
        case Condition.HEALTHY:
            return one.phase in SERVES
        case Condition.COMPLETED:
            return one.phase is Phase.COMPLETED
        case Condition.EXITED:
            return one.phase is Phase.COMPLETED or (one.phase is Phase.FAILED and one.has_run)


_HOPELESS = {
    Phase.FAILED: "has failed",
    Phase.SKIPPED: "was skipped",
    Phase.STOPPED: "is stopped",
    Phase.STOPPING: "is being stopped",
}


def _hopeless(condition: Condition, one: Standing) -> str:
    """Why the condition will not be met without a command; empty: it may yet be."""
    if one.phase in RUNS and one.doomed:
        return _HOPELESS[Phase.STOPPING]
    if one.phase is Phase.PENDING and not one.wanted:
        return "is not started"
    if one.phase is Phase.COMPLETED and condition is Condition.HEALTHY:
        return "has ended"
    return _HOPELESS.get(one.phase, "")
