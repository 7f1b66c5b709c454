"""What stands between a socket and an app: it lets requests in while the app is there, answers for it while it is not.

The app can be exchanged between two requests. What passes is counted: requests, answers of 500 and above, seconds.
Knows ASGI; nothing of lifespans, sockets or of who decides.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from time import perf_counter
from typing import Any

from .current import component
from .exhausted import let_go

#: When somebody who was told 503 may ask again, in seconds.
RETRY_AFTER = 2
FAILURE = 500
#: Of web sockets whose component ends or is replaced: uvicorn's own code for it, "service restart".
GOES_AWAY = 1012


class Measures:
    """What one component has done since it was first started. Seconds are the sums of all requests' and steps'."""

    __slots__ = ("busy", "errors", "requests", "seconds", "under_way")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.seconds = 0.0
        #: Requests that have come and are not answered yet.
        self.under_way = 0
        #: How long its code has kept the event loop.
        self.busy = 0.0

    def told(self) -> dict[str, float]:
        """All of it, as it is sent."""
        return {name: getattr(self, name) for name in self.__slots__}


class Tenure:
    """One app's time behind the gate, with the requests and web sockets that it was given and has not ended."""

    __slots__ = ("_emptied", "app", "inside", "start", "state", "web_sockets")

    def __init__(self, app: Any, state: dict[str, Any]) -> None:
        self.app = app
        #: As whose code it runs: of whoever opens the gate.
        self.start = component.get()
        self.state = state
        self.inside = 0
        #: How to say something to each open web socket.
        self.web_sockets: set[Any] = set()
        self._emptied: asyncio.Future[None] | None = None

    async def emptied(self, within: float) -> None:
        """Return when nothing is inside any more, or after so many seconds; web sockets are closed, as by a restart."""
        for send in list(self.web_sockets):
            with suppress(Exception):  # it is closed already
                await send({"type": "websocket.close", "code": GOES_AWAY})
        if self.inside:
            self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._emptied], timeout=within)

    def left(self) -> None:
        """One has ended."""
        self.inside -= 1
        if not self.inside and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)


class Gate:
    """An ASGI app in the place of a component's: the component's own while it is open, else 503."""

    def __init__(self, name: str) -> None:
        self._name = name
        #: Whose time it is; None: nobody's.
        self.tenure: Tenure | None = None
        self._why = "it has not started yet"
        self.measures = Measures()

    @property
    def openapi_url(self) -> str | None:
        """Where the app has its description, if it says so as FastAPI does; None: nowhere."""
        url: str | None = getattr(self.tenure and self.tenure.app, "openapi_url", "/openapi.json")
        return url

    def open(self, app: Any, state: dict[str, Any]) -> None:
        """Let requests in from now on, each with a copy of `state`."""
        self.tenure = Tenure(app, state)

    def shut(self, why: str) -> None:
        """Answer 503 from now on; those that are in go on."""
        self.tenure, self._why = None, why

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        measures, tenure = self.measures, self.tenure
        measures.requests += 1
        if tenure is None:
            measures.errors += 1
            await self._refuse(scope, send)
            return
        component.set(tenure.start)  # for good: the task is this request's alone
        scope["state"] = tenure.state.copy()
        tenure.inside += 1
        if scope["type"] != "http":
            tenure.web_sockets.add(send)
            try:
                await tenure.app(scope, receive, send)
            except MemoryError as error:
                let_go(error)
                raise
            finally:
                tenure.web_sockets.discard(send)
                tenure.left()
            return
        measures.under_way += 1
        began = perf_counter()

        def noting(message: Any) -> Any:
            if message["type"] == "http.response.start" and message["status"] >= FAILURE:
                measures.errors += 1
            return send(message)

        try:
            await tenure.app(scope, receive, noting)
        except (Exception, SystemExit) as error:
            measures.errors += 1
            let_go(error)
            raise
        finally:
            tenure.left()
            measures.under_way -= 1
            measures.seconds += perf_counter() - began

    async def _refuse(self, scope: Any, send: Any) -> None:
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
