"""The control sockets before anybody has spoken: descriptors that listen, and nothing else.

With the first client a thread imports the server and lets it serve; until then neither its modules nor its thread
exist (12 MB and 60 ms of a processor). Knows when there must be a server, not what one does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from launcher.control.address import SOCKET_NAME
from launcher.control.listening import listen, listen_on, vanish

if TYPE_CHECKING:
    from pathlib import Path

    from launcher.control.bridge import Sources
    from launcher.control.server import Server
    from launcher.profile.model import Api

#: Calls the action, once, as soon as the descriptor is readable; from a thread that stays alive.
WhenReadable = Callable[[int, Callable[[], None]], None]

#: How long a server may take to come into being, and to hand over what it still has, in seconds.
PATIENCE = 2.0


class Standby:
    """Listens in one run folder, and over TCP where `api` says so. `resolve` puts variables into its token."""

    def __init__(
        self,
        folder: Path,
        api: Api,
        *,
        sources: Callable[[], Sources],
        when_readable: WhenReadable,
        resolve: Callable[[str], str] = str,
    ) -> None:
        self._folder = folder
        self._api = api
        self._sources = sources
        self._when_readable = when_readable
        self._resolve = resolve
        self._sockets: list[socket.socket] = []
        self._token = ""
        self._server: Server | None = None
        self._built = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Listen; raises RunFolderUnusable, ApiUnavailable, and what makes the token unknown."""
        self._token = self._resolve(self._api.token) if self._api.token else ""
        self._sockets.append(listen(self._folder))
        if self._api.listen:
            try:
                self._sockets.append(listen_on(self._api.listen))
            except Exception:
                vanish(self._folder, self._sockets[0])
                raise
        for each in self._sockets:
            self._when_readable(each.fileno(), self._begin)

    @property
    def is_lost(self) -> bool:
        """Whether somebody has deleted its file, so that no client finds it any more."""
        return not (self._folder / SOCKET_NAME).exists()

    def close(self) -> None:
        """Send what is on its way and vanish. To be called when nothing can be readable any more."""
        if self._thread is None:
            for each in self._sockets[1:]:
                each.close()
            vanish(self._folder, self._sockets[0])
        elif self._built.wait(PATIENCE) and self._server is not None:
            self._server.close()
            self._thread.join(PATIENCE)

    def _begin(self) -> None:
        if self._thread is None:  # the other socket may have had a client, too
            self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        from launcher.control.admission import Rules, rules_for  # noqa: PLC0415  (that is the point of this module)
        from launcher.control.server import Server  # noqa: PLC0415
        from launcher.profile.addresses import parse_listen  # noqa: PLC0415

        rules = Rules()
        if self._api.listen:
            host, port = parse_listen(self._api.listen)
            rules = rules_for(host, port, token=self._token, hosts=self._api.hosts)
        self._server = Server(self._sources(), self._sockets, rules=rules)
        self._built.set()
        self._server.serve()
