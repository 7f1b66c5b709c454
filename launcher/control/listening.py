"""The listening ends of the control server: in the run folder, for its owner only, and over TCP where asked for.

Knows folders and sockets; nothing of what is said over them.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from launcher.control.address import SOCKET_NAME, reachable
from launcher.errors import ApiUnavailable, RunFolderUnusable
from launcher.profile.addresses import parse_listen


def listen(folder: Path) -> socket.socket:
    """Listen in `folder`, without blocking. Its lock is held by the caller, so a socket there was left by a crash."""
    fresh = f"{SOCKET_NAME}.new"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        (folder / fresh).unlink(missing_ok=True)
        with reachable(folder, fresh) as address:
            listener.bind(address)
        (folder / fresh).chmod(0o600)
        listener.listen(128)
        listener.setblocking(False)
        # Renamed when it listens, so that nobody finds a socket that refuses.
        (folder / fresh).rename(folder / SOCKET_NAME)
    except OSError as problem:
        listener.close()
        raise RunFolderUnusable(f"cannot listen in {folder}: {problem.strerror or problem}") from problem
    return listener


def listen_on(address: str) -> socket.socket:
    """Listen on `HOST:PORT`, without blocking; raises ApiUnavailable."""
    host, port = parse_listen(address)
    listener = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(128)
        listener.setblocking(False)
    except OSError as problem:
        if listener is not None:
            listener.close()
        raise ApiUnavailable(f"the API cannot listen on {address}: {problem.strerror or problem}") from problem
    return listener


def hide(folder: Path) -> None:
    """New clients find no socket."""
    with suppress(OSError):  # somebody else may have tidied up
        (folder / SOCKET_NAME).unlink()


def vanish(folder: Path, listener: socket.socket) -> None:
    """Listen no more: new clients find no socket, those not yet accepted are refused."""
    hide(folder)
    listener.close()
