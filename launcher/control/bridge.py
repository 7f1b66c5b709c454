"""From the server's thread to the loop and back: questions as events, answers as futures, news as one bell.

The loop is never waited for and never waits: `post` puts into its queue, and what it answers is handed over to the
server's asyncio loop. Knows events and snapshots, nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from launcher.control import wire
from launcher.control.broadcast import Broadcast
from launcher.errors import LauncherGone
from launcher.observe.counters import Counters
from launcher.observe.hub import Batch
from launcher.observe.journal import Journal
from launcher.observe.timeline import Timeline
from launcher.orchestrator.events import Event, Outcome, PlanAsked, Post, Reply, SnapshotAsked
from launcher.orchestrator.snapshot import Changed, Snapshot
from launcher.plan.model import Plan
from launcher.plan.names import service_of

if TYPE_CHECKING:
    from launcher.engines.hostline import Measured

T = TypeVar("T")

#: Subscribes a consumer of output and returns what ends the subscription.
Follow = Callable[[Callable[[Batch], None]], Callable[[], None]]

#: Batches kept between the reader's thread and the server's, for one follower.
BATCHES = 64


class Sources(Struct, frozen=True, kw_only=True):
    """What the server is told of and asks: the launcher, seen from its control socket."""

    folder: Path
    #: As it was at the start.
    plan: Plan
    post: Post
    follow: Follow
    journal: Journal
    counters: Counters
    timeline: Callable[[], Timeline]
    #: The history of some services (none: all) since a moment, as JSON; takes its time.
    history: Callable[[tuple[str, ...], float | None], bytes]
    #: Which launcher this is, for the numbers of its events.
    epoch: str
    #: Asks shared processes what their components have done, and hands that on; by instance.
    measure: Callable[[Callable[[Mapping[str, Measured]], None]], None]


class Bell:
    """Wakes whoever waits in the asyncio loop, and calls `heard` there; rung from any thread, once until then."""

    def __init__(self, loop: asyncio.AbstractEventLoop, heard: Callable[[], None] | None = None) -> None:
        self._loop = loop
        self._told = heard
        self._rung = False
        self._heard = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait, and those who will before the next ring."""
        if not self._rung:
            self._rung = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        self._rung = False
        self._heard.set()
        self._heard = asyncio.Event()
        if self._told is not None:
            self._told()

    @property
    def next_ring(self) -> asyncio.Event:
        """To be taken before looking for what is new, and waited for after that."""
        return self._heard


