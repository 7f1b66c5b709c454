"""The instances that a name means: of a service, a label or an instance's own."""

from __future__ import annotations

from launcher.errors import UnknownService
from launcher.orchestrator.snapshot import InstanceView, Snapshot
from launcher.profile.names import did_you_mean


def views_of(snapshot: Snapshot, name: str) -> tuple[InstanceView, ...]:
    """The instances meant, in the snapshot's order; raises UnknownService with the nearest name."""
    views = snapshot.of(name)
    if not views:
        raise UnknownService(f'no service "{name}"{did_you_mean(name, {one.service for one in snapshot.instances})}')
    return tuple(views)
