"""Held listening sockets: bound at an instance's first start, kept through its restarts, closed when released.

The service finds its socket at descriptor 3 (`LISTEN_FDS`, `LISTEN_FDNAMES`, `LISTEN_PID`, as systemd has it), and no
other service inherits it. It travels as the child's standard input, which `subprocess` puts in place whatever numbers
are in use here; the shell line of `spawn` then moves it to 3. Rejected: `pass_fds` can't renumber, dash knows
one-digit descriptors only, `posix_spawn` can neither change the directory nor the user. So it is one socket a service,
which is all that a profile can ask for.

Knows sockets and instances' names; nothing of processes. Used by the loop's thread only.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import suppress

from launcher.errors import EngineCannot, SocketUnavailable
from launcher.orchestrator.orders import HeldSocket

BACKLOG = 1024
#: How much of a command that has our port an error shows.
_SHOWN = 80


class HeldSockets:
    """The sockets held, by instance."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[HeldSocket, socket.socket]] = {}

    def hold(self, instance: str, wanted: tuple[HeldSocket, ...], *, label: str) -> socket.socket | None:
        """The socket of `instance`, bound now unless it is held already; None where none is wanted."""
        if not wanted:
            self.release(instance)
            return None
        if len(wanted) > 1:
            raise EngineCannot(f'cannot start "{label}": the local engine hands over one socket, not {len(wanted)}')
        held = self._held.get(instance)
        if held is not None and held[0] == wanted[0]:
            return held[1]
        self.release(instance)
        bound = _bind(wanted[0], label)
        self._held[instance] = (wanted[0], bound)
        return bound

    def held(self, instance: str) -> socket.socket | None:
        """What is held for `instance` now."""
        return self._held[instance][1] if instance in self._held else None

    def at(self, port: int) -> tuple[str, HeldSocket] | None:
        """For whom a socket of this port is held, and as what; None: for nobody."""
        found = ((name, wanted) for name, (wanted, _) in self._held.items() if wanted.port == port)
        return next(found, None)

    def take_over(self, instance: str, wanted: HeldSocket, bound: socket.socket) -> None:
        """Hold a socket that was bound before, as `wanted` says."""
        self.release(instance)
        self._held[instance] = (wanted, bound)

    def release(self, instance: str) -> bool:
        """Close what is held for `instance`; False: nothing was."""
        held = self._held.pop(instance, None)
        if held is not None:
            held[1].close()
        return held is not None

    def close(self) -> None:
        """Close all."""
        for instance in list(self._held):
            self.release(instance)


def variables(sockets: tuple[HeldSocket, ...]) -> dict[str, str]:
    """What tells a service of its sockets; LISTEN_PID is set where the pid is known: by its own shell line."""
    if not sockets:
        return {}
    return {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(each.name for each in sockets)}


def _bind(wanted: HeldSocket, label: str) -> socket.socket:
    bound = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            wanted.host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        if bound is not None:
            bound.close()
        raise SocketUnavailable(f'cannot start "{label}": {_reason(wanted, error)}') from error
    return bound


def _reason(wanted: HeldSocket, error: OSError) -> str:
    import errno  # noqa: PLC0415  (only when it went wrong)

    if error.errno == errno.EADDRINUSE:
        holder = holder_of(wanted.port)
        return f"port {wanted.port} is taken" + (f" by {holder}" if holder else "")
    return f"cannot listen on {wanted.host}:{wanted.port}: {error.strerror or error}"


def holder_of(port: int) -> str:
    """Who listens on a port: `pid 812 (python manage.py)`; empty where the system doesn't tell us."""
    found = holders_of({port}).get(port)
    return f"pid {found[0]} ({found[1]})" if found else ""


def holders_of(ports: Collection[int]) -> dict[int, tuple[int, str]]:
    """Who listens on each of these ports, as far as the system tells us: the pid and the command, in one look."""
    import psutil  # noqa: PLC0415  (heavy, and needed only to put a name to a conflict)

    found: dict[int, tuple[int, str]] = {}
    try:
        connections = psutil.net_connections(kind="tcp") if ports else []
    except (psutil.Error, OSError):
        return found
    for connection in connections:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and connection.pid and address and address.port in ports:
            with suppress(psutil.Error, OSError):
                command = " ".join(psutil.Process(connection.pid).cmdline())
                found.setdefault(address.port, (connection.pid, command[:_SHOWN]))
    return found
