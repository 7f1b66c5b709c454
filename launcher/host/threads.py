"""A thread runs as the component that started it, and a pool's work as the component that submitted it.

Tasks inherit a context by themselves; threads start with an empty one. So the lowest function that starts a thread is
replaced: every kind of thread, whoever subclasses it, comes through there. A pool may be shared (the event loop's own
is), so its work carries the component of who submitted it, whichever thread of the pool it falls to.

Threads that a C library makes for itself and that call into Python run as nobody's code: they pass no function of
Python's when they start.
"""

from __future__ import annotations

import _thread
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import TYPE_CHECKING, Any

from .current import component
from .patches import Replacement

if TYPE_CHECKING:
    from collections.abc import Callable


def replacements() -> list[Replacement]:
    """What has to stand for threads to inherit, in this version of Python."""
    found = [
        Replacement(ThreadPoolExecutor, "submit", _submit, takes=((1, "fn"),)),
        Replacement(_thread, "start_new_thread", _start, takes=((0, "function"),)),
    ]
    if hasattr(_thread, "start_joinable_thread"):  # 3.13: what threading itself calls
        found += [
            Replacement(_thread, "start_joinable_thread", _start, takes=((0, "function"),)),
            Replacement(threading, "_start_joinable_thread", _start, takes=((0, "function"),)),
        ]
    else:
        found += [Replacement(threading, "_start_new_thread", _start, takes=((0, "function"),))]
    return found


def _start(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def start(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return original(_inheriting(function), *arguments, **options)

    return start


def _submit(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def submit(pool: Any, fn: Callable[..., Any], /, *arguments: Any, **options: Any) -> Any:
        return original(pool, _inheriting(fn), *arguments, **options)

    return submit


def _inheriting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let `function` run as the component that is running now, None included."""
    if not callable(function):
        return function  # the original has the right words for it
    name = component.get()

    def run(*arguments: Any, **options: Any) -> Any:
        # Not `entered`: a pool's work comes through here with every request.
        token = component.set(name)
        try:
            return function(*arguments, **options)
        finally:
            component.reset(token)

    return run
