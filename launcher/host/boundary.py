"""What one component of several may end is itself at most: its tasks and callbacks are watched for `sys.exit()`.

asyncio lets SystemExit and KeyboardInterrupt of any task through to whoever runs the loop, which ends the process. So
each task that a component's code makes runs inside a `Contained`, which also adds up how long its steps keep the loop;
and what a bare callback lets through is caught around the loop, which then turns on. A request's task is the server's,
which lets nothing through; what it does is added up at the component's gate.

Knows asyncio and whose code runs; nothing of what a component is.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .current import component
from .exhausted import let_go

if TYPE_CHECKING:
    from .turnstile import Measures

#: How long tasks may take to end once they were cancelled, in seconds.
LAST_BREATH = 0.5
#: What ends a process, where nobody contains it.
FATAL = (SystemExit, KeyboardInterrupt)


#: The bounds of a component that starts beside one of its name and has not come in its place yet; None: by the name.
beside: ContextVar[Bounds | None] = ContextVar("beside", default=None)


class Bounds:
    """What one component's tasks have in common: where their time is added up, and whom their `sys.exit()` is told."""

    __slots__ = ("died", "measures")

    def __init__(self, measures: Measures, died: Callable[[BaseException], None]) -> None:
        self.measures = measures
        self.died = died

    async def cancel(self, requests: Iterable[asyncio.Task[Any]] = ()) -> list[str]:
        """Cancel the tasks that are left, but for the one that asks; what those are that hold out is returned.

        They are found among all tasks, so that a task costs nothing while it runs. Its `requests` are a server's tasks.
        """
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        own = {task for task in tasks if isinstance(one := task.get_coro(), Contained) and one.bounds is self}
        left = own.union(requests)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=LAST_BREATH)
        return [_told(task) for task in left if not task.done()]


def _told(task: asyncio.Task[Any]) -> str:
    """Tell "tick at /srv/shop/api.py:12": what a task runs, and where that begins."""
    code = getattr(task.get_coro(), "cr_code", None)
    return f"{code.co_qualname} at {code.co_filename}:{code.co_firstlineno}" if code is not None else task.get_name()


class Contained(Coroutine[Any, Any, Any]):
    """A coroutine of a component, step by step. In all else it is the one inside.

    Each step comes through `send`: what that needs is looked up once.
    """

    __slots__ = ("_inner", "_measures", "_send", "bounds")

    def __init__(self, inner: Any, bounds: Bounds) -> None:
        self._inner = inner
        self._send = inner.send
        self._measures = bounds.measures
        self.bounds = bounds

    def send(self, value: Any) -> Any:
        began = perf_counter()
        try:
            return self._send(value)
        except FATAL as error:
            raise self._cancelled(error) from None
        except MemoryError as error:
            let_go(error)
            raise
        finally:
            self._measures.busy += perf_counter() - began

    def throw(self, *error: Any) -> Any:
        began = perf_counter()
        try:
            return self._inner.throw(*error)
        except FATAL as fatal:
            raise self._cancelled(fatal) from None
        finally:
            self._measures.busy += perf_counter() - began

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        return self._inner.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _cancelled(self, error: BaseException) -> asyncio.CancelledError:
        self.bounds.died(error)
        return asyncio.CancelledError("it called sys.exit()")


class Boundary:
    """The bounds of all components of one loop."""

    def __init__(self) -> None:
        self._bounds: dict[str, Bounds] = {}

    def draw(self, name: str, bounds: Bounds) -> None:
        """Hold a component within its bounds from now on."""
        self._bounds[name] = bounds

    def lift(self, name: str) -> None:
        """A component has ended."""
        self._bounds.pop(name, None)

    def make_task(self, loop: asyncio.AbstractEventLoop, inner: Any, **options: Any) -> asyncio.Task[Any]:
        """Make a task; the loop's task factory."""
        context = options.get("context")
        name = component.get() if context is None else context.get(component)
        bounds = beside.get() if context is None else context.get(beside)
        if bounds is None and name is not None:
            bounds = self._bounds.get(name)
        if bounds is None:
            return asyncio.Task(inner, loop=loop, **options)
        return asyncio.Task(Contained(inner, bounds), loop=loop, **options)

    def turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the loop until it is stopped, whatever its callbacks do."""
        while True:
            try:
                loop.run_forever()
            except FATAL as error:
                self._blame(error)
            else:
                return

    def _blame(self, error: BaseException) -> None:
        """Tell the component whose callback let `error` through; asyncio's handle knows its context."""
        bounds = self._bounds.get(_component_in(error) or "")
        if bounds is not None:
            bounds.died(error)
        else:
            sys.stderr.write(f"a callback of nobody's called sys.exit(): {error!r}\n")


def _component_in(error: BaseException) -> str | None:
    """Whose callback raised, by the first handle in the traceback."""
    step = error.__traceback__
    while step is not None:
        handle = step.tb_frame.f_locals.get("self")
        if isinstance(handle, asyncio.Handle):
            context = getattr(handle, "_context", None)
            return context.get(component) if context is not None else None
        step = step.tb_next
    return None
