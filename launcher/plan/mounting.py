"""Who listens where in one host: no two components on one port, unless each is under a prefix of its own.

Pure; what the machine's other processes hold is not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from launcher.errors import AddressesOverlap, LauncherError, PortShared, PrefixTaken
from launcher.profile.model import Service
from launcher.profile.prefixes import normal_prefix

_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  (recognised, not bound)


class Seat(Struct, frozen=True, kw_only=True):
    """Where a component is served: an address, and its prefix there; None: the port is its own."""

    component: str
    host: str
    port: int
    prefix: str | None = None


def clashes(seats: Iterable[Seat]) -> list[LauncherError]:
    """Find the components that cannot be where an earlier one is, each with the first that is in its way."""
    found: list[LauncherError] = []
    taken: list[Seat] = []
    for seat in seats:
        errors = (_clash(earlier, seat) for earlier in taken if earlier.port == seat.port)
        if error := next(filter(None, errors), None):
            found.append(error)
        taken.append(seat)
    return found


def mounted(service: Service) -> list[str]:
    """The words by which the host of one app is told where on its port that is mounted."""
    if service.prefix is None:
        return []
    return ["--prefix", service.prefix, *(["--strip-prefix"] if service.strip_prefix else [])]


def _clash(one: Seat, other: Seat) -> LauncherError | None:
    hosts = _host(one), _host(other)
    names, port = f"{one.component} and {other.component}", one.port
    if hosts[0] != hosts[1]:
        if not _overlap(*hosts):
            return None
        wide, narrow = (one, other) if _host(one) in _WILDCARDS else (other, one)
        sentence = f"{wide.component} listens on all addresses ({_told(wide)}), so {narrow.component} cannot have "
        return AddressesOverlap(f"{sentence}{_told(narrow)}")
    if one.prefix is None and other.prefix is None:
        return PortShared(f"{names} both listen on port {port}")
    if one.prefix is None or other.prefix is None:
        alone, mounted = (one, other) if one.prefix is None else (other, one)
        at = normal_prefix(mounted.prefix or "") or "/"
        return PortShared(
            f"{alone.component} has port {port} to itself, and {mounted.component} is mounted there at {at}",
            remedy=f"Give {alone.component} a `prefix` too, or another port.",
        )
    if normal_prefix(one.prefix) == normal_prefix(other.prefix):
        return PrefixTaken(f"{names} are both mounted at {normal_prefix(one.prefix) or '/'} of port {port}")
    return None


def _host(seat: Seat) -> str:
    host = seat.host.lower().removeprefix("[").removesuffix("]")
    return "127.0.0.1" if host == "localhost" else host


def _overlap(one: str, other: str) -> bool:
    """Whether a listener on one address leaves no room for one on the other; "::" takes IPv4 along."""
    if one not in _WILDCARDS:
        one, other = other, one
    return one in _WILDCARDS and (one != "0.0.0.0" or ":" not in other or other in _WILDCARDS)  # noqa: S104


def _told(seat: Seat) -> str:
    host = _host(seat) or "0.0.0.0"  # noqa: S104
    return f"[{host}]:{seat.port}" if ":" in host else f"{host}:{seat.port}"
