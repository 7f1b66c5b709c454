"""The board on which all instances stand: look-ups over the plan and the lives, no decisions."""

from __future__ import annotations

from collections.abc import Container, Iterable

from launcher.errors import UnknownService
from launcher.orchestrator.life import Life
from launcher.orchestrator.snapshot import Snapshot
from launcher.plan.graph import closure
from launcher.plan.model import Edge, Plan
from launcher.profile.model import OnLoss
from launcher.profile.names import did_you_mean


class Board:
    """The lives of a plan's instances, by name and by service, with the edges in both directions."""

    def __init__(self, plan: Plan, *, pid: int, now_wall: float) -> None:
        self.plan = plan
        self.pid = pid
        self.since = now_wall
        self.lives = {
            instance.name: Life(instance, plan.services[instance.service], now_wall)
            for instance in plan.instances.values()
        }
        self._of: dict[str, list[Life]] = {service: [] for service in plan.services}
        for life in self.lives.values():
            self._of[life.instance.service].append(life)
        self._draw_edges()

    def replan(self, plan: Plan) -> None:
        """Go by a plan of the same instances, some of which are placed elsewhere."""
        self.plan = plan
        for life in self.lives.values():
            life.instance = plan.instances[life.name]
        self._draw_edges()

    def _draw_edges(self) -> None:
        self.edges_from: dict[str, list[Edge]] = {service: [] for service in self.plan.services}
        self.edges_to: dict[str, list[Edge]] = {service: [] for service in self.plan.services}
        for edge in self.plan.edges:
            self.edges_from[edge.dependent].append(edge)
            self.edges_to[edge.dependency].append(edge)

    def of(self, service: str) -> list[Life]:
        """The instances of a service."""
        return self._of[service]

    def dependents(self, service: str) -> list[Life]:
        """The instances that have an edge to a service."""
        return [life for edge in self.edges_to[service] for life in self._of[edge.dependent]]

    def followers(self, lives: Iterable[Life], kinds: Container[OnLoss]) -> list[Life]:
        """The dependents, over any number of edges of these kinds, that are not among `lives`."""
        ahead = list(lives)
        seen = {life.name for life in ahead}
        services = [life.instance.service for life in ahead]
        found: list[Life] = []
        while services:
            for edge in self.edges_to[services.pop()]:
                if edge.on_loss in kinds:
                    fresh = [life for life in self._of[edge.dependent] if life.name not in seen]
                    seen.update(life.name for life in fresh)
                    found.extend(fresh)
                    if fresh:
                        services.append(edge.dependent)
        return found

    def named(self, names: Iterable[str]) -> list[Life]:
        """The instances meant by names of services or instances, in the plan's order; none named: all."""
        wanted = list(names)
        if not wanted:
            return list(self.lives.values())
        for name in wanted:
            if name not in self._of and name not in self.lives:
                raise unknown_service(name, [*self._of, *self.lives])
        return [life for life in self.lives.values() if life.instance.service in wanted or life.name in wanted]

    def with_dependencies(self, lives: Iterable[Life]) -> list[Life]:
        """These instances and all that they depend on, directly or not, in the plan's order."""
        given = {life.name for life in lives}
        direct = {self.lives[name].instance.service for name in given}
        forward = {service: [edge.dependency for edge in edges] for service, edges in self.edges_from.items()}
        pulled = closure(direct, forward) - direct
        return [life for life in self.lives.values() if life.name in given or life.instance.service in pulled]

    def snapshot(self, now_wall: float, *, longest_step: float = 0.0) -> Snapshot:
        """Everything as it is now."""
        return Snapshot(
            version=1,
            profile=self.plan.profile,
            root=self.plan.root,
            pid=self.pid,
            since=self.since,
            at=now_wall,
            instances=tuple(life.view() for life in self.lives.values()),
            longest_step=longest_step,
        )


def unknown_service(name: str, known: Iterable[str]) -> UnknownService:
    """The error for a name that no service has, with the nearest one that exists."""
    return UnknownService(f'no service "{name}"{did_you_mean(name, known)}')
