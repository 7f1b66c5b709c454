"""Wakes supervisord's loop at once, where it would sleep for up to a second before it reaps, tells or goes on stopping.

Runs inside supervisord. A pipe among the sockets of its HTTP server, by the protocol of those: signals are written to
it by the kernel's notice, changes of a program's state by `ring`. It goes when supervisord ends or reloads, so that no
signal is ever written to somebody else's descriptor.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

from supervisor import events


class Waker:
    """The pipe. Made once for each life of supervisord; `goes_on` says whether another turn has something to do."""

    def __init__(self, options: Any, *, goes_on: Callable[[], bool]) -> None:
        self._goes_on = goes_on
        self._sockets = options.get_socket_map()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._sockets[self._woken] = self
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        events.subscribe(events.ProcessStateEvent, self.ring)
        self.ring()  # its first turn would come after a second too

    def ring(self, _event: object = None) -> None:
        """Have the loop come round once more."""
        with contextlib.suppress(OSError):  # it is full of rings, or closed
            os.write(self._waker, b"!")

    def close(self) -> None:
        """Let go."""
        signal.set_wakeup_fd(-1)
        self._sockets.pop(self._woken, None)
        os.close(self._woken)
        os.close(self._waker)
        self._waker = -1

    # What supervisord's loop asks of its sockets ---------------------------------------------------------------------

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        if self._goes_on():
            self.ring()

    def handle_error(self) -> None:
        """Nothing that could fail is done."""