class Bridge:
    """The launcher as the server's coroutines see it."""

    def __init__(self, sources: Sources, loop: asyncio.AbstractEventLoop) -> None:
        self.sources = sources
        self.closing = False
        self._loop = loop
        self._asked: set[asyncio.Future[Any]] = set()
        self._seen: tuple[Snapshot, int] | None = None
        #: Who is told of news without being woken for it.
        self.listeners = Broadcast()
        #: Rung after every entry of the journal, and when the launcher ends.
        self.news = Bell(loop, self.listeners.spread)
        #: Events as they were sent, by their number.
        self.encoded: dict[str, bytes] = {}
        self._leave = sources.journal.follow(self.news.ring)

    def begin(self, command: Callable[[Reply], Event]) -> asyncio.Future[Outcome]:
        """Post a command; its outcome comes as a future. Whoever leaves that alone leaves the command under way."""
        future: asyncio.Future[Outcome] = self._question()
        if not future.done():
            self.sources.post(command(self._resolver(future)))
        return future

    async def look(self) -> tuple[Snapshot, int]:
        """Everything as it is now, and the number of the last news that it knows of; raises LauncherGone."""
        future: asyncio.Future[tuple[Snapshot, int]] = self._question()
        if not future.done():
            resolve = self._resolver(future)
            # In the loop's thread no news comes between the snapshot and the number.
            self.sources.post(SnapshotAsked(lambda snapshot: resolve((snapshot, self.sources.journal.last))))
        self._seen = await future
        return self._seen

    async def plan(self) -> Plan:
        """The plan that runs, with whatever was placed elsewhere meanwhile; raises LauncherGone."""
        future: asyncio.Future[Plan] = self._question()
        if not future.done():
            self.sources.post(PlanAsked(self._resolver(future)))
        return await future

    async def measured(self) -> Mapping[str, Measured]:
        """What the components of shared processes have done, by instance; raises LauncherGone."""
        future: asyncio.Future[Mapping[str, Measured]] = self._question()
        if not future.done():
            self.sources.measure(self._resolver(future))
        return await future

    async def look_back(self) -> Snapshot:
        """Everything as it is now, or as it was when the launcher ended: what was last seen, and the news since."""
        try:
            return (await self.look())[0]
        except LauncherGone:
            if self._seen is None:
                raise
        snapshot, number = self._seen
        news = [entry.news for entry in self.sources.journal.after(number) or ()]
        return brought_up_to_date(snapshot, [each for each in news if isinstance(each, Changed)])

    def output(self, services: tuple[str, ...]) -> Output:
        """What services print from now on."""
        return Output(services, self.sources.follow, Bell(self._loop))

    def close(self) -> None:
        """The launcher ends: streams are to say so and end, and what is still asked is never answered."""
        self._leave()
        self.closing = True
        self.listeners.dismiss()
        for future in list(self._asked):
            self._give_up(future)
        self.news.ring()

    def _question(self) -> asyncio.Future[Any]:
        """What the loop is to answer, given up when the launcher ends."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.closing:
            self._give_up(future)
        else:
            self._asked.add(future)
            future.add_done_callback(self._asked.discard)
        return future

    def _give_up(self, future: asyncio.Future[Any]) -> None:
        if not future.done():
            future.set_exception(LauncherGone("the launcher ended before it had answered"))
            future.exception()  # whoever asked may have left: then nobody else looks at it

    def _resolver(self, future: asyncio.Future[T]) -> Callable[[T], None]:
        """What the loop calls, in its own thread, with the answer."""

        def resolve(answer: T) -> None:
            if not future.done():  # whoever asked has left
                future.set_result(answer)

        def hand_over(answer: T) -> None:
            with suppress(RuntimeError):  # the server is gone
                self._loop.call_soon_threadsafe(resolve, answer)

        return hand_over


def brought_up_to_date(snapshot: Snapshot, news: Iterable[Changed]) -> Snapshot:
    """The snapshot after these changes."""
    views = {view.name: view for view in snapshot.instances}
    at = snapshot.at
    for change in news:
        if view := views.get(change.instance):
            views[change.instance] = replace(
                view,
                state=change.state,
                reason=change.reason,
                since=view.since if change.state is view.state else change.at,
                generation=change.generation,
                pid=change.pid,
                exit_code=change.exit_code,
            )
            at = max(at, change.at)
    return replace(snapshot, at=at, instances=tuple(views.values()))


class Output:
    """Output on its way to one client. The reader's thread puts in, the server's takes out, neither waits.

    Each counter has one writer, and a deque's ends need no lock.
    """

    def __init__(self, services: tuple[str, ...], follow: Follow, bell: Bell) -> None:
        self._services = frozenset(services)
        self.bell = bell
        self._batches: deque[Batch] = deque()
        self._missed = 0
        self._told = 0
        self.close = follow(self._take)

    def _take(self, batch: Batch) -> None:
        """Called in the reader's thread with every batch of every run."""
        instance = batch.run.instance
        if self._services and self._services.isdisjoint((instance, batch.label, service_of(instance))):
            return
        if len(self._batches) >= BATCHES:
            self._missed += batch.lines.count(b"\n")
            return
        self._batches.append(batch)
        self.bell.ring()

    def take(self) -> list[wire.Missed | wire.Output]:
        """What has come since, and first how much has been missed."""
        found: list[wire.Missed | wire.Output] = []
        missed = self._missed - self._told
        if missed:
            self._told += missed
            found.append(wire.Missed(lines=missed))
        for _ in range(len(self._batches)):
            batch = self._batches.popleft()
            text = batch.lines.decode("utf-8", "replace")
            found.append(wire.Output(instance=batch.run.instance, label=batch.label, text=text, at=batch.at))
        return found
