"""Imports of apps, one at a time on the main thread, while the event loop turns in another and neighbours answer.

Many libraries take it for granted that they are imported there. Knows threads and `load_app`; nothing of components.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from .target import load_app, parse_target

#: Seconds that a thread may keep the interpreter from another that wants it: Python's own is 0.005. A request needs it
#: several times.
SWITCH_INTERVAL = 0.001
#: So many collections of the middle generation go before a full one: none, in the time of an import.
NEVER = 1_000_000


@contextmanager
def full_collections_put_off() -> Iterator[None]:
    """Have the block make many objects without the collector looking at all there are, time and again.

    Each look stops all threads. A neighbour's p99 while five frameworks were imported, by turns without and with this
    and the shorter interval, medians of five: 225 and 62 ms on two busy processors; in the quietest pair 104 and 6.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


def load(target: str, paths: Iterable[str]) -> tuple[Any, bool]:
    """Import an app that is looked for in `paths` first; whether it is a WSGI app, too."""
    sys.path[:0] = [path for path in paths if path not in sys.path]
    return load_app(parse_target(target))


class MainThread:
    """Does, in the thread that calls `serve`, what coroutines of the loop's thread await."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: int | None = None

    def serve(self) -> None:
        """Do what is asked for, until `close`. Signals are handled meanwhile: Python does so in this thread alone."""
        self._thread = threading.get_ident()
        while (job := self._jobs.get()) is not None:
            job()

    def close(self) -> None:
        """Let `serve` return when what was asked for before is done."""
        self._jobs.put(None)

    def place(self) -> str:
        """Tell where it is just now."""
        from .where import place_of_thread  # noqa: PLC0415  (it is seldom asked, and in a process of one app never)

        return place_of_thread(self._thread)

    async def do(self, work: Callable[[], Any]) -> Any:
        """Have `work` done, in the caller's context; raises whatever it raises, SystemExit too."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
        context = copy_context()

        def tell(result: Any, error: BaseException | None) -> None:
            if not done.done():
                done.set_result((result, error))

        def job() -> None:
            result, error = None, None
            try:
                result = context.run(work)
            except BaseException as raised:  # noqa: BLE001  (it is raised again where it is awaited)
                error = raised
            with suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(tell, result, error)

        self._jobs.put(job)
        result, error = await done
        if error is not None:
            raise error
        return result
