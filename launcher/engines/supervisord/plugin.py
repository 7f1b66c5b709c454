"""What runs inside supervisord itself: small, never blocking. `[rpcinterface:launcher]` names `make`.

It wakes supervisord's loop when a signal arrives and when a program's state has changed; the loop would else sleep for
up to a second before it reaps, tells listeners, or goes on stopping. And it remembers by which signal a process ended,
which supervisord forgets. Both touch parts of supervisor that are not its API: on a version not known here it says so
in supervisord's log and leaves all as it is, slower and with less to tell, still correct.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

from supervisor import events
from supervisor.loggers import LevelsByName
from supervisor.options import VERSION
from supervisor.process import Subprocess

#: The versions whose inner parts were looked at.
KNOWN = ("4.2", "4.3")
_WARNING = LevelsByName.WARN
#: Where a process's wait status is kept on it.
_STATUS = "launcher_wait_status"


class Interface:
    """The methods that clients see as `launcher.NAME`. One for each HTTP server that supervisord opens."""

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord

    def ends(self) -> dict[str, int]:
        """Return the wait status of the last process of each program that has ended, by the program's name.

        @return struct  Wait statuses as waitpid(2) tells them
        """
        return {
            name: getattr(process, _STATUS)
            for group in self._supervisord.process_groups.values()
            for name, process in group.processes.items()
            if getattr(process, _STATUS, None) is not None
        }


def make(supervisord: Any, **_config: str) -> Interface:
    """Make the interface, and mend supervisord on the way, once."""
    if not any(isinstance(each, _Waker) for each in supervisord.options.get_socket_map().values()):
        if VERSION.startswith(KNOWN):
            _Waker(supervisord.options)
            _remember_ends()
        else:
            text = f"launcher does not know supervisor {VERSION}: ends are noticed within a second, not at once"
            supervisord.options.logger.log(_WARNING, text)
    return Interface(supervisord)


class _Waker:
    """A pipe that supervisord's loop reads: signals are written to it by the kernel's notice, state changes by us.

    It is among the sockets of supervisord's HTTP server, by the protocol of those; it goes when supervisord ends or
    reloads, so that no signal is ever written to somebody else's descriptor.
    """

    def __init__(self, options: Any) -> None:
        self._sockets = options.get_socket_map()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._sockets[self._woken] = self
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        events.subscribe(events.ProcessStateEvent, self.ring)
        self._cleanup = options.cleanup
        options.cleanup = self.close
        self._options = options

    def ring(self, _event: object = None) -> None:
        """Have the loop come round once more."""
        with contextlib.suppress(OSError):  # it is full of rings, or closed
            os.write(self._waker, b"!")

    def close(self) -> None:
        """What supervisord calls last: let go, then do its own."""
        signal.set_wakeup_fd(-1)
        self._sockets.pop(self._woken, None)
        os.close(self._woken)
        os.close(self._waker)
        self._waker = -1
        self._options.cleanup = self._cleanup
        self._cleanup()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def handle_error(self) -> None:
        """Nothing that could fail is done."""


def _remember_ends() -> None:
    finish = Subprocess.finish
    if getattr(finish, "is_ours", False):
        return

    def remembering(self: Any, pid: int, status: int) -> Any:
        setattr(self, _STATUS, status)
        return finish(self, pid, status)

    remembering.is_ours = True  # type: ignore[attr-defined]
    Subprocess.finish = remembering
