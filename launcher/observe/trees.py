"""What process trees use: CPU time, memory, descriptors. One pass over the machine's processes, whoever asks.

Linux tells the proportional set (PSS), in which a page that several share counts once; elsewhere, and where the kernel
won't tell, it is the resident set (RSS). Knows process ids; nothing of instances.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    import psutil


class Usage(Struct, frozen=True, kw_only=True):
    """What a process and all its descendants use now.

    `cpu` counts the seconds of those that have ended and were waited for, so it does not fall while the tree lives.
    """

    processes: int
    cpu: float
    memory: int
    #: `pss` or `rss`: of the whole tree, never a mixture.
    memory_kind: str
    #: None where the system does not tell.
    descriptors: int | None


def usage_of(pids: Iterable[int]) -> dict[int, Usage]:
    """Tell what the trees of these processes use; of those that are gone, nothing."""
    wanted = list(pids)
    if not wanted:
        return {}
    every, children = _all()
    found = {}
    for pid in wanted:
        if pid in every:
            usage = _sum([every[pid], *_below(pid, children)])
            if usage.processes:
                found[pid] = usage
    return found


def usage_below(pid: int) -> Usage:
    """Tell what all that a process has started use, and have used; without the process itself."""
    import psutil  # noqa: PLC0415  (as above)

    every, children = _all()
    usage = _sum(_below(pid, children))
    try:
        times = every[pid].cpu_times()
    except (KeyError, psutil.Error):
        return usage
    return replace(usage, cpu=usage.cpu + _of_ended(times))


def _all() -> tuple[dict[int, psutil.Process], dict[int, list[psutil.Process]]]:
    """All processes of the machine, by their id and by that of their parent."""
    import psutil  # noqa: PLC0415  (as above)

    every: dict[int, psutil.Process] = {}
    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        every[process.pid] = process
        children.setdefault(process.info["ppid"], []).append(process)
    return every, children


def _below(pid: int, children: Mapping[int, list[psutil.Process]]) -> list[psutil.Process]:
    found, line = [], [*children.get(pid, ())]
    while line:
        process = line.pop()
        found.append(process)
        line += children.get(process.pid, ())
    return found


def _of_ended(times: Any) -> float:
    """The seconds of the children that have ended and were waited for."""
    return getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)


def proportional_of(pid: int) -> int | None:
    """The PSS of a process in bytes; None: the kernel does not tell."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return None


def _sum(tree: list[psutil.Process]) -> Usage:
    import psutil  # noqa: PLC0415  (as above)

    processes, cpu, resident = 0, 0.0, 0
    shares: list[int | None] = []
    descriptors: list[int | None] = []
    for process in tree:
        try:
            with process.oneshot():
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                times = process.cpu_times()
                resident += process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended, or is none of ours
        processes += 1
        cpu += times.user + times.system + _of_ended(times)
        shares.append(proportional_of(process.pid))
        try:
            descriptors.append(process.num_fds())
        except (psutil.Error, OSError):
            descriptors.append(None)
    told = [share for share in shares if share is not None]
    is_told = bool(told) and len(told) == len(shares)
    open_ones = [count for count in descriptors if count is not None]
    return Usage(
        processes=processes,
        cpu=cpu,
        memory=sum(told) if is_told else resident,
        memory_kind="pss" if is_told else "rss",
        descriptors=sum(open_ones) if len(open_ones) == len(descriptors) else None,
    )
