"""The files of the sockets on which supervisord listens: looked after at each of its ticks, made anew when deleted.

A socket goes on listening when its file is gone, and nobody finds it any more. A new one takes the place of its
descriptor, so that whoever has that need know nothing of it, and who is connected stays so.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from supervisor import events

from launcher.engines.supervisord.server import Server

_PRIVATE = 0o600
_NOBODY_ELSE = (-1, -1)
_BACKLOG = 1024


class Doors:
    """The plugin's own socket, and those of supervisord's HTTP servers. `say` tells of what was done."""

    def __init__(self, options: Any, server: Server, say: Callable[[str], None]) -> None:
        self._options = options
        self._server = server
        self._say = say
        self._shut: set[Path] = set()
        events.subscribe(events.Tick5Event, self._look)

    def close(self) -> None:
        """Look no more."""
        with suppress(ValueError):  # supervisord forgets all subscribers when it begins anew
            events.unsubscribe(events.Tick5Event, self._look)

    def _look(self, _event: object) -> None:
        for path, descriptor, mode, owner in self._all():
            if os.path.lexists(path):
                continue
            try:
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _listen(path, descriptor, mode, owner)
            except OSError as problem:
                if path not in self._shut:
                    self._shut.add(path)
                    self._say(f"{path} was deleted, and cannot be made anew: {problem.strerror}")
            else:
                self._shut.discard(path)
                self._say(f"{path} was deleted: it was made anew")

    def _all(self) -> Iterator[tuple[Path, int, int, tuple[int, int]]]:
        yield self._server.path, self._server.fileno(), _PRIVATE, _NOBODY_ELSE
        for config, server in self._options.httpservers:
            if config["family"] == socket.AF_UNIX:
                yield Path(config["file"]), server.fileno(), config["chmod"], config["chown"]


def _listen(path: Path, descriptor: int, mode: int, owner: tuple[int, int]) -> None:
    mask = os.umask(0o177)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            os.chown(path, *owner)
            path.chmod(mode)
            os.dup2(listener.fileno(), descriptor, inheritable=False)
    finally:
        os.umask(mask)
