"""What stands between a socket and an app: it lets requests in while the app is there, answers for it while it is not.

The app can be exchanged between two requests. Knows ASGI; nothing of lifespans, sockets or of who decides.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from .current import component
from .exhausted import let_go

#: When somebody who was told 503 may ask again, in seconds.
RETRY_AFTER = 2
#: Of web sockets whose component ends or is replaced: uvicorn's own code for it, "service restart".
GOES_AWAY = 1012


class Tenure:
    """One app's time behind the gate, and what was let in meanwhile."""

    __slots__ = ("app", "start", "state", "web_sockets")

    def __init__(self, app: Any, state: dict[str, Any]) -> None:
        self.app = app
        #: As whose code it runs: of whoever makes this.
        self.start = component.get()
        self.state = state
        #: How to say something to each open web socket.
        self.web_sockets: set[Any] = set()

    async def emptied(self, within: float) -> None:
        """Return when what is inside has ended, or was cancelled after so many seconds.

        Web sockets are closed, as by a restart.
        """
        for send in list(self.web_sockets):
            with suppress(Exception):  # it is closed already
                await send({"type": "websocket.close", "code": GOES_AWAY})
        if tasks := self.tasks():
            _, late = await asyncio.wait(tasks, timeout=within)
            for task in late:
                task.cancel()

    def tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks of what is inside: found among all tasks, so that a request costs nothing while it runs."""
        return [task for task in asyncio.all_tasks() if self._has_let_in(task.get_coro())]

    def _has_let_in(self, one: Any) -> bool:
        """Whether a gate has let it in, by what it awaits, and what that awaits."""
        while one is not None:
            frame = getattr(one, "cr_frame", None)  # None: of C code
            if frame is not None and frame.f_code.co_name == "__call__" and frame.f_locals.get("tenure") is self:
                return True
            one = getattr(one, "cr_await", None)
        return False


class Gate:
    """An ASGI app in the place of a component's: the component's own while it is open, else 503."""

    def __init__(self, name: str) -> None:
        self._name = name
        #: Whose time it is; None: nobody's.
        self.tenure: Tenure | None = None
        self._why = "it has not started yet"

    @property
    def openapi_url(self) -> str | None:
        """Where the app has its description, if it says so as FastAPI does; None: nowhere."""
        url: str | None = getattr(self.tenure and self.tenure.app, "openapi_url", "/openapi.json")
        return url

    def open(self, tenure: Tenure) -> None:
        """Let requests in from now on, each with a copy of its state."""
        self.tenure = tenure

    def shut(self, why: str) -> None:
        """Answer 503 from now on; those that are in go on."""
        self.tenure, self._why = None, why

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        tenure = self.tenure
        if tenure is None:
            await self._refuse(scope, send)
            return
        scope["state"] = tenure.state.copy()
        try:
            await tenure.app(scope, receive, send)
        except MemoryError as error:
            let_go(error)
            raise

    async def _refuse(self, scope: Any, send: Any) -> None:
        component.set(self._name)  # its log says so
        kind = "http"
        if scope["type"] == "websocket":
            if "websocket.http.response" not in scope.get("extensions", {}):
                await send({"type": "websocket.close", "code": 1013})
                return
            kind = "websocket.http"
        problem = {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": f"{self._name}: {self._why}",
            "component": self._name,
        }
        body = json.dumps(problem).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", str(RETRY_AFTER).encode()),
        ]
        await send({"type": f"{kind}.response.start", "status": 503, "headers": headers})
        await send({"type": f"{kind}.response.body", "body": body if scope.get("method") != "HEAD" else b""})
