"""Addresses to listen on, as people write them: `127.0.0.1:9999`, `[::1]:9999`, `localhost:9999`. Pure."""

from __future__ import annotations

from launcher.errors import WrongType
from launcher.profile.sizes import LAST_PORT


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port; raises WrongType."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""  # an IPv6 address without its brackets: where does the port begin?
    if not (host and colon and port.isascii() and port.isdecimal() and 1 <= int(port) <= LAST_PORT):
        raise WrongType(
            f'"{text}" is no address to listen on',
            remedy='Write HOST:PORT, for example "127.0.0.1:9999" or "[::1]:9999".',
        )
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. A name may lead anywhere, `127.example.org` too."""
    from ipaddress import ip_address  # noqa: PLC0415  (4 ms, where an API over TCP is asked for)

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
