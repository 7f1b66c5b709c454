"""From a URL's host to addresses, without holding up the probing thread.

Numbers and `localhost` are known at once. Any other name is asked of the system's resolver, which can only block, in
a thread: one look-up per name at a time, so a name server that hangs holds one thread for each name and no more.
Nothing is cached: what a name means may change between two checks.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from launcher.probes.pool import Pool
from launcher.probes.reactor import Reactor
from launcher.probes.tcp import LOOPBACK, Address

#: More names than this, all of them hanging, would delay others.
_THREADS = 4

Found = Callable[[Sequence[Address] | str], None]


def known_addresses(host: str, port: int) -> list[Address]:
    """The addresses of a host that need no look-up: a number, or `localhost`; none for all others."""
    if host == "localhost":
        # Where it points to by RFC 6761, whatever a resolver says; many servers listen on one of the two only.
        return [(socket.AF_INET, (LOOPBACK, port)), (socket.AF_INET6, ("::1", port))]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return [(family, (host, port))]
    return []


class Names:
    """Looks names up; used in the probing thread only."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._pool = Pool("names", _THREADS)
        self._under_way: dict[tuple[str, int], list[Found]] = {}

    def look_up(self, host: str, port: int, found: Found) -> None:
        """Call `found` with the addresses, or with a sentence that says why there are none; at once if it can be."""
        addresses = known_addresses(host, port)
        if addresses:
            found(addresses)
            return
        waiting = self._under_way.get((host, port))
        if waiting is not None:
            waiting.append(found)
            return
        self._under_way[host, port] = [found]
        self._pool.submit(lambda: self._ask(host, port))

    def close(self) -> None:
        self._pool.close()

    def _ask(self, host: str, port: int) -> None:
        answer: list[Address] | str
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            answer = f'cannot look up "{host}": {reason}'
        else:
            # An address of IPv6 has four parts, of which connect takes any number from two on.
            answer = [(info[0], info[4]) for info in infos]  # type: ignore[misc]
        self._reactor.call(lambda: self._tell(host, port, answer))

    def _tell(self, host: str, port: int, answer: list[Address] | str) -> None:
        for found in self._under_way.pop((host, port)):
            found(answer)
