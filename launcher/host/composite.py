"""Several apps as one, each under its prefix: their requests, their one description, and no route that never answers.

Knows mounts, routes and descriptions; nothing of sockets, and nothing of how or when an app is started.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

from .conflicts import Mounted, conflicts
from .mounts import Mount, Mounts, Receive, Scope, Send
from .openapi import Documents
from .routes import routes_of
from .target import CannotServe


class Member(Protocol):
    """One of them, an ASGI app: its service's name, its prefix ("" for the root), and whether that is stripped."""

    service: str
    prefix: str
    strip: bool

    @property
    def openapi_url(self) -> str | None:
        """Where it has its description."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Composite:
    """All of them, an ASGI app. `title` is what their description calls the whole."""

    def __init__(self, *, title: str) -> None:
        #: Whose prefix is which.
        self._names: dict[str, str] = {}
        self._routes: dict[str, Mounted] = {}
        self._mounts = Mounts([])
        self._documents = Documents(self._mounts, self._names, title=title)
        self._mounts.replace("", self._documents)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._mounts(scope, receive, send)

    def mount(self, member: Member) -> None:
        """Let one have its requests from now on."""
        self._names[member.prefix] = member.service
        if member.prefix:
            self._mounts.mount(Mount(member.prefix, member, member.strip))
        else:
            self._documents.root = member

    def unmount(self, member: Member) -> None:
        """One has left for good."""
        self.forget(member)
        del self._names[member.prefix]
        if member.prefix:
            self._mounts.unmount(member.prefix)
        else:
            self._documents.root = None

    def learn(self, member: Member, app: Any) -> None:
        """Look at the routes of an app, before its first request; raises CannotServe where one can never answer."""
        with suppress(Exception):  # an app whose routes cannot be read says so itself, at its first request
            self._routes[member.prefix] = Mounted(member.service, member.prefix, routes_of(app) or ())
        for conflict in conflicts(list(self._routes.values())):
            if conflict.is_between and member.service in (conflict.hidden.component, conflict.by.component):
                self.forget(member)
                raise CannotServe(f"E7023 {conflict.sentence}. {conflict.remedy}")

    def forget(self, member: Member) -> None:
        """Forget the routes of an app that is no longer there."""
        self._routes.pop(member.prefix, None)
