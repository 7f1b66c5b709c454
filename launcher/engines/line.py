"""An engine's end of a line to a process of `host/` that listens on a Unix socket: frames, with descriptors, both ways.

Belongs to one thread, and never waits: whoever does not take what is said is as good as lost. Knows the form of what is
said, not the words.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from launcher.host.address import address_of
from launcher.host.inbox import HungUp, Inbox

if TYPE_CHECKING:
    from launcher.host.frames import Frame

#: What may wait for one who is busy, in bytes: some hundred starts.
_BUFFER = 1 << 22


class Lost(Exception):
    """The other end does not listen, has hung up, or takes nothing."""


class Line:
    """A connection to whoever listens at `path`; raises Lost, here and in all it does."""

    def __init__(self, path: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._inbox = Inbox(self._sock)
        try:
            with address_of(path) as address:
                self._sock.connect(address)
        except OSError as problem:
            self._sock.close()
            raise Lost from problem

    def fileno(self) -> int:
        """The descriptor that is readable when there is something to hear."""
        return self._sock.fileno()

    def take(self) -> list[Frame]:
        """What has been said since."""
        try:
            return list(self._inbox.take())
        except HungUp as problem:
            raise Lost from problem

    def descriptor(self) -> int:
        """The next descriptor that came with what was said; the caller's from now on."""
        return self._inbox.descriptor()

    def say(self, frame: bytes, descriptors: Sequence[int] = ()) -> None:
        """Say it whole, now."""
        try:
            sent = socket.send_fds(self._sock, [frame], list(descriptors))
        except OSError as problem:
            raise Lost from problem
        if sent < len(frame):
            raise Lost

    def is_told(self, say: Callable[[], None]) -> bool:
        """Say something by `say`; False: the other end did not take it, and the line is broken off."""
        try:
            say()
        except Lost:
            self.break_off()
            return False
        return True

    def break_off(self) -> None:
        """Hang up in such a way that it is heard here too: the next `take` says Lost."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this end."""
        self._sock.close()
        self._inbox.close()
