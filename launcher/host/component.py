"""One start of one component: imported, begun, served, drained, ended; or failed on the way. What it does ends here.

Knows the order of these steps, and that a stop may come at any of them. How an app is imported, and what becomes of
its end, is the caller's.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from .boundary import FATAL
from .gate import Tenure
from .lifespan import Lifespan
from .target import CannotServe, Unshareable

if TYPE_CHECKING:
    from .gate import Gate
    from .renewal import Beside

    class Door(Protocol):
        """Where the requests of a component come in."""

        async def close(self) -> None:
            """Let no more in, and return when those that are in have ended or were cut off."""


T = TypeVar("T")


class Ending(NamedTuple):
    """How a component ended: as its process's exit code would say, in a sentence, and whether it was asked to.

    `unshareable`: why it cannot be in this process, where that was the reason; `spoilt`: nor can others any more.
    """

    code: int
    why: str = ""
    asked: bool = False
    unshareable: str = ""
    spoilt: bool = False


ASKED = Ending(0, asked=True)


class Component:
    """One start. `load` gives the app, and whether it is a WSGI app; `ready` is called when it is served.

    `starting` is entered while its lifespan begins.
    """

    def __init__(
        self,
        target: str,
        *,
        gate: Gate | Beside,
        listener: Door,
        load: Callable[[], Awaitable[tuple[Any, bool]]],
        accept: Callable[[], Coroutine[Any, Any, None]],
        ready: Callable[[], None],
        stop_timeout: float | None,
        starting: AbstractContextManager[None] = nullcontext(),  # noqa: B008  (it does nothing, however often)
    ) -> None:
        self.target = target
        #: Whether its import has not ended, or has not even begun.
        self.is_loading = True
        #: Whether it has begun, and said so.
        self.is_served = False
        #: When it should have ended, once it was asked to; in the time of the event loop.
        self.due = math.inf
        self._gate = gate
        self._listener = listener
        self._load = load
        self._accept = accept
        self._ready = ready
        self._stop_timeout = stop_timeout
        self._starting = starting
        self._over: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._lifespan: Lifespan | None = None
        self._tenure: Tenure | None = None

    def requests(self) -> list[asyncio.Task[Any]]:
        """The tasks of those that it was given and has not answered."""
        return self._tenure.tasks() if self._tenure is not None else []

    def stop(self) -> None:
        """Ask it to end; once is enough."""
        if self.due == math.inf:
            self.due = asyncio.get_running_loop().time() + (self._stop_timeout or 0)
        self._end(ASKED)

    def retire(self, within: float) -> None:
        """Ask it to end when its requests have: another has come in its place, and has its gate and its listener."""
        self._listener = _Left(self._tenure, within)
        self.stop()

    def fail(self, why: str) -> None:
        """Have it end as failed, unless it has ended."""
        self._end(Ending(1, why))

    def died(self, error: BaseException) -> None:
        """Its code has ended it, from a task or a callback."""
        self._end(Ending(code_of(error), f"it called sys.exit({getattr(error, 'code', '')!r})"))

    async def live(self) -> Ending:
        """All of it, up to its end; never raises for what the app does."""
        try:
            await self._begin()
            if not self._over.done():
                self.is_served = True
                self._ready()
                await self._serve()
            ending = self._over.result()
        except CannotServe as error:
            sys.stderr.write(f'{error.traceback()}cannot serve "{self.target}": {error}\n')
            ending = Ending(1, str(error))
            if isinstance(error, Unshareable):
                ending = ending._replace(unshareable=error.reason, spoilt=error.is_spoilt)
        except FATAL as error:
            ending = Ending(code_of(error), "it called sys.exit() while it was imported")
        except OSError as error:
            sys.stderr.write(f'cannot serve "{self.target}": {error}\n')
            ending = Ending(1, str(error))
        if not ending.asked:
            self._gate.shut(ending.why)
        return await self._finish(ending)

    async def _begin(self) -> None:
        app, is_wsgi = await self._load()
        self.is_loading = False
        state: dict[str, Any] = {}
        if not is_wsgi and not self._over.done():
            self._lifespan = Lifespan(app)
            state = self._lifespan.state
            with self._starting:
                await self._unless_over(self._lifespan.start())
        if not self._over.done():
            self._tenure = Tenure(app, state)
            self._gate.open(self._tenure)
            await self._accept()

    async def _serve(self) -> None:
        """Until it is over, or its lifespan ends though nobody asked for it."""
        watched: list[asyncio.Future[Any]] = [self._over]
        if self._lifespan is not None and self._lifespan.task is not None:
            watched.append(self._lifespan.task)
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        self._end(Ending(1, "its lifespan ended by itself"))

    async def _finish(self, ending: Ending) -> Ending:
        """Drain, where it was asked to end, and let the lifespan end."""
        if ending.asked:
            await self._listener.close()
        if self._lifespan is not None:
            try:
                await self._lifespan.stop(self._stop_timeout)
            except CannotServe as error:
                if ending.asked:
                    sys.stderr.write(f'cannot serve "{self.target}": it was stopped, but {error}\n')
                    return Ending(1, str(error), asked=True)
        return ending

    async def _unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this, unless it is over before it is done."""
        task: asyncio.Future[Any] = asyncio.ensure_future(work)
        await asyncio.wait([task, self._over], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def _end(self, ending: Ending) -> None:
        if not self._over.done():
            self._over.set_result(ending)


class _Left:
    """The door of a component that nobody comes to any more."""

    def __init__(self, tenure: Tenure | None, drain: float) -> None:
        self._tenure = tenure
        self._drain = drain

    async def close(self) -> None:
        """Return when those that are in have left or were cut off."""
        if self._tenure is not None:
            await self._tenure.emptied(self._drain)


def code_of(error: BaseException) -> int:
    """The exit code that Python would give a process for this."""
    code = getattr(error, "code", 1)
    return 0 if code is None else code if isinstance(code, int) else 1
