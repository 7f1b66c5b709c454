"""The end of a process, told by the kernel: through a pidfd on Linux, through SIGCHLD elsewhere.

Both tell a listener once, with the exit code of a child, or with None of a process that is somebody else's child; a
child is reaped then. Used by the reader's thread only. Knows nothing of runs.
"""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable
from functools import partial
from typing import Protocol

#: Told of an end: the exit code (minus the signal's number), None of a process that isn't our child.
Ended = Callable[[int | None], None]

#: Seconds between two looks at what no notice will come of.
PACE = 0.05


class Exits(Protocol):
    """Watches processes until they end."""

    def watch(self, pid: int, ended: Ended) -> bool:
        """Tell `ended` once, never from within this call; whether a `look` is needed. Below zero: a process group."""
        ...

    def watches(self, pid: int) -> bool:
        """Whether this process's end is awaited here."""
        ...

    def look(self) -> float | None:
        """Tell of ends that no selector announces; say after how many seconds to look again."""
        ...


def best_exits(selector: selectors.BaseSelector) -> Exits:
    """Pidfds where the kernel has them (Linux 5.3), else SIGCHLD."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return SignalledExits()
    return PidfdExits(selector)


class PidfdExits:
    """One pidfd for each process, ready to read when it ends; works for strangers as well as for children.

    A process for which there is no pidfd (none left to open, or it is gone already) is asked about instead.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._watched: dict[int, Ended] = {}
        self._rest = SignalledExits()

    def watch(self, pid: int, ended: Ended) -> bool:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return self._rest.watch(pid, ended)
        self._watched[pid] = ended
        self._selector.register(pidfd, selectors.EVENT_READ, partial(self._tell, pid, pidfd))
        return False

    def watches(self, pid: int) -> bool:
        return pid in self._watched or self._rest.watches(pid)

    def look(self) -> float | None:
        return PACE if self._rest.ask() else None

    def _tell(self, pid: int, pidfd: int) -> None:
        self._selector.unregister(pidfd)
        os.close(pidfd)
        self._watched.pop(pid)(_reap(pid)[1])


class SignalledExits:
    """Asks about every process watched whenever `look` is called, which SIGCHLD brings about.

    No signal tells of the end of a process that isn't our child, or of a group: while one is watched, `look` wants to
    be called again and again. macOS' kqueue could tell (EVFILT_PROC), but of processes only, and we know the group.
    """

    def __init__(self) -> None:
        self._watched: dict[int, Ended] = {}

    def watch(self, pid: int, ended: Ended) -> bool:
        self._watched[pid] = ended
        return True

    def watches(self, pid: int) -> bool:
        return pid in self._watched

    def look(self) -> float | None:
        return PACE if "stranger" in self.ask() else None

    def ask(self) -> set[str]:
        """Tell of all ends there have been; what kinds of process (`child`, `stranger`) still run."""
        running = set()
        for pid in list(self._watched):
            ours, code = _reap(pid) if pid > 0 else (False, None)
            if ours and code is None:
                running.add("child")
            elif not ours and exists(pid):
                running.add("stranger")
            else:
                self._watched.pop(pid)(code)
        return running


def _reap(pid: int) -> tuple[bool, int | None]:
    """Whether it is our child, and its exit code if it has ended."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False, None
    return True, os.waitstatus_to_exitcode(status) if reaped else None


def exists(pid: int) -> bool:
    """Whether there is such a process; a pid below zero is a process group."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
