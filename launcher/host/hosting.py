"""The host of many components: starts, stops and forgets them as it is told, and tells how they ended.

Lives in the event loop's thread. Knows places (a component's name, its sockets and what answers on them) and what was
ordered; nothing of who orders it, and nothing of when or in which order things are to be done.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import environment, root_logger
from .anew import CannotAnew, Sources
from .boundary import Boundary, Bounds, beside
from .component import Component, Ending
from .current import component as current
from .current import entered
from .front import Expected, Fronts
from .importing import MainThread, full_collections_put_off, load
from .isolation import Isolation
from .lag import Watch
from .listener import TICK
from .notify import notify
from .place import Order, Place
from .renewal import Beside, Renewal
from .stalls import Stalls

if TYPE_CHECKING:
    import socket

    from .blame import Blame
    from .gate import Tenure
    from .output import Output


class Host:
    """All components of one process.

    `ended(name, generation, ending)` is told of each end, `noted(name, generation, text)` of what one did to the
    others, to be read after its name, `renewed(name, generation, what)` what came of having one renewed,
    `risen(name, generation)` that one which is held could answer, `taken()` that those do. `blame` is where it is
    written whose code may end the process.
    """

    def __init__(
        self,
        main: MainThread,
        output: Output,
        blame: Blame,
        *,
        ended: Callable[[str, int, Ending], None],
        noted: Callable[[str, int, str], None],
        renewed: Callable[[str, int, Renewal], None],
        risen: Callable[[str, int], None],
        taken: Callable[[], None],
    ) -> None:
        self._main = main
        self._blame = blame
        self._output = output
        self._ended = ended
        self._noted = noted
        self._renewed = renewed
        self._risen = risen
        self._taken = taken
        self._sources = Sources()
        self.boundary = Boundary()
        self.isolation = Isolation(self._tell)
        self._watch = Watch(Stalls(self._tell_from_outside), self.isolation.folders)
        self._places: dict[str, Place] = {}
        self._fronts = Fronts()
        self._lives: set[asyncio.Future[None]] = set()
        self._asked_to_end = asyncio.Event()
        #: Who is being imported; and whose import, beside one that serves, has not ended in time.
        self.importing = ""
        self._overdue = ""

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

    def expect(self, port: int, components: Iterable[Expected]) -> None:
        """Answer 503 for these on a shared port from its first component on, until each is started."""
        self._fronts.expect(port, components)

    def start(self, order: Order, sockets: list[socket.socket], pipe: tuple[int, int] | None) -> None:
        """Start a component; what it prints goes to `pipe` (the end to write to, and the one to read from).

        A place that has answered for it goes on to do so.
        """
        place = self._place_of(order, sockets)
        if pipe is not None:
            self._output.give(order.name, *pipe)
        environment.give(order.start, order.environment)
        self.isolation.admit(order.described)
        place.order, place.is_held = order, order.is_held
        place.generation, place.since = order.generation, time.time()
        with entered(order.start):
            life = place.life = asyncio.ensure_future(self._live(order, place))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    def renew(self, order: Order) -> None:
        """Start a component anew beside itself, its own code imported anew, and let it come in its place when ready.

        What is there serves until then, and goes on where the new one fails.
        """
        place = self._places.get(order.name)
        if self.importing and self.importing == self._overdue:
            why = f'the import of "{self._overdue}" does not end'
            self._renewed(order.name, order.generation, Renewal(why, is_done=False, needs_process=True))
            return
        if place is None or place.component is None or place.coming is not None:
            self._renewed(order.name, order.generation, Renewal("it is not running alone", is_done=False))
            return
        # As nobody's code: it would end with the tasks of the one that runs.
        with entered(None):
            self._keep(asyncio.ensure_future(self._live_beside(order, place, place.component)))

    def take_place(self) -> None:
        """Have all that are held answer from now on: this process has come in the place of another."""
        self._keep(asyncio.ensure_future(self._take_place()))

    async def _take_place(self) -> None:
        for name, place in list(self._places.items()):
            if place.is_held:
                place.is_held = False
                with entered(name):
                    await asyncio.ensure_future(place.accept())
        self._taken()

    def stop(self, name: str, generation: int) -> None:
        """Ask a component to end; of another generation than the latest: nothing."""
        place = self._places.get(name)
        if place is not None and place.component is not None and place.generation == generation:
            place.component.stop()
            if place.coming is not None:
                place.coming.stop()
            if self.importing == name:
                where = self._main.place()
                with entered(name):
                    sys.stderr.write(
                        f'cannot stop "{place.component.target}" before its import ends: it is in {where}\n'
                    )

    def release(self, name: str) -> None:
        """Answer for a component no more, if it has ended, or has never begun."""
        place = self._places.get(name)
        if place is None:
            self._fronts.expect_no_more(name)
        elif place.component is None:
            del self._places[name]
            self._keep(asyncio.ensure_future(self._close(place)))

    def stand_in(self, order: Order, sockets: list[socket.socket], why: str) -> None:
        """Answer 503 for a component that has failed, in this process or in one before."""
        place = self._place_of(order, sockets)
        if place.component is not None:
            return  # it is on its way back
        place.gate.shut(why)
        with entered(order.name):
            self._keep(asyncio.ensure_future(place.accept()))

    def _place_of(self, order: Order, sockets: list[socket.socket]) -> Place:
        """Where a component lives, made with these sockets unless it is there, and has its own."""
        place = self._places.get(order.name)
        if place is None:
            place = self._places[order.name] = Place(order, sockets, self._fronts)
        else:
            for one in sockets:
                one.close()
        return place

    def running(self) -> Iterator[tuple[str, Place]]:
        """What has been started and has not ended."""
        return ((name, place) for name, place in self._places.items() if place.component is not None)

    def measures(self) -> dict[str, dict[str, float]]:
        """What each component has done, and how late the loop was at worst lately."""
        lag = self._watch.lag
        return {name: {**place.gate.measures.told(), "lag": lag} for name, place in self._places.items()}

    async def _end_all(self) -> None:
        """Stop all components, and wait until each has ended, or one is stuck in its import past the time for its end.

        Those that wait for their import behind that one are not waited for, either. Ports that several share are shut
        first: one that has ended would be answered for there, by a process that does not start it again.
        """
        for place in self._places.values():
            if place.component is not None and place.part is None:
                place.component.stop()
        await self._fronts.shut(max((place.order.drain for place in self._places.values()), default=0.0))
        stuck: dict[asyncio.Future[None], float] = {}
        for place in self._places.values():
            if place.coming is not None:
                place.coming.stop()
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
            ready=lambda: self._ready(order),
            stop_timeout=order.stop_timeout,
            starting=self.isolation.starting(order.name),
        )
        bounds = Bounds(place.gate.measures, component.died)
        self.boundary.draw(order.name, bounds)
        await self._end(order, place, component, bounds, await component.live())

    def _ready(self, order: Order) -> None:
        _notify(order, "READY=1")
        if order.is_held:
            self._risen(order.name, order.generation)

    async def _live_beside(self, order: Order, place: Place, old: Component) -> None:
        current.set(order.start)
        described = order.described
        try:
            others = self.isolation.neighbours_of(order.name)
            own = await self._main.do(lambda: self._sources.own(described, others))
        except CannotAnew as error:
            self._renewed(order.name, order.generation, Renewal(str(error), is_done=False, needs_process=True))
            return

        def come_in(tenure: Tenure) -> None:
            late.cancel()
            place.gate.open(tenure)
            self.boundary.draw(order.name, bounds)
            place.component, place.coming, place.order = component, None, order
            place.generation, place.since = order.generation, time.time()
            old.retire(order.drain)
            modules = "1 module" if len(own) == 1 else f"{len(own)} modules"
            self._renewed(order.name, order.generation, Renewal(f"{modules} of its own imported anew"))

        entrance = Beside(place, come_in)
        component = place.coming = Component(
            order.target,
            gate=entrance,
            listener=entrance,
            load=lambda: self._main.do(lambda: self._import(order, place, own)),
            accept=place.accept,
            ready=lambda: _notify(order, "READY=1"),
            stop_timeout=order.stop_timeout,
            starting=self.isolation.starting(order.name),
        )
        bounds = Bounds(place.gate.measures, component.died)
        beside.set(bounds)
        environment.give(order.start, order.environment)

        def be_late() -> None:
            why = f"not ready within {order.ready_timeout:g} s"
            component.fail(why)
            if self.importing == order.name:  # nothing can cut that off, and whoever waits need not wait for it
                self._overdue = order.name
                told = Renewal(f"{why}; its import is in {self._main.place()}", is_done=False)
                self._renewed(order.name, order.generation, told)

        late = self._loop.call_later(order.ready_timeout, be_late)
        ending = await component.live()
        if entrance.is_in:
            await self._end(order, place, component, bounds, ending)
            return
        late.cancel()
        place.coming = None
        await bounds.cancel(component.requests())
        environment.forget(order.start)
        if self._overdue == order.name:
            self._overdue = ""  # it has been told
        else:
            self._renewed(order.name, order.generation, Renewal(ending.why or "it was stopped", is_done=False))
        if place.ending is not None:  # the old one has ended meanwhile
            await self._vacate(place, place.ending)

    async def _end(self, order: Order, place: Place, component: Component, bounds: Bounds, ending: Ending) -> None:
        """A component has ended: see to its tasks, and to its place, unless another has that by now."""
        if left := await bounds.cancel(component.requests()):
            told = ", ".join(left)
            sys.stderr.write(
                f'"{order.target}" has ended, but not all of its tasks, though they were cancelled: {told}\n'
            )
        if place.component is not component:
            environment.forget(order.start)
            return  # another has come in its place
        if place.coming is not None:
            place.ending = ending  # another is on its way in
            return
        await self._vacate(place, ending)

    async def _vacate(self, place: Place, ending: Ending) -> None:
        """Nobody is left in a place; tell how the last one ended."""
        order = place.order
        place.component = place.ending = None
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
        environment.forget(order.start)
        root_logger.forget(order.name)
        self.isolation.forget(order.name)
        self._ended(order.name, order.generation, ending)

    async def _close(self, place: Place) -> None:
        """Answer for a component no more; nor on its port, if that was the last one there."""
        await place.close()
        if place.part is not None and place.part.leave():
            self._fronts.drop(place.part.front)
            await place.part.front.close()

    def _import(self, order: Order, place: Place, own: Collection[str] = ()) -> tuple[Any, bool]:
        """Import the app of a component; modules of its `own` are in the process already, and imported anew."""
        self.importing = order.name
        began = time.monotonic()
        before = frozenset(sys.modules)

        def do() -> tuple[Any, bool]:
            return load(order.target, order.paths)

        try:
            with self._blame.on(order.name, "while it was imported"), full_collections_put_off():
                loaded = self.isolation.imported(
                    order.name, (lambda: self._sources.anew(own, order.described, do)) if own else do
                )
        finally:
            self.importing = ""
            self._sources.note(order.described, before)
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
