"""The control server: uvicorn in a thread of its own, on sockets that listen already.

Here stands what bounds a client: how many there may be, how long a request may take to arrive, how long an answer may
take to be read. Knows connections, and nothing of what is asked.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from launcher.control.admission import Admission, Rules
from launcher.control.api import PART, application
from launcher.control.bridge import Bridge, Sources
from launcher.control.listening import hide

#: Connections at a time; a further one is closed at once. The descriptors that are left are for services.
MOST_CONNECTIONS = 512
#: How long a connection may be without a request that is being answered, in seconds: slow heads and endless bodies too.
IDLE = 10.0
#: How long an answer may be under way of which the client takes nothing, in seconds.
UNREAD = 10.0
SWEEP = 2.0
#: How long the end may take, in seconds.
PATIENCE = 1.0
#: How long a thread may keep the interpreter from another that wants it, in seconds; Python's 0.005 would add up to
#: tens of milliseconds in a step of the launcher's loop while hundreds of clients are sent an event.
TURN = 0.0005
FLUSH = 0.005


class Protocol(H11Protocol):
    """uvicorn's, for a bounded number of connections."""

    #: Since when there has been nothing to be answered.
    idle_since = 0.0
    #: Since when the client has taken nothing of what fills its buffer; None: it keeps up.
    unread_since: float | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.app = self._offering(self.app)

    def _offering(self, app: ASGIApp) -> ASGIApp:
        async def offer(scope: Scope, receive: Receive, send: Send) -> None:
            # An answer of HTTP/1.0 has no parts.
            part = {PART: self} if scope["http_version"] == "1.1" else {}
            await app({**scope, "extensions": part}, receive, send)

        return offer

    @property
    def takes_more(self) -> bool:
        """Whether the client is there and keeps up."""
        return self.unread_since is None and not self.transport.is_closing()

    def write_part(self, part: bytes) -> None:
        """Send a further part of the answer that is under way, framed."""
        self.transport.write(part)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= MOST_CONNECTIONS:
            transport.abort()
            return
        self.idle_since = self.loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self.transport_is_gone:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.transport_is_gone:
            super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self.unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.unread_since = None
        super().resume_writing()

    @property
    def transport_is_gone(self) -> bool:
        """Whether it was one connection too many."""
        return self.transport is None

    @property
    def is_answering(self) -> bool:
        """Whether a request has arrived whose answer is under way."""
        return self.cycle is not None and not self.cycle.response_complete


class _Uvicorn(uvicorn.Server):
    """uvicorn without its clocks: it ends when told, and when the last answer is sent, not up to 0.3 s later."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leave = asyncio.Event()

    async def main_loop(self) -> None:
        await self.leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  (uvicorn's word)
        state = self.server_state
        deadline = asyncio.get_running_loop().time() + PATIENCE
        for server in self.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(list(state.tasks), timeout=PATIENCE)
        while state.connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  (it tells nobody)
            await asyncio.sleep(FLUSH)  # what they still have in their buffers
        for connection in list(state.connections):
            connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        if state.tasks:
            await asyncio.wait(list(state.tasks), timeout=PATIENCE)


class Server:
    """Serves until `close`, in the thread that calls `serve`."""

    def __init__(self, sources: Sources, sockets: Sequence[socket.socket], *, rules: Rules) -> None:
        self._sources = sources
        self._sockets = list(sockets)
        self._rules = rules
        self._ready = threading.Event()
        self._gone = threading.Event()

    def serve(self) -> None:
        """Serve in the calling thread."""
        sys.setswitchinterval(TURN)
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()
            self._gone.set()

    def close(self, timeout: float = PATIENCE) -> None:
        """Send what is on its way, for `timeout` seconds at most, and vanish. Outcomes told before this are sent."""
        self._ready.wait(timeout)
        with suppress(RuntimeError):  # it is gone already
            self._loop.call_soon_threadsafe(self._begin_closing)
        self._gone.wait(timeout + PATIENCE)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Accepting may fail for want of descriptors; asyncio tries again by itself, and nobody can mend it here.
        self._loop.set_exception_handler(lambda *_: None)
        self._bridge = Bridge(self._sources, self._loop)
        config = uvicorn.Config(
            Admission(application(self._bridge), self._rules),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self._uvicorn = _Uvicorn(config)
        sweeper = asyncio.ensure_future(self._sweep())
        self._ready.set()
        await self._uvicorn.serve(sockets=self._sockets)
        sweeper.cancel()

    def _begin_closing(self) -> None:
        self._bridge.close()
        hide(self._sources.folder)
        self._uvicorn.leave.set()

    async def _sweep(self) -> None:
        """Close connections that have had nothing to be answered, or have not read their answer, for too long.

        Those are cut off: closing one would wait until its client has read the rest.
        """
        while True:
            await asyncio.sleep(SWEEP)
            now = self._loop.time()
            connections = cast("set[Protocol]", set(self._uvicorn.server_state.connections))
            for one in connections:
                is_idle = not one.is_answering and now - one.idle_since >= IDLE
                is_unread = one.unread_since is not None and now - one.unread_since >= UNREAD
                if is_idle or is_unread:
                    one.transport.abort()
