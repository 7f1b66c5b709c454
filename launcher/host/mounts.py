"""One port for many apps: each request goes to the app mounted under the longest prefix of its path.

A mounted app sees what the ASGI specification gives an app below a path: `root_path` is extended by the prefix, `path`
stays whole. With `strip`, for apps that know nothing of `root_path`, `path` and `raw_path` lose the prefix. Knows ASGI
alone; must not know components, their lives or where an app comes from. A lifespan is no request: whoever mounts an
app drives it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Mount(NamedTuple):
    """An app and where it is mounted: "/api", or "" for the root."""

    prefix: str
    app: App
    strip: bool = False


class _Table(NamedTuple):
    """What one request is looked up in; replaced as a whole."""

    #: Matches the longest prefix; its only group that took part numbers the mount, from 1.
    match: Callable[[str], re.Match[str] | None]
    mounts: tuple[Mount, ...]
    root: App


class Mounts:
    """Routes http and websocket by the longest prefix, whole segments at a time: "/api" has "/api/x", not "/apix".

    The path is taken decoded, as every ASGI router takes it: "/%61pi/x" is "/api/x". Slashes that stand twice within
    the prefix count once; what follows the prefix reaches the app as it came.
    """

    def __init__(self, mounts: Iterable[Mount], root: App | None = None) -> None:
        self._mounts: dict[str, Mount] = {}
        for mount in [*mounts, *([Mount("", root)] if root is not None else [])]:
            prefix = mount.prefix.rstrip("/")
            if prefix and not prefix.startswith("/"):
                raise ValueError(f'a prefix begins with a slash: "{mount.prefix}" does not')
            if prefix in self._mounts:
                raise ValueError(f'two apps are mounted at "{prefix or "/"}"')
            self._mounts[prefix] = mount._replace(prefix=prefix)
        self._table = self._make_table()

    @property
    def mounts(self) -> Mapping[str, Mount]:
        """What is mounted now, by prefix."""
        return MappingProxyType(self._mounts)

    def replace(self, prefix: str, app: App) -> None:
        """Let the next request under `prefix` go to another app; those in flight end where they began.

        The root ("") may be a new one; any other prefix is one of those given at the start.
        """
        prefix = prefix.rstrip("/")
        mount = self._mounts.get(prefix, None if prefix else Mount("", app))
        if mount is None:
            raise KeyError(f'nothing is mounted at "{prefix}"')
        self._mounts = {**self._mounts, prefix: mount._replace(app=app)}
        self._table = self._make_table()

    def mount(self, mount: Mount) -> None:
        """Mount an app from the next request on, in the place of what is mounted there."""
        self._mounts = {**self._mounts, mount.prefix: mount}
        self._table = self._make_table()

    def unmount(self, prefix: str) -> None:
        """Have nothing mounted there from the next request on."""
        self._mounts = {there: mount for there, mount in self._mounts.items() if there != prefix}
        self._table = self._make_table()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("mounted apps have lifespans of their own")  # before receive(): "not supported"
        table, path, base = self._table, scope["path"], scope.get("root_path", "")
        if base:
            path = path.removeprefix(base)
        found = table.match(path)
        if found is None:
            return await table.root(scope, receive, send)
        mount = table.mounts[found.lastindex - 1]  # type: ignore[operator]  # each branch of the pattern is a group
        below = {**scope, "root_path": base + mount.prefix, "path": base + mount.prefix + path[found.end() :]}
        if mount.strip:
            _strip(below, len(base + mount.prefix))
        return await mount.app(below, receive, send)

    def _make_table(self) -> _Table:
        # A longer prefix stands before any that it begins with.
        mounts = sorted((mount for prefix, mount in self._mounts.items() if prefix), key=lambda one: -len(one.prefix))
        branches = "|".join(f"({re.escape(mount.prefix).replace('/', '/+')})" for mount in mounts)
        pattern = re.compile(rf"(?:{branches})(?=/|\Z)") if mounts else re.compile(r"(?!)")
        root = self._mounts.get("")
        return _Table(pattern.match, tuple(mounts), self.answer_nothing if root is None else root.app)

    async def answer_nothing(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Say that nothing is mounted there, and what is mounted elsewhere."""
        prefixes = sorted(prefix for prefix in self._mounts if prefix)
        problem = {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": f"nothing is mounted at {scope['path']}; mounted here: {', '.join(prefixes) or 'nothing'}",
            "mounts": prefixes,
        }
        body = json.dumps(problem).encode()
        headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
        kind = "http.response"
        if scope["type"] == "websocket":
            if "websocket.http.response" not in scope.get("extensions", {}):
                return await send({"type": "websocket.close"})  # the server makes a 403 of it
            kind = "websocket.http.response"
        await send({"type": f"{kind}.start", "status": 404, "headers": headers})
        await send({"type": f"{kind}.body", "body": body})
        return None


def _strip(scope: Scope, length: int) -> None:
    """Take the first `length` characters off the path, and what stands for them, encoded or not, off the raw one."""
    prefix, scope["path"] = scope["path"][:length], scope["path"][length:] or "/"
    raw = scope.get("raw_path")
    if raw is not None:
        scope["raw_path"] = _after(raw, prefix.encode()) or b"/"


def _after(raw: bytes, prefix: bytes) -> bytes:
    """Tell the rest of an encoded path after the segments of a decoded prefix."""
    at = 0
    while prefix:
        size = 3 if raw[at : at + 1] == b"%" else 1
        letter = unquote_to_bytes(raw[at : at + size])
        at += size
        if letter == prefix[:1]:
            prefix = prefix[1:]
        elif letter != b"/":  # but for slashes that stand twice the two say the same
            return raw
    return raw[at:]
