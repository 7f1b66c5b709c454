"""The host of many components: starts, stops and forgets them as it is told, and tells how they ended.

Lives in the event loop's thread. Knows places (a component's name, its sockets and what answers on them) and what was
ordered; nothing of who orders it, and nothing of when or in which order things are to be done.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import environment
from .boundary import Boundary, Bounds
from .component import Component, Ending
from .current import entered
from .description import Description
from .front import Front, Fronts, Part
from .gate import Gate
from .importing import MainThread, load
from .isolation import Isolation
from .lag import Watch
from .listener import TICK, Listener
from .notify import notify
from .stalls import Stalls

if TYPE_CHECKING:
    import socket

    from .blame import Blame
    from .output import Output


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a component is started with. Times are in seconds."""

    name: str
    generation: int
    target: str
    paths: tuple[str, ...]
    environment: Mapping[str, str]
    drain: float
    stop_timeout: float
    #: Where it is mounted on a port that others may share; None: the port is its own.
    prefix: str | None = None
    strip_prefix: bool = False

    @property
    def described(self) -> Description:
        """What is known of the component before its code is."""
        directory, *further = self.paths
        return Description(self.name, self.target, directory, tuple(further), environment=self.environment)


class Place:
    """Where a component lives: its sockets, and the gate that answers on them whether it is there or not."""

    def __init__(self, order: Order, sockets: list[socket.socket], fronts: Fronts) -> None:
        self.gate = Gate(order.name)
        self.sockets = sockets
        self.part: Part | None = None
        if order.prefix is not None and sockets:
            self.part = _part(order, self.gate, fronts.at(sockets, title=order.environment.get("LAUNCHER_PROFILE", "")))
            self.sockets = []
        self.listener: Listener | Part = self.part or Listener(self.gate, drain=order.drain)
        #: The latest start.
        self.generation = order.generation
        self.since = time.time()
        self.component: Component | None = None
        #: Done when the component has ended.
        self.life: asyncio.Future[None] | None = None

    async def accept(self) -> None:
        """Answer on the sockets from now on."""
        if not self.listener.started:
            await self.listener.open(self.sockets)

    async def close(self) -> None:
        """Answer no more."""
        await self.listener.close()
        for one in self.sockets:
            one.close()


def _part(order: Order, gate: Gate, front: Front) -> Part:
    return Part(
        front,
        gate,
        component=order.name,
        service=order.environment.get("LAUNCHER_SERVICE", order.name),
        prefix=order.prefix or "",
        strip=order.strip_prefix,
        drain=order.drain,
    )


