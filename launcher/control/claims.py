"""Which ports the launchers of one user count as theirs, bound or not yet: no two draw the same one.

A port is drawn before its service runs, which may be minutes before anything listens there. So whoever draws holds
the flock of a file of that number for as long as it lives; the kernel drops it then, so nothing is ever stale. Where no
such file can be had, what is not bound counts as free, as it would without.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

#: One folder for all, whatever $TMPDIR and $XDG_RUNTIME_DIR say to each.
_TOP = Path("/tmp")  # noqa: S108  (only a folder that is ours, and ours alone, is used)


class Claims:
    """The claims of one launcher. Knows nothing of who listens where."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or _TOP / f"launcher-{os.getuid()}"
        self._held: dict[int, int] = {}

    def take(self, port: int) -> bool:
        """Claim a port, for good; False: another launcher has."""
        if port in self._held:
            return True
        descriptor = -1
        try:
            descriptor = self._open(port)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            if descriptor >= 0:
                os.close(descriptor)
            return not isinstance(problem, BlockingIOError)
        self._held[port] = descriptor
        return True

    def keep(self, ports: Iterable[int | None]) -> None:
        """Claim these, so that nobody draws them, unless another launcher has: they are asked for by number."""
        for port in ports:
            if port is not None:
                self.take(port)

    def drop(self) -> None:
        """Give up all of them."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _open(self, port: int) -> int:
        with suppress(FileExistsError):
            self._folder.mkdir(mode=0o700)
        found = self._folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{self._folder} is not ours alone")
        return os.open(self._folder / str(port), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
