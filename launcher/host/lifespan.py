"""The lifespan of one ASGI app: begun, kept in a task of its own, ended, each within the time it is given.

uvicorn could drive it, but of many apps in one process each has to begin when its turn comes, with a state of its own.
An app that raises before it first awaits `receive()` has no lifespan; after that, it has failed. Knows ASGI's lifespan
protocol, nothing of servers.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from .exhausted import let_go
from .target import CannotServe

#: uvicorn's, so that what an app says of its own failure is printed as everybody knows it.
logger = logging.getLogger("uvicorn.error")

#: How long a task may take to end once it was cancelled, in seconds.
LAST_BREATH = 0.5


class Lifespan:
    """One run of an app's lifespan. `state` is what it leaves for requests."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        self._receives = 0
        self._answer = ""
        self._message = ""
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._asked_to_stop = asyncio.Event()
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What ends only when the app has ended, asked or not; None: it has no lifespan."""
        return self._task

    async def start(self) -> None:
        """Begin, and return when the app is ready; raises CannotServe when it has failed."""
        logger.info("Waiting for application startup.")
        self._task = asyncio.create_task(self._run(), name="lifespan")
        try:
            await _first(self._task, self._started)
        except asyncio.CancelledError:
            await self._cut_off()
            self._task = None
            raise
        if self._answer == "lifespan.startup.complete":
            logger.info("Application startup complete.")
            return
        await self._cut_off()
        self._task = None
        if self._answer == "lifespan.startup.failed" or (self._error is not None and self._has_begun):
            raise self._failure("start")
        # It has raised at once, or returned without a word: it does not know lifespans.

    async def stop(self, within: float | None) -> None:
        """Let the app end, `within` so many seconds (None: it has for ever); raises CannotServe when it does not."""
        if self._task is None:
            return
        logger.info("Waiting for application shutdown.")
        self._asked_to_stop.set()
        if not await _first(self._task, self._stopped, within=within):
            await self._cut_off()
            raise CannotServe(f"its lifespan did not end within {within:g} s")
        is_told = self._answer == "lifespan.shutdown.complete"
        await self._cut_off()
        if not is_told and (self._answer == "lifespan.shutdown.failed" or self._error is not None):
            raise self._failure("end")
        logger.info("Application shutdown complete.")

    @property
    def _has_begun(self) -> bool:
        return self._receives > 0 or isinstance(self._error, SystemExit)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  (an app may raise what it likes, and end itself alone by it)
            let_go(error)
            self._error = error

    async def _receive(self) -> dict[str, str]:
        self._receives += 1
        if self._receives == 1:
            return {"type": "lifespan.startup"}
        await self._asked_to_stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Any) -> None:
        self._answer = message["type"]
        self._message = message.get("message", "")
        if self._answer.startswith("lifespan.startup."):
            self._started.set()
        else:
            self._stopped.set()

    async def _cut_off(self) -> None:
        """Cancel what is left of the task."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=LAST_BREATH)

    def _failure(self, what: str) -> CannotServe:
        """Say why as uvicorn does, and in our own words."""
        if self._message:
            logger.error(self._message)
        elif self._error is not None:
            logger.error("Exception in 'lifespan' protocol\n", exc_info=self._error)
        kind = type(self._error).__name__ if self._error is not None else _kind_in(self._message)
        return CannotServe(f"its lifespan failed to {what}{f': it raised {kind}' if kind else ''}; its log says more")


def _kind_in(message: str) -> str:
    """Name the exception whose traceback a framework sends as its message; empty where it is none."""
    if not message.startswith("Traceback "):
        return ""
    return message.rstrip().rpartition("\n")[2].partition(":")[0].rpartition(".")[2]


async def _first(task: asyncio.Task[None], event: asyncio.Event, *, within: float | None = None) -> bool:
    """Wait until one of the two has come; False: neither did in time."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        done, _ = await asyncio.wait({task, waiting}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return bool(done)