class Host:
    """All components of one process.

    `ended(name, generation, ending)` is told of each end, `noted(name, generation, text)` of what one did to the
    others, to be read after its name. `blame` is where it is written whose code may end the process.
    """

    def __init__(
        self,
        main: MainThread,
        output: Output,
        blame: Blame,
        *,
        ended: Callable[[str, int, Ending], None],
        noted: Callable[[str, int, str], None],
    ) -> None:
        self._main = main
        self._blame = blame
        self._output = output
        self._ended = ended
        self._noted = noted
        self.boundary = Boundary()
        self.isolation = Isolation(self._tell)
        self._watch = Watch(Stalls(self._tell_from_outside), self.isolation.folders)
        self._places: dict[str, Place] = {}
        self._fronts = Fronts()
        self._lives: set[asyncio.Future[None]] = set()
        self._asked_to_end = asyncio.Event()
        #: Who is being imported.
        self.importing = ""

    async def run(self) -> None:
        """Until `end` was called and every component has ended."""
        self._loop = asyncio.get_running_loop()
        self.isolation.open()
        self._watch.start()
        ticking = asyncio.create_task(self._tick())
        await self._asked_to_end.wait()
        await self._end_all()
        for place in self._places.values():
            await self._close(place)
        ticking.cancel()
        self._watch.stop()

    def end(self) -> None:
        """Stop everything, and have `run` return."""
        self._asked_to_end.set()

    def start(self, order: Order, sockets: list[socket.socket], pipe: int | None) -> None:
        """Start a component; what it prints goes to `pipe`. A place that has answered for it goes on to do so."""
        place = self._places.get(order.name)
        if place is None:
            place = self._places[order.name] = Place(order, sockets, self._fronts)
        else:
            for one in sockets:
                one.close()
        if pipe is not None:
            self._output.give(order.name, pipe)
        environment.give(order.name, order.environment)
        self.isolation.admit(order.described)
        place.generation, place.since = order.generation, time.time()
        with entered(order.name):
            life = place.life = asyncio.ensure_future(self._live(order, place))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    def stop(self, name: str, generation: int) -> None:
        """Ask a component to end; of another generation than the latest: nothing."""
        place = self._places.get(name)
        if place is not None and place.component is not None and place.generation == generation:
            place.component.stop()
            if self.importing == name:
                where = self._main.place()
                with entered(name):
                    sys.stderr.write(
                        f'cannot stop "{place.component.target}" before its import ends: it is in {where}\n'
                    )

    def release(self, name: str) -> None:
        """Answer for a component no more, if it has ended."""
        place = self._places.get(name)
        if place is not None and place.component is None:
            del self._places[name]
            self._keep(asyncio.ensure_future(self._close(place)))

    def stand_in(self, order: Order, sockets: list[socket.socket], why: str) -> None:
        """Answer 503 for a component that has failed, in this process or in one before."""
        place = self._places.get(order.name)
        if place is None:
            place = self._places[order.name] = Place(order, sockets, self._fronts)
        else:
            for one in sockets:
                one.close()
        if place.component is not None:
            return  # it is on its way back
        place.gate.shut(why)
        with entered(order.name):
            self._keep(asyncio.ensure_future(place.accept()))

    def running(self) -> Iterator[tuple[str, Place]]:
        """What has been started and has not ended."""
        return ((name, place) for name, place in self._places.items() if place.component is not None)

    def measures(self) -> dict[str, dict[str, float]]:
        """What each component has done, and how late the loop was at worst lately."""
        lag = self._watch.lag
        return {name: {**place.gate.measures.told(), "lag": lag} for name, place in self._places.items()}

    async def _end_all(self) -> None:
        """Stop all components, and wait until each has ended, or one is stuck in its import past the time for its end.

        Those that wait for their import behind that one are not waited for, either.
        """
        stuck: dict[asyncio.Future[None], float] = {}
        for place in self._places.values():
            if place.component is not None:
                place.component.stop()
                if place.life is not None and place.component.is_loading:
                    stuck[place.life] = place.component.due
        if others := self._lives - stuck.keys():
            await asyncio.wait(others)
        if stuck:
            importing = self._places.get(self.importing)
            due = importing.component.due if importing and importing.component else max(stuck.values())
            await asyncio.wait(stuck, timeout=max(0.0, due - self._loop.time()))

    def _keep(self, task: asyncio.Future[None]) -> None:
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)

    async def _live(self, order: Order, place: Place) -> None:
        component = place.component = Component(
            order.target,
            gate=place.gate,
            listener=place.listener,
            load=lambda: self._main.do(lambda: self._import(order, place)),
            accept=place.accept,
            ready=lambda: _notify(order, "READY=1"),
            stop_timeout=order.stop_timeout,
            starting=self.isolation.starting(order.name),
        )
        bounds = Bounds(place.gate.measures, component.died)
        self.boundary.draw(order.name, bounds)
        ending = await component.live()
        if left := await bounds.cancel():
            told = ", ".join(left)
            sys.stderr.write(
                f'"{order.target}" has ended, but not all of its tasks, though they were cancelled: {told}\n'
            )
        place.component = None
        if place.part is not None:
            place.part.forget()
            place.gate.shut(ending.why or "it has been stopped")  # until it is started again or released
            if not self._asked_to_end.is_set():
                await place.accept()
        elif ending.asked or not ending.code:
            self._places.pop(order.name, None)
            await place.close()
        else:
            await place.accept()  # 503, until it is started again or released
        self.boundary.lift(order.name)
        self._output.take_away(order.name)
        environment.forget(order.name)
        self.isolation.forget(order.name)
        self._ended(order.name, order.generation, ending)

    async def _close(self, place: Place) -> None:
        """Answer for a component no more; nor on its port, if that was the last one there."""
        await place.close()
        if place.part is not None and place.part.leave():
            self._fronts.drop(place.part.front)
            await place.part.front.close()

    def _import(self, order: Order, place: Place) -> tuple[Any, bool]:
        self.importing = order.name
        began = time.monotonic()
        try:
            with self._blame.on(order.name, "while it was imported"):
                loaded = self.isolation.imported(order.name, lambda: load(order.target, order.paths))
        finally:
            self.importing = ""
        if place.part is not None:
            place.part.look_at(loaded[0])
        _notify(order, f"X_LAUNCHER_IMPORT_SECONDS={time.monotonic() - began:.6f}")
        return loaded

    def _tell(self, name: str, text: str) -> None:
        place = self._places.get(name)
        if place is not None:
            self._noted(name, place.generation, text)

    def _tell_from_outside(self, name: str, text: str) -> None:
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(self._tell, name, text)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            for place in list(self._places.values()):
                with suppress(Exception):
                    await place.listener.on_tick(0)


def _notify(order: Order, message: str) -> None:
    try:
        notify(message, order.environment)
    except OSError as error:
        sys.stderr.write(f"{message} could not be told to $NOTIFY_SOCKET: {error}\n")
