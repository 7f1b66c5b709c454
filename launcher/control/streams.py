"""Server-sent events: what happens, and what is printed, as long as a client listens.

Nobody is waited for. News is read from the journal, so a client that is too slow for it misses some and gets a
snapshot instead (one that takes nothing at all is cut off by `server`). Knows the form of events, not where from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from launcher.control import wire
from launcher.control.bridge import Bridge, Output
from launcher.control.broadcast import Part
from launcher.errors import LauncherGone
from launcher.observe.journal import Entry
from launcher.orchestrator.events import Outcome
from launcher.orchestrator.snapshot import Changed
from launcher.plan.names import service_of

#: A comment is sent after so many quiet seconds, so that a client that is gone is noticed.
PULSE = 15.0
#: So many events are kept as they were sent.
ENCODED = 512
_PULSE = b": still here\n\n"


def event(sent: wire.Sent, number: str = "") -> bytes:
    """One event: its name, its number where it has one, its data. JSON has no newline of its own."""
    name = sent.__struct_config__.tag
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {name}\ndata: ".encode() + wire.encode(sent) + b"\n\n"


def _event_of(bridge: Bridge, entry: Entry, number: str) -> bytes:
    # Kept, because two hundred clients are sent the same; by its number, since to hash news takes as long.
    data = bridge.encoded.get(number)
    if data is None:
        if len(bridge.encoded) >= ENCODED:
            bridge.encoded.clear()
        data = bridge.encoded[number] = event(wire.sent_of(entry.news), number)
    return data


class Cursor:
    """Where one client is in the journal. `number` is `EPOCH-N`: another launcher counts anew."""

    def __init__(self, bridge: Bridge, services: Iterable[str] = ()) -> None:
        self._bridge = bridge
        self._services = frozenset(services)
        self._at = bridge.sources.journal.last

    @property
    def number(self) -> str:
        return f"{self._bridge.sources.epoch}-{self._at}"

    @property
    def mark(self) -> tuple[int, frozenset[str]]:
        return self._at, self._services

    def move(self, number: int) -> None:
        self._at = number

    def resume(self, number: str) -> bool:
        """Go on behind an event that was seen before; False: that is no longer possible."""
        epoch, _, text = number.rpartition("-")
        if epoch != self._bridge.sources.epoch or not text.isdecimal():
            return False
        if self._bridge.sources.journal.after(int(text)) is None:
            return False
        self._at = int(text)
        return True

    def take(self) -> list[bytes] | None:
        """What has happened since; None: more than is kept."""
        entries = self._bridge.sources.journal.after(self._at)
        if entries is None:
            return None
        found = []
        for entry in entries:
            self._at = entry.number
            if self._is_meant(entry):
                found.append(_event_of(self._bridge, entry, self.number))
        return found

    def take_or_skip(self) -> list[bytes]:
        """What has happened since, or, if more than is kept, what happens from now on."""
        found = self.take()
        if found is None:
            self._at, found = self._bridge.sources.journal.last, []
        return found

    async def everything(self) -> bytes:
        """A snapshot, and go on behind what it knows of."""
        snapshot, self._at = await self._bridge.look()
        return event(wire.Everything(snapshot=snapshot), self.number)

    def _is_meant(self, entry: Entry) -> bool:
        news = entry.news
        names = (news.instance, news.label) if isinstance(news, Changed) else (news.instance,)
        return not self._services or not self._services.isdisjoint((*names, service_of(news.instance)))


async def events(
    bridge: Bridge, services: tuple[str, ...], seen: str, part: Part | None = None
) -> AsyncIterator[bytes]:
    """A snapshot first, then changes; or, behind the event that was `seen`, changes alone.

    `part`: the connection, where it can be written to directly; what is sent so is not yielded.
    """
    try:
        async for sent in _events(bridge, services, seen, part):
            yield sent
    except LauncherGone:  # while a snapshot was asked for
        pass
    yield event(wire.Ended())


async def _events(bridge: Bridge, services: tuple[str, ...], seen: str, part: Part | None) -> AsyncIterator[bytes]:
    cursor = Cursor(bridge, services)
    if not seen or not cursor.resume(seen):
        yield await cursor.everything()
    while True:
        bell = bridge.news.next_ring
        news = cursor.take()
        if news is None:
            yield await cursor.everything()
            continue
        if news:
            yield b"".join(news)
        elif bridge.closing:
            return
        elif part is not None and part.takes_more:
            if not await bridge.listeners.attend(cursor, part, patience=PULSE):
                yield _PULSE
        elif not await _rung(bell):
            yield _PULSE


async def progress(
    bridge: Bridge,
    cursor: Cursor,
    outcome: asyncio.Future[Outcome],
    output: Output | None,
    *,
    wait: float | None = None,
) -> AsyncIterator[bytes]:
    """What happens until a command has ended, then how; with `output`, that and all else, until the launcher ends."""
    told = False
    deadline = None if wait is None else asyncio.get_running_loop().time() + wait
    outcome.add_done_callback(lambda _: bridge.news.ring())
    try:
        while True:
            bells = [bridge.news.next_ring, *([output.bell.next_ring] if output is not None else [])]
            ended = outcome.done()
            closing = bridge.closing
            parts = cursor.take_or_skip()
            if output is not None:
                parts += [event(sent) for sent in output.take()]
            if ended and not told and outcome.exception() is None:
                told = True
                parts.append(event(wire.done_of(outcome.result())))
            if parts:
                yield b"".join(parts)
            if told and output is None:
                return
            if closing and not parts:
                yield event(wire.Ended())
                return
            if not parts and not await _rung(*bells, deadline=None if told else deadline):
                if deadline is not None and not told and asyncio.get_running_loop().time() >= deadline:
                    return
                yield _PULSE
    finally:
        if output is not None:
            output.close()


async def output(bridge: Bridge, printed: Output) -> AsyncIterator[bytes]:
    """What is printed from now on, until the launcher ends."""
    try:
        while True:
            bells = printed.bell.next_ring, bridge.news.next_ring
            closing = bridge.closing
            parts = [event(sent) for sent in printed.take()]
            if parts:
                yield b"".join(parts)
            elif closing:
                yield event(wire.Ended())
                return
            elif not await _rung(*bells):
                yield _PULSE
    finally:
        printed.close()


async def _rung(*bells: asyncio.Event, deadline: float | None = None) -> bool:
    """Wait for one of the bells; False: none has rung for so long that the client should hear something."""
    patience = PULSE
    if deadline is not None:
        patience = min(patience, max(0.0, deadline - asyncio.get_running_loop().time()))
    if len(bells) == 1:
        try:
            async with asyncio.timeout(patience):  # wait_for would make a task each time
                await bells[0].wait()
        except TimeoutError:
            return False
        return True
    waiting = [asyncio.ensure_future(bell.wait()) for bell in bells]
    done, pending = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return bool(done)
