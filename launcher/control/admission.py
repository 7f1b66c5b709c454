"""Who may ask over TCP: whoever has the token, under the API's own name, and no page of another site.

A browser sends requests to loopback for any page that wants it to. What such a page cannot forge is the Host (so a
name that was made to point here is told, DNS rebinding) and the Origin (CSRF). The Unix socket asks for nothing: its
folder and itself are its owner's alone. Pure, but for being an ASGI middleware.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from launcher.control import wire
from launcher.errors import ForeignRequest, LauncherError, NotAdmitted

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Rules(Struct, frozen=True, kw_only=True):
    """What the API over TCP asks for. `hosts` are the names, with and without port, under which it may be reached."""

    token: str = ""
    hosts: frozenset[str] = frozenset()


def rules_for(host: str, port: int, *, token: str, hosts: Iterable[str]) -> Rules:
    """The rules of an API that listens on `host` and `port`."""
    own = [host, "localhost", "127.0.0.1", "::1", *hosts]
    spelt = [f"[{name}]" if ":" in name else name for name in own]
    return Rules(token=token, hosts=frozenset(part.lower() for name in spelt for part in (name, f"{name}:{port}")))


def refusal(rules: Rules, headers: Iterable[tuple[bytes, bytes]]) -> LauncherError | None:
    """Why a request with these headers is not answered; None: it is."""
    given = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    host = given.get("host", "").lower()
    if host not in rules.hosts:
        return ForeignRequest(f'this is not "{host}"')
    origin = given.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host:
        return ForeignRequest(f'a page of "{origin}" may not ask')
    scheme, _, token = given.get("authorization", "").partition(" ")
    if rules.token and not (scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), rules.token.encode())):
        return NotAdmitted("the API asks for its token")
    return None


class Admission:
    """Refuses, before anything is read or routed, what comes over TCP and may not be answered."""

    def __init__(self, app: App, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        port = (scope.get("server") or (None, None))[1]  # the Unix socket has none
        error = refusal(self._rules, scope["headers"]) if scope["type"] == "http" and port is not None else None
        if error is None:
            await self._app(scope, receive, send)
            return
        problem = wire.problem_of(error)
        headers = [(b"content-type", wire.PROBLEM.encode())]
        if isinstance(error, NotAdmitted):
            headers.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": wire.encode(problem)})
