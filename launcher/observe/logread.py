"""Reads log files back: the last lines of one, across rotation, or those of several merged in the order of time.

All of them, or those since a moment, or those in which an expression is found.

Reads backwards in blocks, so that the end of a large file costs no more than that of a small one. Files are opened
youngest first and all at once, since a rotation under way renames the younger ones into the older ones' places.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from launcher.observe.logfile import generation, set_aside

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BLOCK = 64 * 1024
#: A stamp tells milliseconds, and nothing of what is below them.
_TICK = 0.001
_STAMP = len("2026-11-24T04:05:06.123Z ")


class Line(NamedTuple):
    """One line of a log: whose, when (on the wall clock), and what, without its stamp and newline."""

    label: str
    at: float
    text: str


def last_lines(path: Path, count: int) -> list[bytes]:
    """Give the last `count` lines of a log as they stand there, oldest first, without their newlines.

    A log that doesn't exist has no lines; a last line without newline, being written just now, counts as one.
    """
    found: list[bytes] = []
    with ExitStack() as stack:
        for file in _open_all(path, stack):
            if len(found) < count:
                found[:0] = _last_of(file, count - len(found))
    return found


def chosen_lines(
    path: Path, *, count: int | None = None, since: float | None = None, pattern: re.Pattern[str] | None = None
) -> list[bytes]:
    """Give the lines of a log that were written since a moment and that the pattern is found in, oldest first.

    Of these the last `count`. No more of the log is read than is needed to find them.
    """
    if count == 0:
        return []
    if since is None and pattern is None and count is not None:
        return last_lines(path, count)
    start = None if since is None else _stamp_of(since)
    found: list[bytes] = []
    with ExitStack() as stack:
        for file in _open_all(path, stack):
            for raw in _backwards(file):
                if start is not None and _is_stamped(raw) and raw[: _STAMP - 1] < start:
                    return found[::-1]
                if pattern is None or pattern.search(parse_line("", raw).text):
                    found.append(raw)
                    if len(found) == count:
                        return found[::-1]
    return found[::-1]


def merge(
    paths: Mapping[str, Path],
    count: int | None,
    *,
    since: float | None = None,
    pattern: re.Pattern[str] | None = None,
) -> Iterator[Line]:
    """Give the lines chosen of every log, those of all of them together in the order of time.

    `paths` are by label; where times are equal its order decides. A line without a stamp has the time of the one
    before it.
    """
    from heapq import merge as merged  # noqa: PLC0415  (only `logs` needs it)

    return merged(
        *(
            _stamped(label, chosen_lines(path, count=count, since=since, pattern=pattern))
            for label, path in paths.items()
        ),
        key=lambda line: line.at,
    )


def tail(label: str, path: Path, count: int, *, since: float = 0.0) -> list[Line]:
    """Give the last `count` lines of a log, oldest first, but none from before `since` (on the wall clock)."""
    stamped = _stamped(label, last_lines(path, count))
    return [line for line in stamped if line.at >= since - _TICK]


def parse_line(label: str, raw: bytes, before: float = 0.0) -> Line:
    """Take a line of a log file apart; one without a stamp gets the time `before` and is all text."""
    from datetime import datetime  # noqa: PLC0415  (only `logs` needs it)

    stamp, text = raw[: _STAMP - 1], raw[_STAMP:]
    if _is_stamped(raw):
        with suppress(ValueError):
            at = datetime.fromisoformat(stamp.decode("ascii")).timestamp()
            return Line(label, at, text.decode("utf-8", "replace"))
    return Line(label, before, raw.decode("utf-8", "replace"))


def _is_stamped(raw: bytes) -> bool:
    return raw[_STAMP - 2 : _STAMP] == b"Z "


def _stamp_of(at: float) -> bytes:
    """A moment as a stamp: those of one form stand in the order of time."""
    from datetime import UTC, datetime  # noqa: PLC0415  (only `logs` needs it)

    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.{int(at % 1 * 1000):03d}Z".encode()


def _stamped(label: str, lines: list[bytes]) -> Iterator[Line]:
    at = 0.0
    for raw in lines:
        line = parse_line(label, raw, at)
        at = line.at
        yield line


def _open_all(path: Path, stack: ExitStack) -> list[BinaryIO]:
    files: list[BinaryIO] = []
    seen: set[int] = set()
    try:
        last = max(set_aside(path), default=0)
    except FileNotFoundError:
        return []
    # One more than there are: a rotation under way may just have renamed the oldest.
    for number in range(last + 2):
        try:
            file = stack.enter_context(generation(path, number).open("rb"))
        except FileNotFoundError:
            continue
        # A file that was renamed between two of these calls is met again under its new name.
        inode = os.fstat(file.fileno()).st_ino
        if inode not in seen:
            seen.add(inode)
            files.append(file)
    return files


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """Give the lines of one file, the last one first."""
    at = file.seek(0, os.SEEK_END)
    rest = b""
    is_end = True
    while at > 0:
        size = min(_BLOCK, at)
        at -= size
        file.seek(at)
        lines = (file.read(size) + rest).split(b"\n")
        if is_end and lines[-1] == b"":
            lines.pop()
        is_end = False
        rest = lines.pop(0)
        yield from reversed(lines)
    if not is_end:
        yield rest


def _last_of(file: BinaryIO, count: int) -> list[bytes]:
    """Give the last `count` lines of one file."""
    at = file.seek(0, os.SEEK_END)
    blocks: list[bytes] = []
    newlines = 0
    # One newline more than lines: the first line must be whole.
    while at > 0 and newlines <= count:
        size = min(_BLOCK, at)
        at -= size
        file.seek(at)
        block = file.read(size)
        newlines += block.count(b"\n")
        blocks.append(block)
    lines = b"".join(reversed(blocks)).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return lines[-count:] if count else []
