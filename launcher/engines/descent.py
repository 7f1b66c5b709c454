"""Who descends from whom: the processes that a run has left behind, wherever they hid.

On Linux the launcher is a child sub-reaper, so whatever its services beget stays below it in the process tree: an
orphan becomes the launcher's own child, and only those children have to be told apart. A process group alone would
miss a daemon that called setsid(). `/proc/PID/task/*/children` needs CONFIG_PROC_CHILDREN, which many kernels lack, so
one pass over `/proc/*/stat` it is: 10 µs a process. Elsewhere there is the process group only.

Knows processes and the marks in their environment; nothing of engines, events or signals.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import Struct

#: `<launcher's id>:<instance>:<generation>`, one word for each launcher around the process, the innermost last.
MARK = "LAUNCHER_MARK"

#: From <linux/prctl.h>.
_PR_SET_CHILD_SUBREAPER = 36

Key = TypeVar("Key")


class Process(Struct, frozen=True):
    """A line of `/proc/PID/stat`, as far as descent goes."""

    parent: int
    group: int
    session: int
    dead: bool


Census = Mapping[int, Process]


def become_subreaper() -> bool:
    """Make orphaned descendants our children instead of init's; False where the system has no such thing."""
    if sys.platform != "linux":
        return False
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0


def _prctl(option: int, value: int) -> int:
    """prctl(2), which the standard library lacks."""
    try:
        # What ctypes itself does this with. It stands before the first start, and ctypes around it is 2 ms.
        from _ctypes import call_function, dlopen, dlsym  # noqa: PLC0415
    except ImportError:  # another Python
        import ctypes  # noqa: PLC0415

        return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0))
    ourselves = dlopen(None, 0)  # type: ignore[arg-type]  # as dlopen(3) has it
    return int(call_function(dlsym(ourselves, "prctl"), (option, value, 0, 0, 0)))


def take_census() -> dict[int, Process]:
    """Every process of the machine (of our PID namespace), by pid."""
    census = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  (names are all it needs, hundreds of them)
        if name.isdecimal():
            line = _contents(f"/proc/{name}/stat")
            # The name, in parentheses, may hold anything, parentheses and newlines too: what counts follows the last.
            state, parent, group, session, *_ = line[line.rfind(b")") + 1 :].split(None, 4) or [b""] * 4
            if state:
                census[int(name)] = Process(int(parent), int(group), int(session), state in b"ZX")
    return census


def families(
    census: Census,
    *,
    ancestor: int,
    mains: Mapping[int, Key],
    trace: Callable[[int], Key | None],
) -> dict[Key, set[int]]:
    """The living descendants of each run, its main process left out.

    `mains` has the main process of each run, ended ones too: its number is still that of its session and group. A child
    of `ancestor` belongs to the run whose main it is or whose session or group it is in; else `trace` decides, and its
    own descendants follow it. Children in the ancestor's own session (a library's) are nobody's.
    """
    children: dict[int, list[int]] = {}
    for pid, process in census.items():
        children.setdefault(process.parent, []).append(pid)
    ours = census[ancestor].session if ancestor in census else -1
    found: dict[Key, set[int]] = {}
    for child in children.get(ancestor, ()):
        process = census[child]
        key = next((mains[pid] for pid in (child, process.session, process.group) if pid in mains), None)
        if key is None and not process.dead and process.session != ours:
            key = trace(child)
        if key is not None:
            family = found.setdefault(key, set())
            line = [child]
            while line:
                pid = line.pop()
                line += children.get(pid, ())
                if not census[pid].dead and pid not in mains:
                    family.add(pid)
    return found


def marks_of(pid: int) -> list[str]:
    """The marks a process was started with: none if it has cleared its environment or is not ours to read."""
    prefix = f"{MARK}=".encode()
    for variable in _contents(f"/proc/{pid}/environ").split(b"\0"):
        if variable.startswith(prefix):
            return variable[len(prefix) :].decode(errors="replace").split()
    return []


def writes_to(pid: int) -> set[tuple[int, int]]:
    """What a process has as standard output and error, as (device, inode)."""
    files = set()
    for descriptor in (1, 2):
        try:
            file = os.stat(f"/proc/{pid}/fd/{descriptor}")  # noqa: PTH116  (as above)
        except OSError:
            continue
        files.add((file.st_dev, file.st_ino))
    return files


def _contents(path: str) -> bytes:
    """A file of /proc, whole; empty when the process is gone or not ours to read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
            if len(part) < 4096:  # noqa: PLR2004  (/proc hands out whole pages: a shorter read is the last one)
                break
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
