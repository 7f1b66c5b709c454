"""Engines of processes that are nobody's: they start at once, and end when they are told to. For tests."""

from __future__ import annotations

from itertools import count
from typing import Any

from launcher.errors import LauncherError
from launcher.orchestrator.events import (
    Exited,
    NotRenewed,
    Opened,
    Post,
    Renewed,
    Risen,
    Spawned,
    SpawnRefused,
)
from launcher.orchestrator.orders import Can, Launch, Run, Stop, StopLevel
from launcher.orchestrator.protocols import Sink
from launcher.plan.model import Plan
from launcher.profile.model import EngineName


class FakeEngine:
    """Processes that start at once and end when they are told to, or asked to unless they are `deaf`.

    One that is started while it runs goes on beside the next (`before`).
    `did` lists what was asked of it: `start api.1#1`, `stop api.1#1 SIGNAL`, `release api.1`.
    """

    def __init__(
        self,
        name: EngineName = EngineName.LOCAL,
        *,
        can: frozenset[Can] = frozenset({Can.KILL, Can.SIGNAL, Can.HOLD_SOCKETS, Can.TAKE_IN, Can.OVERLAP}),
    ) -> None:
        self.can = can
        self.name = name
        self.did: list[str] = []
        self.running: dict[str, int] = {}
        self.before: dict[str, int] = {}
        #: Instances that ignore being asked to end.
        self.deaf: set[str] = set()
        #: Instances that cannot be started, and why.
        self.broken: dict[str, LauncherError] = {}
        self.launches: list[Launch] = []
        self._pids = count(1000)
        self._post: Post = _nobody

    def open(self, plan: Plan, post: Post, output: Sink) -> None:  # noqa: ARG002  (the protocol's)
        self._post = post
        post(Opened(self.name))

    def change(self, plan: Plan) -> None:
        """Nothing to prepare."""

    def start(self, launch: Launch) -> None:
        name, generation = launch.instance, launch.generation
        self.did.append(f"start {name}#{generation}")
        self.launches.append(launch)
        if name in self.broken:
            self._post(SpawnRefused(name, generation, self.broken[name]))
            return
        if name in self.running:
            self.before[name] = self.running[name]
        self.running[name] = generation
        self._post(Spawned(name, generation, next(self._pids)))

    def stop(self, run: Run, how: Stop) -> None:
        if run.generation not in (self.running.get(run.instance), self.before.get(run.instance)):
            return
        self.did.append(f"stop {run.instance}#{run.generation} {how.level.name}")
        if how.level is StopLevel.KILL:
            self.end(run.instance, -9, generation=run.generation)
        elif run.instance not in self.deaf:
            self.end(run.instance, -15, generation=run.generation)

    def release(self, instance: str) -> None:
        self.did.append(f"release {instance}")

    def close(self) -> None:
        """Nothing is held."""

    def end(self, instance: str, code: int, *, generation: int | None = None, **more: Any) -> None:
        """Let a process end, the latest of an instance or another; `more` is what Exited has to say of it."""
        if generation in (None, self.running[instance]):
            ended = self.running.pop(instance)
            if instance in self.before:
                self.running[instance] = self.before.pop(instance)
        else:
            ended = self.before.pop(instance)
        self._post(Exited(instance, ended, code, **more))


class FakeMergedEngine(FakeEngine):
    """One that also answers for what has failed (`stand in for api.1: exited with code 1`) and starts anew beside it.

    `did` lists the latter as `renew api.1#2`, or `renew api.1#2 in a new process`; `renewed` lets it come of the first,
    `rises` and `take_place` of the second.
    """

    def open(self, plan: Plan, post: Post, output: Sink) -> None:
        super().open(plan, post, output)
        self._plan = plan
        #: What begins in a new process, by instance.
        self.coming: dict[str, int] = {}
        #: Whether a new process that is told to take the place of an old one does so at once.
        self.takes_place = True

    def renew(self, launch: Launch) -> None:
        where = ""
        if launch.app is not None and launch.app.is_beside:
            self.coming[launch.instance] = launch.generation
            where = " in a new process"
        self.did.append(f"renew {launch.instance}#{launch.generation}{where}")
        self.launches.append(launch)

    def renewed(self, instance: str, how: str) -> None:
        """The next generation comes in the place of the one that runs."""
        generation = self.running[instance]
        self.running[instance] = generation + 1
        self._post(Renewed(instance, generation, how))

    def rises(self, instance: str) -> None:
        """The next generation could serve in the new process."""
        self._post(Risen(instance, self.running[instance]))

    def fails(self, instance: str, why: str) -> None:
        """The next generation does not start in the new process."""
        del self.coming[instance]
        self._post(NotRenewed(instance, self.running[instance], why))

    def take_place(self, host: Run) -> None:
        self.did.append(f"take the place of {host.instance}#{host.generation}")
        if self.takes_place:
            self.taken(host)

    def taken(self, host: Run) -> None:
        """All that has risen comes in the place of what runs."""
        for instance in list(self.coming):
            del self.coming[instance]
            self.renewed(instance, "")
        self._post(Renewed(host.instance, host.generation, ""))

    def resume(self, launch: Launch) -> None:
        self.running[launch.instance] = launch.generation

    def stand_in(self, instance: str, why: str) -> None:
        self.did.append(f"stand in for {instance}: {why}")


def _nobody(event: object) -> None:
    raise RuntimeError(f"the engine is not open: {event}")
