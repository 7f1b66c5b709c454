"""Writes a file whole: beside its place first, and then renamed into it.

Whoever reads finds the old file or the new one, and never a part. Knows nothing of what is written; errors are the
system's own, for the caller knows what could not be done.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: For files that are their owner's only.
PRIVATE = 0o600


def write_whole(path: Path, content: bytes, *, mode: int = 0o666, durable: bool = False) -> None:
    """Put `content` in place of the file at `path`, or leave all as it was and raise OSError.

    `mode` is what the umask is taken from. `durable`: it is on the disk before it is renamed, for what a crash of the
    machine must not lose.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    with suppress(FileNotFoundError):
        aside.unlink()  # of an earlier process of this number
    # No link that somebody has laid there is followed, and no mode that it has is taken over.
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor with its mode)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(descriptor)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
