"""The control socket before anybody has spoken: a descriptor that listens, and nothing else.

With the first client a thread imports the server and lets it serve; until then neither its modules nor its thread
exist (2 MB and 10 ms of a start-up). Knows when there must be a server, not what one does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.control.listening import listen, vanish

if TYPE_CHECKING:
    from launcher.control.server import Follow, Server
    from launcher.observe.timeline import Timeline
    from launcher.orchestrator.events import Post
    from launcher.orchestrator.snapshot import Changed, Noted

#: Calls the action, once, as soon as the descriptor is readable; from a thread that stays alive.
WhenReadable = Callable[[int, Callable[[], None]], None]

#: How long a server may take to come into being, and to hand over what it still has, in seconds.
PATIENCE = 2.0


class Standby:
    """Listens in one run folder; an Observer that hands news on to the server, once there is one."""

    def __init__(
        self,
        folder: Path,
        *,
        post: Post,
        follow: Follow,
        when_readable: WhenReadable,
        timeline: Callable[[], Timeline] | None = None,
    ) -> None:
        self._timeline = timeline
        self._folder = folder
        self._post = post
        self._follow = follow
        self._when_readable = when_readable
        self._server: Server | None = None
        self._built = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Listen; raises RunFolderUnusable."""
        self._listener = listen(self._folder)
        self._when_readable(self._listener.fileno(), self._begin)

    def __call__(self, news: Changed | Noted) -> None:
        """Hand news on; in the loop's thread."""
        if self._server is not None:
            self._server(news)

    def close(self) -> None:
        """Send what is on its way and vanish. To be called when nothing can be readable any more."""
        if self._thread is None:
            vanish(self._folder, self._listener)
        elif self._built.wait(PATIENCE) and self._server is not None:
            self._server.close()
            self._thread.join(PATIENCE)

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True, args=(self._listener,))
        self._thread.start()

    def _serve(self, listener: socket.socket) -> None:
        from launcher.control.server import Server  # noqa: PLC0415  (that is the point of this module)

        self._server = Server(self._folder, listener, post=self._post, follow=self._follow, timeline=self._timeline)
        self._built.set()
        self._server.serve()
