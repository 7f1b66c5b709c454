"""Calls an ASGI app in process, as a server would: one request, all of its answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple
from urllib.parse import unquote


class Said(NamedTuple):
    """What an app sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def call(app, target: str, *, method: str = "GET", root_path: str = "", kind: str = "http", **more: Any) -> Said:
    """One request for a path as it stands in a URL; of a websocket, what the app says first."""
    sent: list[dict[str, Any]] = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "query_string": b"", "headers": [],
        "path": root_path + unquote(target), "raw_path": (root_path + target).encode(), "root_path": root_path, **more,
    }  # fmt: skip
    await app(scope, receive, send)
    if sent[0]["type"] == "websocket.close":
        return Said(403, {}, b"")
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Said(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


def ask(app, target: str, **how: Any) -> Said:
    """As `call`, in a loop of its own."""
    return asyncio.run(call(app, target, **how))


def telling(name: str):
    """An app that answers with its name and how it sees the path."""

    async def app(scope, _receive, send):
        seen = {"app": name} | {key: scope[key] for key in ("root_path", "path")}
        seen["raw_path"] = scope["raw_path"].decode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})

    return app
