"""What arrives over a Unix socket from another process of ours: frames, and the descriptors that come beside them.

A frame says itself how many are its own. Knows the form of what is said, not the words. It also runs inside apps and
inside supervisord: standard library only.
"""

from __future__ import annotations

import os
import socket
from array import array
from collections import deque
from typing import TYPE_CHECKING

from .frames import Unpacker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .frames import Frame

_AT_ONCE = 1 << 18
#: Room for 64 descriptors.
_ROOM = socket.CMSG_SPACE(64 * array("i").itemsize)
#: Where there is no such flag, descriptors that have come are our children's, too, until they are closed.
_NOT_INHERITED = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class HungUp(Exception):
    """The other end has closed, or cannot be heard any more."""


class Inbox:
    """One connection's: what has come and nobody has taken yet."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._frames = Unpacker()
        self._descriptors: deque[int] = deque()

    def take(self) -> Iterator[Frame]:
        """Every frame that is whole by now, without waiting where the socket does not; raises HungUp."""
        try:
            # `recv_fds` takes flags and does not pass them on.
            data, beside, _, _ = self._sock.recvmsg(_AT_ONCE, _ROOM, _NOT_INHERITED)
        except BlockingIOError:
            return iter(())
        except OSError as problem:
            raise HungUp from problem
        for level, kind, content in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors.extend(array("i", content))
        if not data:
            raise HungUp
        return self._frames.feed(data)

    def descriptor(self) -> int:
        """The next that has come, which is the caller's from now on."""
        return self._descriptors.popleft()

    def close(self) -> None:
        """Close the descriptors that nobody has taken; the socket is the caller's."""
        while self._descriptors:
            os.close(self._descriptors.popleft())
