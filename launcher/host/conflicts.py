"""Routes of one port that can never answer: hidden by a mount, or standing twice.

Pure: what is mounted where, with its routes, goes in; what is wrong comes out, each with both routes, their places in
the code, and a remedy. Must not know apps, frameworks or when components start. A route is reported only if none of its
requests can reach it; one with parameters, of which a mount takes some, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .routes import WEBSOCKET, Route


class Mounted(NamedTuple):
    """A component of a port, its prefix ("" for the root), and its routes as far as they can be told."""

    component: str
    prefix: str
    routes: tuple[Route, ...]

    @property
    def segments(self) -> tuple[str, ...]:
        """The prefix in its parts."""
        return tuple(filter(None, self.prefix.split("/")))


class Endpoint(NamedTuple):
    """A route as requests see it, by its path on the port; or a mount, which has no place in the code."""

    component: str
    methods: tuple[str, ...]
    path: str
    place: str

    @property
    def request(self) -> str:
        """What it would answer: `GET,POST /api/items`."""
        return f"{','.join(self.methods) or 'any method of'} {self.path}"


class Conflict(NamedTuple):
    """A route that cannot answer, and what does so in its place."""

    hidden: Endpoint
    by: Endpoint
    #: The path of the mount that takes all below it; empty where two routes simply are of one path and method.
    mount: str

    @property
    def is_between(self) -> bool:
        """Whether it comes of putting two components together; if not, the app has it when it runs alone, too."""
        return self.hidden.component != self.by.component

    @property
    def sentence(self) -> str:
        """What is wrong."""
        hidden, by = self.hidden, self.by
        told = f'{hidden.request} of "{hidden.component}" ({hidden.place or "no place in Python code"})'
        if not self.mount:
            return f'{told} never answers: {by.request} of "{by.component}" ({by.place}) does'
        if not self.is_between:
            return f"{told} never answers: what it mounts at {self.mount} does"
        also = f" and has {by.request} as well ({by.place})" if by.methods or by.place else ""
        return f'{told} never answers: it is hidden by "{by.component}", which is mounted at {self.mount}{also}'

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.is_between:
            hidden, by = self.hidden.component, self.by.component
            return f'Give "{by}" another prefix, "{hidden}" a prefix or a port of its own, or the route another path.'
        return "Move the route before the mount, or remove it." if self.mount else "Remove one of the two."


def conflicts(port: Sequence[Mounted]) -> list[Conflict]:
    """Find every route that cannot answer on a port where all of these are mounted."""
    return [conflict for one in port for conflict in (*_between(one, port), *_within(one))]


def _between(one: Mounted, port: Sequence[Mounted]) -> Iterator[Conflict]:
    """Find what a mount of another component takes: each request goes to the longest prefix of its path."""
    for route in one.routes:
        path = (*one.segments, *route.head)
        taker = max((other for other in port if _begins(path, other.segments)), key=lambda other: len(other.segments))
        if taker.component == one.component:
            continue
        same = [other for other in taker.routes if _shape(taker, other) == _shape(one, route) and _shared(other, route)]
        mount = "/" + "/".join(taker.segments)
        by = _endpoint(taker, same[0]) if same else Endpoint(taker.component, (), mount, "")
        yield Conflict(_endpoint(one, route), by, mount)


def _within(one: Mounted) -> Iterator[Conflict]:
    """Find what stands behind another route of its component that takes its requests."""
    mounts: list[Route] = []
    doubles: dict[str, list[Route]] = {}
    for route in one.routes:
        mount = next((mount for mount in mounts if _begins(route.head, mount.head)), None)
        double = next((double for double in doubles.get(route.shape, ()) if _shared(double, route)), None)
        if mount is not None:
            yield Conflict(_endpoint(one, route), _endpoint(one, mount), _endpoint(one, mount).path)
        elif double is not None and not route.is_mount:
            hidden = _endpoint(one, route)._replace(methods=_shared(double, route))
            yield Conflict(hidden, _endpoint(one, double), "")
        if not route.is_mount:
            doubles.setdefault(route.shape, []).append(route)
        elif "{" not in route.shape:
            mounts.append(route)


def _shared(one: Route, other: Route) -> tuple[str, ...]:
    """Tell the methods that both answer."""
    if one.methods and other.methods:
        return tuple(method for method in one.methods if method in other.methods)
    known = one.methods or other.methods or ("any",)
    return () if WEBSOCKET in known else known


def _begins(path: tuple[str, ...], beginning: tuple[str, ...]) -> bool:
    return path[: len(beginning)] == beginning


def _shape(mounted: Mounted, route: Route) -> str:
    return mounted.prefix.rstrip("/") + route.shape


def _endpoint(mounted: Mounted, route: Route) -> Endpoint:
    return Endpoint(mounted.component, route.methods, mounted.prefix.rstrip("/") + route.path, route.place)
