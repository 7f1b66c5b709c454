"""What no import may do in a shared process, stopped in the moment it is tried: run an event loop, fork, patch Python.

A loop run at import would hold up every import behind it, often for ever (a server started without a `__main__`
guard); a forked copy of the host would accept its neighbours' connections; what gevent or eventlet replace is replaced
for all, and cannot be put back. They are refused by an exception, so nothing has happened yet. Only the importing
thread is watched: the loop that serves the neighbours runs in another.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import threading
from contextlib import contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from . import patchers, patches
from .folders import is_standard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

HERE = os.path.dirname(__file__) + os.sep  # noqa: PTH120  (compared with file names of frames)


class NotAtImport(RuntimeError):
    """An import tried what is refused; raised where it tried."""


class Attempt(NamedTuple):
    """What an import tried."""

    #: As it is called: "asyncio.run", "os.fork".
    call: str
    #: "file:line" of the code that called it.
    place: str


@contextmanager
def stopped() -> Iterator[list[Attempt]]:
    """Refuse those calls to this thread while the block imports, and list the attempts: a caller may swallow them."""
    attempts: list[Attempt] = []
    thread: int | None = threading.get_ident()

    def refuse(call: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def replaced(*arguments: Any, **options: Any) -> Any:
            if threading.get_ident() != thread:
                return original(*arguments, **options)
            attempt = Attempt(call, _caller())
            attempts.append(attempt)
            for argument in arguments:
                if inspect.iscoroutine(argument):
                    argument.close()  # it would be complained of that nobody awaited it
            raise NotAtImport(f"{call} cannot be called while a shared process imports this module")

        return replaced

    def replacement(holder: Any, name: str, call: str) -> patches.Replacement:
        return patches.Replacement(holder, name, partial(refuse, call))

    def hold(module: ModuleType) -> None:
        for name in patchers.functions_of(module):
            setattr(module, name, refuse(f"{module.__name__}.{name}", getattr(module, name)))

    applied = patches.apply(
        [
            replacement(asyncio.Runner, "run", "asyncio.run"),
            *(
                replacement(loop, name, f"loop.{name}")
                for loop in _loops()
                for name in ("run_until_complete", "run_forever")
            ),
            replacement(os, "fork", "os.fork"),
            replacement(os, "forkpty", "os.forkpty"),
            *(
                replacement(module, name, f"{module.__name__}.{name}")
                for module in patchers.loaded()
                for name in patchers.functions_of(module)
            ),
        ]
    )
    try:
        with patchers.met(hold):
            yield attempts
    finally:
        thread = None  # what somebody took and kept meanwhile, refuses nothing any more
        patches.undo(applied)


def _loops() -> list[type]:
    uvloop = sys.modules.get("uvloop")
    return [asyncio.BaseEventLoop] if uvloop is None else [asyncio.BaseEventLoop, uvloop.Loop]


def _caller() -> str:
    """Find the code that is to blame: not ours, and not the standard library's on the way to here."""
    frame = sys._getframe()  # noqa: SLF001  (what `inspect` and `traceback` use, without reading source)
    last = frame
    while frame is not None:
        last = frame
        if not is_standard(frame.f_code.co_filename) and not frame.f_code.co_filename.startswith(HERE):
            break
        frame = frame.f_back  # type: ignore[assignment]
    return f"{last.f_code.co_filename}:{last.f_lineno}"
