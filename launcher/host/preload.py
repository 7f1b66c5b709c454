"""What is imported once, before any app is forked: no module that leaves threads running.

A fork has none of them, but a copy of the locks they held and of what they were about to do. Where one leaves any, its
import cannot be undone: the process begins anew without it, and each app imports it for itself.
Knows modules and threads; nothing of apps.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Container, Iterable
from importlib import import_module
from typing import NamedTuple

from .target import CannotServe

#: These leave native threads and have them end and begin anew around a fork: OpenBLAS (blas_thread_shutdown by
#: pthread_atfork) in numpy. Their threads are no reason to leave them out.
_PREPARED = frozenset({"numpy"})
#: What serving an app imports in any case, where it is installed.
_SERVING = (
    "asyncio.runners", "concurrent.futures.thread", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto",
)  # fmt: skip


class Preloaded(NamedTuple):
    """The modules that were not there before, and those whose import leaves threads, with what to say of them."""

    modules: frozenset[str]
    threaded: dict[str, str]


def preload(names: Iterable[str], *, asked_for: Container[str]) -> Preloaded:
    """Import these modules, in order. One that cannot be imported is left out, and told of if it was asked for."""
    before = frozenset(sys.modules)
    threaded: dict[str, str] = {}
    accepted, running = _count_native(), set(threading.enumerate())
    for name in (*_SERVING, *names):
        known = frozenset(sys.modules)
        try:
            import_module(name)
        except BaseException as error:  # noqa: BLE001  (sys.exit() and the like: the app that wants it will say so)
            if name in asked_for:
                _say(f'cannot import "{name}" once for all: {type(error).__name__}: {error}')
        native = _count_native()
        if _PREPARED & (sys.modules.keys() - known):
            accepted = native
        started = [thread for thread in threading.enumerate() if thread not in running]
        if started or native > accepted:
            threaded[name] = ", ".join(map(_described, started)) or f"{native - accepted} not of Python's threading"
            accepted, running = native, running.union(started)
    return Preloaded(frozenset(sys.modules) - before, threaded)


def begin_anew_without(threaded: dict[str, str]) -> None:
    """Become a new process, of the same number, that imports the same modules but for these."""
    for name, threads in threaded.items():
        _say(
            f'importing "{name}" leaves threads running ({threads}), which no fork has: each app imports it for itself'
        )
    without = [word for name in threaded for word in ("--without", name)]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], *without])  # noqa: S606  (ourselves)


def refuse_hidden(paths: Iterable[str], modules: Container[str]) -> None:
    """Raise CannotServe where a module in these folders would not be found, for one of its name was imported before."""
    for path in paths:
        try:
            entries = os.listdir(path)  # noqa: PTH208  (names are all it needs)
        except OSError:
            continue
        for entry in entries:
            name = entry.removesuffix(".py")
            if name in modules:
                file = f"{path}/{entry}" if entry != name else f"{path}/{name}/__init__.py"
                there = getattr(sys.modules[name], "__file__", None) or "built into Python"
                if os.path.isfile(file) and os.path.realpath(file) != os.path.realpath(there):  # noqa: PTH113  (as above)
                    raise CannotServe(
                        f'its "{name}" ({file}) is hidden by another one, which was imported once for all ({there}); '
                        f'rename it, name what is imported in `preload`, or give the service placement = "own"'
                    )


def _count_native() -> int:
    """How many threads run that `threading` knows nothing of."""
    try:
        return len(os.listdir("/proc/self/task")) - threading.active_count()  # noqa: PTH208  (a number is all we need)
    except OSError:
        return 0


def _described(thread: threading.Thread) -> str:
    """A thread's name, and where the function that it runs begins."""
    function = getattr(thread, "_target", None) or type(thread).run
    code = getattr(function, "__code__", None)
    return f"{thread.name}, {code.co_filename}:{code.co_firstlineno}" if code is not None else thread.name


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
