"""The uvicorn server of one app: says READY, drains at the first signal, gives way at the second.

Knows uvicorn (and is imported only where that is installed) and signals. Must not know where the app or the sockets
come from.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import LOG_LEVELS

from .notify import notify
from .target import CannotServe

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from types import FrameType


def make_server(*, drain: float) -> Server:
    """Configure uvicorn before the app is imported, so that a logging set-up of the app's own has the last word."""
    level = os.environ.get("UVICORN_LOG_LEVEL", "info").lower()  # the variable that uvicorn's own command reads
    if level not in LOG_LEVELS:
        raise CannotServe(f'UVICORN_LOG_LEVEL="{level}" is none of {", ".join(LOG_LEVELS)}')
    return Server(
        uvicorn.Config(
            "",
            log_level=level,
            use_colors=bool(os.environ.get("FORCE_COLOR")),
            timeout_graceful_shutdown=drain,  # type: ignore[arg-type]  # said to be int, given to asyncio.wait_for
        )
    )


class Server(uvicorn.Server):
    """uvicorn's, but for what a launcher needs of it."""

    def serve_app(self, app: Any, sockets: list[socket.socket], *, lifespan: bool) -> None:
        """Serve until SIGTERM or SIGINT, and return when requests in flight and the lifespan have ended."""
        self.config.app = app
        self.config.lifespan = "auto" if lifespan else "off"
        try:
            self.run(sockets)
        except SystemExit:
            if self.started:
                raise
            raise CannotServe("its lifespan failed to start; the reason stands above") from None
        if self.lifespan.should_exit:
            raise CannotServe("it was stopped, but its lifespan failed to end; the reason stands above")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Run the lifespan's first half, accept, and only then say READY."""
        await super().startup(sockets)
        if self.should_exit:
            return
        try:
            notify("READY=1")
        except OSError as error:
            sys.stderr.write(f"the app is ready, but $NOTIFY_SOCKET could not be told: {error}\n")

    async def main_loop(self) -> None:
        """Wait for the signal; uvicorn would look for it ten times a second, and needs one for its Date header."""
        while not await self.on_tick(0):
            await asyncio.wait([self.asked_to_stop], timeout=1)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain at the first SIGTERM or SIGINT; the second ends the process, whatever the app is doing.

        Python's own handlers, not the loop's: those need a loop that turns, and an app may be stuck in a call. uvicorn
        would send the signals to itself again in the end; a stop that was asked for is no failure, so here it is 0.
        """
        loop = asyncio.get_running_loop()
        self.asked_to_stop: asyncio.Future[None] = loop.create_future()

        def give_way() -> None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        def stop(_number: int, _frame: FrameType | None) -> None:
            give_way()
            self.should_exit = True
            loop.call_soon_threadsafe(self.asked_to_stop.set_result, None)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            give_way()  # the loop is about to close and could not be woken
