"""Where a host listens: a Unix socket of its owner's alone, named to the kernel even when its path is long.

Knows paths and sockets; nothing of what is said.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: A Unix socket's address holds 108 bytes on Linux and 104 elsewhere, the ending zero included.
_LONGEST = 103


@contextmanager
def address_of(path: str) -> Iterator[str]:
    """A path short enough for bind and connect, valid inside the `with`."""
    if len(os.fsencode(path)) <= _LONGEST or sys.platform != "linux":
        yield path
        return
    folder, _, name = path.rpartition("/")
    descriptor = os.open(folder or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def beside(path: str) -> str:
    """Where one listens who has not yet taken the place of whoever listens at `path`."""
    return f"{path}.new"


def listen(path: str) -> socket.socket:
    """Listen there, for the owner alone; what another host left there is replaced."""
    listener = listen_beside(path)
    take_place(path)
    return listener


def listen_beside(path: str) -> socket.socket:
    """Listen, for the owner alone, where one does who has not yet taken the place of whoever listens at `path`."""
    fresh = beside(path)
    listener = socket.socket(socket.AF_UNIX)
    with suppress(FileNotFoundError):
        os.unlink(fresh)  # noqa: PTH108  (pathlib is a megabyte that an app may not need)
    mask = os.umask(0o177)
    try:
        with address_of(fresh) as address:
            listener.bind(address)
    finally:
        os.umask(mask)
    listener.listen(4)
    listener.setblocking(False)
    return listener


def take_place(path: str) -> None:
    """Whoever connects to `path` from now on comes to the one that listens beside it."""
    os.rename(beside(path), path)  # noqa: PTH104  (as above)
