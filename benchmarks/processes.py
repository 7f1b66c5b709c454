"""What Linux tells of processes: who belongs to a run, what memory and time they took, when they were gone.

Knows nothing of managers and services.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

NS = 1_000_000_000


def marked(mark: str) -> set[int]:
    """Every living process whose environment, as it was given at its start, holds `mark`."""
    wanted = mark.encode()
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if wanted in (folder / "environ").read_bytes():
                    found.add(int(folder.name))
    return found - {os.getpid()}


def pss(pids: Iterable[int]) -> float:
    """Memory in MB: pages shared among n processes count 1/n for each."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")
    return total / 1024


def peak(pids: Iterable[int]) -> float:
    """The most resident memory each had, summed, in MB."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += field(Path(f"/proc/{pid}/status"), "VmHWM:")
    return total / 1024


def field(path: Path, key: str) -> int:
    """The number behind `key` (in kB); 0 where there is none, as of a zombie."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0


def cpu(pids: Iterable[int]) -> float:
    """Seconds on a processor, all threads. By the scheduler's own count: /proc/PID/stat ticks only every 10 ms."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(task.read_text(encoding="utf-8").split()[0])
    return total / NS


def thread_cpu(pid: int) -> float:
    """Seconds on a processor of a process's first thread, which in a launcher is the loop's."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text(encoding="utf-8").split()[0]) / NS


class Watched:
    """Processes whose end is to be timed: opened before the deed, so that no pid can be another's by then."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._poll = select.poll()
        self._pids: dict[int, int] = {}
        for pid in pids:
            with suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                self._pids[descriptor] = pid
                self._poll.register(descriptor, select.POLLIN)

    def wait(self, timeout: float) -> dict[int, int]:
        """For each process that ends within `timeout` seconds, when that was (monotonic, ns)."""
        deadline = time.monotonic() + timeout
        gone: dict[int, int] = {}
        while len(gone) < len(self._pids) and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left * 1000):
                gone[self._pids[descriptor]] = time.monotonic_ns()
                self._poll.unregister(descriptor)
        return gone

    def close(self) -> None:
        for descriptor in self._pids:
            os.close(descriptor)


def end(pids: Iterable[int]) -> None:
    """Kill these."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
