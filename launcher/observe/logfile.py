"""The log files: `logs/INSTANCE.log`, every line with the UTC time at which its batch came.

    2026-11-24T04:05:06.123Z GET / 200

They hold the bytes that the service printed, line by line. A file that would grow past its limit becomes `.log.1`,
the one before `.log.2`, and no line is torn or lost by that. `logread` reads them.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from launcher.observe.lines import prefixed

if TYPE_CHECKING:  # who only reads a log needs no writer
    from collections.abc import Callable
    from pathlib import Path

    from launcher.observe.hub import Batch
    from launcher.observe.writer import Writer

#: A file larger than this is set aside, and this many of those are kept.
LIMIT = 10 * 1024 * 1024
KEPT = 2
#: How much is offered to the kernel at once.
BLOCK = 256 * 1024


class LogFile:
    """One instance's file, a `writer.Target`; opened when there is something to write."""

    __slots__ = ("_failed", "_file", "_kept", "_limit", "_path", "_size", "block", "sip", "watched")

    def __init__(self, path: Path, *, limit: int, kept: int, failed: Callable[[OSError], None]) -> None:
        self._path = path
        self._limit = limit
        self._kept = kept
        self._failed = failed
        self._file: int | None = None
        self._size = 0
        # A small part of the limit, so that a file set aside is nearly full whatever gathers for one call.
        self.block = min(BLOCK, limit // 8)
        self.sip = 0
        self.watched = False

    def prepare(self, size: int) -> int:
        """Open the file, or change for a new one where `size` bytes more would be too many."""
        if self._file is None:
            self._file = self._open()
        if self._size and self._size + size > self._limit:
            self.close()
            self._rotate()
            self._file = self._open()
        self._size += size
        return self._file

    def failed(self, error: OSError) -> None:
        """Hear that the disk is full, or the folder gone: nothing more is written here."""
        self.close()
        self._failed(error)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        self._size = os.fstat(file).st_size
        if self._size and os.pread(file, 1, self._size - 1) != b"\n":
            # A launcher was killed in the middle of a line, or its disk was full.
            self._size += os.write(file, b"\n")
        return file

    def _rotate(self) -> None:
        # The oldest is removed rather than renamed over: for a rename that replaces a file, ext4 (auto_da_alloc) first
        # sends the data of the new one to the disk. Older ones may be left from a time when more were kept.
        generation(self._path, self._kept).unlink(missing_ok=True)
        for number in set_aside(self._path):
            if number > self._kept:
                generation(self._path, number).unlink(missing_ok=True)
        for number in range(self._kept, 0, -1):
            with suppress(FileNotFoundError):
                generation(self._path, number - 1).rename(generation(self._path, number))


def generation(path: Path, number: int) -> Path:
    """Name the file itself (0) or one set aside: `api.1.log.1` is younger than `api.1.log.2`."""
    return path.with_name(f"{path.name}.{number}") if number else path


def set_aside(path: Path) -> list[int]:
    """The numbers of the files that were set aside of a log."""
    prefix = f"{path.name}."
    endings = [name.removeprefix(prefix) for name in os.listdir(path.parent) if name.startswith(prefix)]  # noqa: PTH208  (names, no paths)
    return sorted(int(ending) for ending in endings if ending.isdecimal())


class LogFiles:
    """Writes what each instance prints into its file (a consumer of the hub).

    `note` hears once for all files, from the writing thread, that they can't be written; services go on.
    """

    def __init__(
        self, writer: Writer, folder: Path, *, note: Callable[[str], None], limit: int = LIMIT, kept: int = KEPT
    ) -> None:
        self._writer = writer
        self._folder = folder
        self._note = note
        self._limit = limit
        self._kept = kept
        self._files: dict[str, LogFile] = {}
        self._noted = False
        self._second = -1
        self._stamp = b""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._failed(error)

    def __call__(self, batch: Batch) -> None:
        """Write a batch of lines."""
        file = self._files.get(batch.run.instance)
        if file is None:
            file = self._files[batch.run.instance] = LogFile(
                log_path(self._folder, batch.run.instance), limit=self._limit, kept=self._kept, failed=self._failed
            )
        self._writer.put(file, prefixed(batch.lines, self._stamp_at(batch.at)))

    def _stamp_at(self, at: float) -> bytes:
        second, rest = divmod(int(at * 1000), 1000)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return b"%s%03dZ " % (self._stamp, rest)

    def _failed(self, error: OSError) -> None:
        if not self._noted:
            self._noted = True
            self._note(f"cannot write log files in {self._folder}: {error.strerror}; services go on without")


def log_path(folder: Path, instance: str) -> Path:
    """Name the file into which an instance's lines go."""
    return folder / f"{instance}.log"
