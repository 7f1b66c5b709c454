"""An outlet: the launcher's own standard output, written to without ever waiting inside the kernel.

A terminal or a pipe that nobody reads would otherwise hold the writing thread, and with it the log files. O_NONBLOCK on
descriptor 1 itself is no way: the flag belongs to the open file, which the shell and everybody else of the session
share. So a terminal or a pipe is opened anew by its name, and the flag set on that; where it cannot be (a socket; a
pipe outside Linux; a terminal of another user, after `su`) the outlet takes sips no larger than PIPE_BUF, each when the
descriptor is writable. A plain file is written to as it is: it never makes one wait, and has an offset of its own that
others may share.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable

#: How much is offered to the kernel at once.
BLOCK = 256 * 1024


class Outlet:
    """A `writer.Target` on a descriptor that stays its owner's."""

    __slots__ = ("_descriptor", "_failed", "_own", "block", "broken", "sip", "watched")

    def __init__(self, descriptor: int, *, failed: Callable[[OSError], None]) -> None:
        self._descriptor = descriptor
        self._failed = failed
        self.block = BLOCK
        #: Whether it was given up.
        self.broken = False
        mode = os.fstat(descriptor).st_mode
        may_wait = not stat.S_ISREG(mode) and (not stat.S_ISCHR(mode) or os.isatty(descriptor))
        self.watched = may_wait
        self._own = _open_anew(descriptor, mode) if may_wait else None
        self.sip = select.PIPE_BUF if may_wait and self._own is None else 0

    def prepare(self, size: int) -> int:  # noqa: ARG002  (a file would look at it)
        """Give the descriptor to write to."""
        return self._descriptor if self._own is None else self._own

    def failed(self, error: OSError) -> None:
        """Hear that the terminal was closed, the reader of the pipe has gone, or the disk is full."""
        self.broken = True
        self._failed(error)

    def close(self) -> None:
        """Give back what was opened here."""
        if self._own is not None:
            os.close(self._own)
            self._own = None


def _open_anew(descriptor: int, mode: int) -> int | None:
    try:
        if stat.S_ISCHR(mode):
            name = os.ttyname(descriptor)
        elif stat.S_ISFIFO(mode) and os.path.exists("/proc/self/fd"):  # noqa: PTH110  (pathlib costs start-up time)
            name = f"/proc/self/fd/{descriptor}"
        else:
            return None
        return os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
