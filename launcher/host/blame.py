"""Which component takes the process with it, written where that can still be read when the process is gone.

A few bytes in a file beside the channel: written while a component's module is imported, which may crash, and by
`os._exit`. A crash while requests are answered is nobody's: which of them it was cannot be told. Nor is it anybody's
when the process is ended from outside, whatever it was at just then.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_MOST = 1000
#: The signals by which code ends its own process; by any other somebody else does.
OWN = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)


def blame_of(channel: str) -> str:
    """Where the host with this channel writes it."""
    return f"{channel.removesuffix('.sock')}.blame"


def read_blame(channel: str, code: int | None = None) -> tuple[str, str]:
    """The component that took the host along, and when that was, in words; two empty texts: nobody is known to.

    `code`: how the host has ended, below zero by this signal; None: that is not known.
    """
    if code is not None and code < 0 and -code not in OWN:
        return "", ""
    try:
        with open(blame_of(channel), "rb") as file:  # noqa: PTH123  (pathlib is a megabyte that an app may not need)
            told = json.loads(file.read(_AT_MOST))
        return str(told["component"]), str(told["when"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""


class Blame:
    """The file."""

    def __init__(self, channel: str) -> None:
        self._path = blame_of(channel)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._inode = os.fstat(self._file).st_ino
        self._is_last = False

    @contextmanager
    def on(self, name: str, when: str) -> Iterator[None]:
        """Should the process end within the block, it was this component."""
        self._write(name, when)
        try:
            yield
        finally:
            self._write("", "")

    def close(self) -> None:
        """Everything has ended in good order."""
        os.close(self._file)
        with suppress(FileNotFoundError):
            if os.stat(self._path).st_ino == self._inode:  # noqa: PTH116  (as above)
                os.unlink(self._path)  # noqa: PTH108  (as above)

    def move(self, channel: str) -> None:
        """Have it stand beside another channel from now on, in the place of whose stands there."""
        path = blame_of(channel)
        os.rename(self._path, path)  # noqa: PTH104  (as above)
        self._path = path

    def settle(self, name: str, when: str) -> None:
        """It is this component, which ends the process now."""
        self._write(name, when)
        self._is_last = True

    def _write(self, name: str, when: str) -> None:
        if self._is_last:
            return
        text = json.dumps({"component": name, "when": when}).encode() if name else b""
        with suppress(OSError):  # a full disk: then nobody is known to
            os.pwrite(self._file, text, 0)
            os.ftruncate(self._file, len(text))
