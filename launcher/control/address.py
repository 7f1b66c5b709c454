"""Where the control socket lies, and how to name it to the kernel when its path is long.

A Unix socket's address holds 108 bytes on Linux and 104 on macOS, the ending zero included; a project deep in a home
directory is longer than that. This module knows paths only, nothing of what is said over the socket.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from launcher.errors import RunFolderUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOCKET_NAME: Final = "control.sock"

#: What fits everywhere.
LONGEST_ADDRESS: Final = 103


@contextmanager
def reachable(folder: Path, name: str = SOCKET_NAME) -> Iterator[str]:
    """A path of `name` in `folder` that is short enough for bind and connect, valid inside the `with`.

    Linux reaches any folder through a descriptor of it. Elsewhere a path relative to the working directory is tried;
    changing that directory instead would move it under the feet of every other thread.
    """
    path = str(folder / name)
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield path
        return
    if sys.platform == "linux":
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{descriptor}/{name}"
        finally:
            os.close(descriptor)
        return
    relative = os.path.relpath(path)
    if len(os.fsencode(relative)) > LONGEST_ADDRESS:
        raise RunFolderUnusable(
            f"the path of the control socket is longer than {LONGEST_ADDRESS} bytes: {path}",
            remedy="Choose a shorter run folder with --run-dir.",
        )
    yield relative
