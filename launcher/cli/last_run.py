"""`status` and `why` when nothing runs: what the last run left, and then the error all the same.

Reads `state.json` and the log files, and changes neither. Knows no more than these do: how each instance stood when
the launcher last wrote it down, the reason, and its last lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from launcher.cli import control
from launcher.errors import NothingRunning, UnknownService
from launcher.orchestrator.snapshot import State
from launcher.plan.names import label_among, service_of

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from launcher.orchestrator.state import Memory, Remembered


def status(args: Namespace) -> int:
    """Show every service; where nothing runs, how the last run left them."""
    return _or_the_last_run(args, control.status, _table)


def why(args: Namespace) -> int:
    """Explain the state of a service; where nothing runs, the one in which the last run left it."""
    return _or_the_last_run(args, control.why, _reasons)


Tell = Callable[["Namespace", "Memory", "Path"], Iterable[str]]


def _or_the_last_run(args: Namespace, now: Callable[[Namespace], int], then: Tell) -> int:
    try:
        return now(args)
    except NothingRunning:
        folder = control.folder_of(args, running=False)
        memory = _memory(folder)
        if memory is None or getattr(args, "json", False):
            raise
        lines = list(then(args, memory, folder))
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(memory.written))
        print(f"The last run of {memory.profile}, as it stood at {at}:")
        print("\n".join(lines), flush=True)
        raise


def _memory(folder: Path) -> Memory | None:
    """What the last run left; one that cannot be read is no news here, the next start tells of it."""
    from launcher.orchestrator.state import Memory, read  # noqa: PLC0415  (where nothing runs)

    try:
        found = read((folder / "state.json").read_bytes())
    except OSError:
        return None
    return found if isinstance(found, Memory) else None


def _table(args: Namespace, memory: Memory, _folder: Path) -> Iterator[str]:
    chosen = _chosen(memory, args.words) if args.words else memory.instances
    width = max((len(label_among(name, memory.instances)) for name in chosen), default=0)
    for name, one in chosen.items():
        yield f"  {label_among(name, memory.instances):<{width}}  {one.state:<9}  {one.why}"


def _reasons(args: Namespace, memory: Memory, folder: Path) -> Iterator[str]:
    chosen = _chosen(memory, [args.service])
    # Of one that was skipped or stopped, those that failed are the reason behind its own.
    failed = {name: one for name, one in memory.instances.items() if one.state == State.FAILED}
    for name, one in {**chosen, **failed}.items():
        yield f"{label_among(name, memory.instances)} was {one.state}: {one.why}"
        lines = _last_lines(folder, name, one) if one.state != State.COMPLETED else []
        if lines:
            yield "  its last lines:"
            yield from (f"    {line}" for line in lines)


def _last_lines(folder: Path, name: str, one: Remembered) -> list[str]:
    from launcher.observe.logfile import log_path  # noqa: PLC0415  (for `why` only)
    from launcher.observe.logread import tail  # noqa: PLC0415

    if one.started is None:
        return []
    lines = tail(name, log_path(folder / "logs", name), control.LAST_LINES, since=one.started)
    return [line.text for line in lines]


def _chosen(memory: Memory, words: Iterable[str]) -> dict[str, Remembered]:
    found: dict[str, Remembered] = {}
    for word in words:
        named = {name: one for name, one in memory.instances.items() if word in (name, service_of(name))}
        if not named:
            from launcher.profile.names import did_you_mean  # noqa: PLC0415  (for a mistake)

            hint = did_you_mean(word, dict.fromkeys(map(service_of, memory.instances)))
            raise UnknownService(f'no service "{word}" in the last run of {memory.profile}{hint}')
        found |= named
    return found
