"""One ring, every listener: what is new goes to all clients of `/events` at once, each connection written to directly.

A client costs 20 µs an event so; a coroutine, a response and an HTTP encoder for each cost ten times that, which two
hundred clients would take from the launcher's loop. Whoever does not keep up is handed back to its own coroutine, which
waits for it. Runs in the server's thread. Knows cursors and connections, not what events say.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Part(Protocol):
    """A connection with an answer under way whose parts are framed one by one (`server.Protocol`)."""

    @property
    def takes_more(self) -> bool:
        """Whether what is written goes to the kernel, or nearly: the client is there and keeps up."""
        ...

    def write_part(self, part: bytes) -> None:
        """Send a further part of the answer, framed."""
        ...


def framed(data: bytes) -> bytes:
    """A part of an answer of unknown length (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


class Place(Protocol):
    """Where a client is in the journal; two in one place with one interest are sent the same."""

    @property
    def mark(self) -> tuple[int, frozenset[str]]:
        """The number of the last entry seen, and which services are meant."""
        ...

    def move(self, number: int) -> None:
        """Be behind the entry of this number now."""
        ...

    def take(self) -> list[bytes] | None:
        """The events since, and move behind them; None: more than is kept."""
        ...


class _Listener:
    def __init__(self, place: Place, part: Part) -> None:
        self.place = place
        self.part = part
        self.left = asyncio.Event()


class Broadcast:
    """Those who listen and keep up."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()

    async def attend(self, place: Place, part: Part, *, patience: float) -> bool:
        """Have a client told what is new until it no longer keeps up; False: for `patience` seconds it did.

        To be called when the client has been sent all there is, without an `await` in between.
        """
        listener = _Listener(place, part)
        self._listeners.add(listener)
        try:
            async with asyncio.timeout(patience):
                await listener.left.wait()
        except TimeoutError:
            return False
        finally:
            self._listeners.discard(listener)
        return True

    def spread(self) -> None:
        """Something is new."""
        taken: dict[tuple[int, frozenset[str]], tuple[bytes, int] | None] = {}
        for listener in self._listeners:
            place = listener.place
            mark = place.mark
            if listener.left.is_set() or not listener.part.takes_more:
                listener.left.set()
                continue
            if mark not in taken:
                news = place.take()
                taken[mark] = None if news is None else (framed(b"".join(news)), place.mark[0])
            same = taken[mark]
            if same is None:
                listener.left.set()
                continue
            part, number = same
            place.move(number)
            if part:
                listener.part.write_part(part)

    def dismiss(self) -> None:
        """Hand all back to their coroutines: the launcher ends."""
        for listener in self._listeners:
            listener.left.set()
