"""The local engine: services are processes of this machine, children of the launcher.

This side is the loop's thread: it binds sockets and makes processes, and hands all that follows to the reader's thread
(`runs`). It adopts nothing: a service doesn't outlive its launcher, the guard sees to that. Decides nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import IO, TYPE_CHECKING

from launcher.engines import descent
from launcher.engines.children import LocalChildren
from launcher.engines.guard import Guard
from launcher.engines.reader import Reader
from launcher.engines.runs import Running, Runs
from launcher.engines.signals import number_of
from launcher.engines.sockets import HeldSockets
from launcher.engines.spawn import environment_of, spawn
from launcher.errors import LauncherError
from launcher.orchestrator.events import Opened, Post, Spawned, SpawnRefused
from launcher.orchestrator.orders import Can, Launch, Run, Stop
from launcher.plan.model import Plan

if TYPE_CHECKING:
    import socket

    from launcher.orchestrator.protocols import Sink


class LocalEngine:
    """Starts and stops processes on this machine; `children` runs short commands beside them."""

    can = frozenset({Can.KILL, Can.SIGNAL, Can.HOLD_SOCKETS, Can.TAKE_IN, Can.OVERLAP})

    def __init__(self, *, reader: Reader, guard: Guard | None = None) -> None:
        self._reader = reader
        self._guard = guard
        self._identity = guard.id if guard is not None else f"{os.getpid():x}-{id(self):x}"
        #: Those of components too: one that is moved here goes on with its own.
        self.sockets = HeldSockets()
        self.children = LocalChildren(reader, identity=self._identity)

    def open(self, plan: Plan, post: Post, output: Sink) -> None:
        """Begin; nothing is adopted."""
        self._plan = plan
        self._post = post
        if self._guard is not None:
            self._guard.await_birth()
        #: Whether orphans of our services become our children.
        self.adopts_orphans = descent.become_subreaper()
        self._runs = Runs(
            self._reader,
            identity=self._identity,
            tree=self.adopts_orphans,
            guard=self._guard,
            children=self.children,
            post=post,
            sink=output,
        )
        output.on_room(self._reader.resume)
        post(Opened("local"))

    def change(self, plan: Plan) -> None:
        """Go by another plan from now on."""
        self._plan = plan

    def start(self, launch: Launch) -> None:
        """Start a process; Spawned or SpawnRefused is posted before this returns."""
        try:
            running = self._spawn(launch)
        except LauncherError as error:
            self._post(SpawnRefused(launch.instance, launch.generation, error))
            return
        self._post(Spawned(launch.instance, launch.generation, running.pid))
        self._reader.call_soon(partial(self._runs.add, running))

    def stop(self, run: Run, how: Stop) -> None:
        """Signal the run's group and the descendants that left it, or run its stop command instead."""
        self._reader.call(partial(self.end, run, how))

    def hold(self, launch: Launch) -> socket.socket | None:
        """The listening socket of a start, bound now unless it is held already; raises what makes it impossible."""
        return self.sockets.hold(launch.instance, launch.sockets, label=self._plan.instances[launch.instance].label)

    @property
    def no_forks(self) -> str:
        """Why nothing can be forked here; empty: it can."""
        if self.adopts_orphans:
            return ""
        return "this system gives no orphans to the launcher, and a forked service is one"

    def when_due(self, action: Callable[[], None], _how: Stop | None = None) -> None:
        """Do something in the reader's thread."""
        self._reader.call(action)

    def environment_of(self, launch: Launch) -> dict[str, str]:
        """The environment of a start, with the mark by which the launcher knows what descends from it."""
        return environment_of(launch, self._mark_of(launch))

    def admit(self, launch: Launch, pid: int, pipe: IO[bytes], begin: Callable[[bool], None]) -> None:
        """Take in a child of ours that another engine made, as if it had been started here; in the reader's thread.

        Then it may begin.
        """
        self._post(Spawned(launch.instance, launch.generation, pid))
        self._runs.add(self._running(launch)(pid, pipe))
        begin(True)

    def end(self, run: Run, how: Stop) -> None:
        """Signal a run, or run its stop command; in the reader's thread."""
        self._runs.stop(run, how, number=number_of(how.signal))

    def release(self, instance: str) -> None:
        """Close the sockets held for an instance."""
        self.sockets.release(instance)

    def close(self) -> None:
        """Let go of processes and sockets; what is in the pipes goes to the sink."""
        self._reader.call(self._runs.drop)
        self.sockets.close()

    def _spawn(self, launch: Launch) -> Running:
        label = self._plan.instances[launch.instance].label
        running = self._running(launch)
        held = self.hold(launch)
        mark = self._mark_of(launch)
        return running(*self._reader.beget(lambda: spawn(launch, mark=mark, held=held, label=label)))

    def _mark_of(self, launch: Launch) -> str:
        return f"{self._identity}:{launch.instance}:{launch.generation}"

    def _running(self, launch: Launch) -> Callable[[int, IO[bytes]], Running]:
        stop = self._plan.service_of(launch.instance).stop
        return partial(Running, launch, stop_signal=number_of(stop.signal), grace=stop.grace)
