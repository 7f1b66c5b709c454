"""One uvicorn server on one set of sockets, opened and closed from outside: no signals, no lifespan, no loop.

Knows uvicorn (and is imported only where that is installed). Must not know where the app or the sockets come from.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import LOG_LEVELS
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from .target import CannotServe

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

#: How often `on_tick` renews uvicorn's Date header, in seconds.
TICK = 1.0


def configure_logging() -> None:
    """Set uvicorn's logging up before any app is imported, so that what an app sets up has the last word."""
    level = os.environ.get("UVICORN_LOG_LEVEL", "info").lower()  # the variable that uvicorn's own command reads
    if level not in LOG_LEVELS:
        raise CannotServe(f'UVICORN_LOG_LEVEL="{level}" is none of {", ".join(LOG_LEVELS)}')
    uvicorn.Config("", log_level=level, use_colors=bool(os.environ.get("FORCE_COLOR")))


def log_process(what: str) -> None:
    """Say, in uvicorn's own words, that the process serves an app from now on, or no more."""
    message = f"{what} server process [%d]"
    coloured = f"{what} server process [\033[36m%d\033[0m]"
    _LOG.info(message, os.getpid(), extra={"color_message": coloured})


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The event loop that uvicorn would take: uvloop where it is installed."""
    try:
        uvloop = import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop  # type: ignore[no-any-return]


#: Of the loop, from the acceptance of a connection to its protocol, and from its closing to its end.
_TURNS = 3

#: How long somebody whose connection was accepted may take to ask before it counts as idle, in seconds.
_FIRST_REQUEST = 1.0

_CLOSE = (b"connection", b"close")

_LOG = logging.getLogger("uvicorn.error")


class _ServersOwn:
    """The event loop as protocols use it where components share it: a request's task is made as asyncio makes it.

    The gate holds a request within its bounds, so its task needs none; nor has it any of who was asked before on the
    same connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.create_task = partial(asyncio.Task, loop=loop)
        self.call_later = loop.call_later

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # which of uvicorn's it is depends on what is there
    """uvicorn's, but who was accepted a moment ago and has not asked yet is not hung up on: to him nothing was idle."""

    def __init__(self, *given: Any, servers_own: _ServersOwn | None = None, **named: Any) -> None:
        super().__init__(*given, **named)
        if servers_own is not None:
            self.loop: Any = servers_own

    def connection_made(self, transport: Any) -> None:
        """A client has been accepted."""
        self._since = self.loop.time()
        super().connection_made(transport)

    def shutdown(self) -> None:
        """Close the connection: at once if it is idle, with its answer if there is to be one."""
        left = self._since + _FIRST_REQUEST - self.loop.time()
        if self.cycle is None and left > 0:
            self.loop.call_later(left, super().shutdown)
        else:
            super().shutdown()


class _Connections(set[Any]):
    """Those that are open; uvicorn takes each out when it has closed."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def discard(self, one: Any) -> None:
        super().discard(one)
        self._changed.set()

    async def all_closed(self) -> None:
        while self:
            self._changed.clear()
            await self._changed.wait()


class Listener(uvicorn.Server):
    """uvicorn's, which accepts between `open` and `close`. `is_shared`: the process is that of several components."""

    def __init__(self, app: Any, *, drain: float, is_shared: bool = False) -> None:
        # uvicorn calls it for each connection, whether or not it is the class that it is said to be.
        protocol: Any = (
            partial(Protocol, servers_own=_ServersOwn(asyncio.get_running_loop())) if is_shared else Protocol
        )
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http=protocol,
                lifespan="off",
                log_config=None,
                log_level=None,
                timeout_graceful_shutdown=drain,  # type: ignore[arg-type]  # said to be int, given to asyncio.wait_for
            )
        )
        self._sockets: list[socket.socket] = []
        self._connections = self.server_state.connections = _Connections()

    async def open(self, sockets: Iterable[socket.socket]) -> None:
        """Accept on these sockets, which are the listener's from now on."""
        self._sockets = list(sockets)
        if not self.config.loaded:
            self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.on_tick(0)
        await self.startup(self._sockets)

    async def close(self) -> None:
        """Accept no more, and return when requests in flight have ended or were cut off; the sockets are closed."""
        if self.started:
            self.started = False
            loop = asyncio.get_running_loop()
            for one in self._sockets:
                loop.remove_reader(one)
            # asyncio forgets a connection whose server closes while it is being accepted, and whoever made it would
            # wait for ever (python/cpython: `Server._attach` asserts). By the third turn each is uvicorn's.
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            self.config.encoded_headers = [*self.config.encoded_headers, _CLOSE]
            await self.on_tick(0)  # by which uvicorn takes up its headers
            await self._drain()

    async def _drain(self) -> None:
        """Uvicorn's `shutdown`, which looks for an end every tenth of a second only; its words are kept."""
        _LOG.info("Shutting down")
        for server in self.servers:
            server.close()
        for one in self._sockets:
            one.close()
        for connection in list(self._connections):
            connection.shutdown()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await self._all_over()
        except TimeoutError:
            tasks = self.server_state.tasks
            _LOG.error("Cancel %s running task(s), timeout graceful shutdown exceeded", len(tasks))
            for task in tasks:
                task.cancel(msg="Task cancelled, timeout graceful shutdown exceeded")

    async def _all_over(self) -> None:
        if self._connections:
            _LOG.info("Waiting for connections to close. (CTRL+C to force quit)")
            await self._connections.all_closed()
        if self.server_state.tasks:
            _LOG.info("Waiting for background tasks to complete. (CTRL+C to force quit)")
            await asyncio.wait(set(self.server_state.tasks))
        for server in self.servers:
            await server.wait_closed()
