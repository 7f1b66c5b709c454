"""`/openapi.json` and `/docs` of a shared port: what all mounted apps say of themselves, as one.

An app is asked as a browser would ask it, under its prefix and with the headers of who asks: what it keeps to itself
(FastAPI's `openapi_url=None`, a log-in) stays so. Knows mounts and ASGI; nothing of frameworks but the usual paths.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .mounts import App, Message, Mount, Mounts, Receive, Scope, Send
from .openapi_merge import Described, fault_of, merge
from .openapi_page import POLICY, page

JSON_PATH, PAGE_PATH = "/openapi.json", "/docs"
#: Where apps have their description: FastAPI, Starlette, Quart and Flask by custom, Litestar.
USUAL_PATHS = ("/openapi.json", "/schema/openapi.json")
#: How long an app may take to describe itself, in seconds.
PATIENCE = 5.0
#: Larger descriptions than this, in bytes, are not read on.
LARGEST = 16 * 1024 * 1024
#: Headers that would make an app answer with less than the whole, or with something compressed.
_DROPPED = frozenset(
    {b"accept", b"accept-encoding", b"range", b"content-length", b"content-type", b"transfer-encoding"}
)
_NOT_FOUND = 404
#: A root that answers so has no page of its own, or is not there to have one.
_NO_PAGE = (_NOT_FOUND, 503)
_OK = 200


class Documents:
    """The app at the root of a shared port: `mounts.replace("", Documents(mounts, …))`.

    `components` names what is mounted, by prefix. Whatever else is asked for goes to `root`, the component mounted at
    the root if there is one (named under ""), else it is nowhere. A `root` that does not describe itself may have
    pages of its own at the two paths: it is asked first.
    """

    def __init__(self, mounts: Mounts, components: Mapping[str, str], *, title: str, root: App | None = None) -> None:
        self._mounts = mounts
        self._components = components
        self._title = title
        self.root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        base = scope.get("root_path", "")
        path = scope["path"].removeprefix(base)
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and path in (JSON_PATH, PAGE_PATH):
            await self._answer(path, base, scope, receive, send)
        else:
            await (self.root or self._mounts.answer_nothing)(scope, receive, send)

    async def _answer(self, path: str, base: str, scope: Scope, receive: Receive, send: Send) -> None:
        mounted = [mount for prefix, mount in self._mounts.mounts.items() if prefix]
        if self.root is not None:
            mounted.insert(0, Mount("", self.root))
        found = await asyncio.gather(*(self._describe(mount, scope) for mount in mounted))
        described, skipped = [], {}
        for mount, document in zip(mounted, found, strict=True):
            component = self._components.get(mount.prefix, mount.prefix or "root")
            if isinstance(document, str):
                skipped[component] = document
            else:
                described.append(Described(component, mount.prefix, document))
        if self.root is not None and not (described and not described[0].prefix):
            unless_missing = _UnlessMissing(send)
            await self.root(scope, receive, unless_missing)
            if not unless_missing.is_missing:
                return
        # Elsewhere: of ten apps with forty operations each it is a quarter of a second, and neighbours go on meanwhile.
        body = await asyncio.to_thread(self._render, path, described, skipped, base)
        kind = b"application/json" if path == JSON_PATH else b"text/html; charset=utf-8"
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
        if path == PAGE_PATH:
            headers.append((b"content-security-policy", POLICY.encode()))
        await send({"type": "http.response.start", "status": _OK, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})

    def _render(self, path: str, described: list[Described], skipped: dict[str, str], base: str) -> bytes:
        merged = merge(described, title=self._title, skipped=skipped, base=base)
        return (json.dumps(merged) if path == JSON_PATH else page(merged)).encode()

    async def _describe(self, mount: Mount, scope: Scope) -> dict[str, Any] | str:
        """Fetch the description of an app; or say in words why there is none."""
        try:
            path, body = await self._fetch(mount, scope)
            return await asyncio.to_thread(_understood, path, body)
        except Undescribed as error:
            return str(error)

    async def _fetch(self, mount: Mount, scope: Scope) -> tuple[str, bytes]:
        own = getattr(mount.app, "openapi_url", USUAL_PATHS[0])  # FastAPI's
        if own is None:
            raise Undescribed("it has switched its description off")
        for path in (own, *USUAL_PATHS[1:]):
            try:
                status, body = await asyncio.wait_for(self._ask(mount, path, scope), PATIENCE)
            except TimeoutError:
                raise Undescribed(f"{path} did not answer within {PATIENCE:g} s") from None
            except Exception as error:  # noqa: BLE001  (whatever an app raises is its own affair)
                raise Undescribed(f"{path} raised {type(error).__name__}") from None
            if status == _OK:
                return path, body
            if status != _NOT_FOUND:
                raise Undescribed(f"{path} answered {status}")
        raise Undescribed("it has no description")

    async def _ask(self, mount: Mount, path: str, scope: Scope) -> tuple[int, bytes]:
        target = scope.get("root_path", "") + mount.prefix + path
        kept = [(name, value) for name, value in scope["headers"] if name not in _DROPPED and name[:3] != b"if-"]
        asked = {
            **scope,
            "method": "GET",
            "path": target,
            "raw_path": quote(target).encode(),
            "query_string": b"",
            "headers": [*kept, (b"accept", b"application/json")],
        }
        answer = _Answer()
        await (self._mounts if mount.prefix else self.root or self._mounts)(asked, answer.receive, answer.send)
        return answer.status, bytes(answer.body)


class Undescribed(Exception):
    """An app that does not describe itself; says why."""


class DescriptionTooLarge(Exception):
    """An app's description goes on and on."""


class _Answer:
    """The other end of a request that is made in process."""

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self._is_asked = False

    async def receive(self) -> Message:
        if self._is_asked:
            await asyncio.get_running_loop().create_future()  # whoever asks stays until the end
        self._is_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")
        if len(self.body) > LARGEST:
            raise DescriptionTooLarge


class _UnlessMissing:
    """Passes an answer on, unless it is that of one who has no such page."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_missing = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_missing = message["status"] in _NO_PAGE
        if not self.is_missing:
            await self._send(message)


def _understood(path: str, body: bytes) -> dict[str, Any]:
    """Read a description that can be merged and shown."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Undescribed(f"what {path} answers is no JSON") from None
    if fault := fault_of(document):
        raise Undescribed(fault)
    try:
        page(merge([Described("", "", document)], title="", skipped={}))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise Undescribed(f"what {path} answers is no well-formed description") from None
    return document  # type: ignore[no-any-return]  # fault_of has seen that it is a dict
