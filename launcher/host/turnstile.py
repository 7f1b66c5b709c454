"""A gate that counts: what has come, what was answered, how long that took, and how long it kept the event loop.

Every request comes through here, so what it costs is said in figures (`benchmarks/request.py`). Knows ASGI and how
coroutines go on; nothing of who asks for the figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from time import perf_counter
from types import CoroutineType, coroutine
from typing import Any

from .boundary import Contained
from .current import component
from .exhausted import let_go
from .gate import Gate, Tenure

FAILURE = 500


class Measures:
    """What one component has done since it was first started. Seconds are the sums of all requests' and steps'."""

    __slots__ = ("answered", "busy", "errors", "requests", "seconds")

    def __init__(self) -> None:
        #: What has come, and what of it has been answered, for good or bad; a web socket is when it is let in.
        self.requests = 0
        self.answered = 0
        self.errors = 0
        self.seconds = 0.0
        #: How long its code has kept the event loop.
        self.busy = 0.0

    def told(self) -> dict[str, float]:
        """All of it, as it is sent."""
        return {
            "busy": self.busy,
            "errors": self.errors,
            "requests": self.requests,
            "seconds": self.seconds,
            "under_way": self.requests - self.answered,
        }


class Turnstile(Gate):
    """A gate of a process that others share."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.measures = Measures()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: C901  (a frame more is a cost more)
        measures, tenure = self.measures, self.tenure
        measures.requests += 1
        if tenure is None:
            measures.errors += 1
            measures.answered += 1
            await self._refuse(scope, send)
            return
        if component.get() is not tenure.start:
            component.set(tenure.start)  # for good: the task is this request's alone
        if tenure.state:
            scope["state"] = tenure.state.copy()
        if scope["type"] != "http":
            measures.answered += 1
            await self._keep_open(tenure, scope, receive, send)
            return

        def noting(message: Any) -> Any:
            if message["type"] == "http.response.start" and message["status"] >= FAILURE:
                measures.errors += 1
            return send(message)

        is_over = True  # most are when their first step is
        began = perf_counter()
        try:
            work = tenure.app(scope, receive, noting)
            if type(work) is not CoroutineType:
                work = _awaited(work)
            waited_for = work.send(None)
            is_over = False
            measures.busy += perf_counter() - began
            await _onward(work, waited_for, measures)
        except StopIteration:
            pass
        except (Exception, SystemExit) as error:
            measures.errors += 1
            let_go(error)
            raise
        finally:
            seconds = perf_counter() - began
            measures.answered += 1
            measures.seconds += seconds
            if is_over:
                measures.busy += seconds

    async def _keep_open(self, tenure: Tenure, scope: Any, receive: Any, send: Any) -> None:
        """Let a web socket in."""
        tenure.web_sockets.add(send)
        task = asyncio.current_task()
        try:
            work = _awaited(tenure.app(scope, receive, send))
            if task is not None and isinstance(task.get_coro(), Contained):
                await work  # its steps are added up already
            else:
                await _onward(work, None, self.measures)
        except MemoryError as error:
            let_go(error)
            raise
        finally:
            tenure.web_sockets.discard(send)


async def _awaited(work: Any) -> Any:
    """Whatever can be awaited, as a coroutine."""
    return await work


@coroutine
def _onward(work: Any, waited_for: Any, measures: Measures) -> Generator[Any, Any, Any]:
    """Go on with what waits for something; how long its steps keep the event loop is added up."""
    while True:
        try:
            given = yield waited_for
            step = work.send
        except BaseException as error:  # noqa: BLE001  (whatever it is, it is for who waits)
            given, step = error, work.throw
        began = perf_counter()
        try:
            waited_for = step(given)
        except StopIteration as end:
            return end.value
        finally:
            given = None  # an exception that has come out of here would hold on to itself
            measures.busy += perf_counter() - began
