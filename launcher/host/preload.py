"""What is imported once, before any app is forked: no module that leaves threads running.

A fork has none of them, but a copy of the locks they held and of what they were about to do. Where one leaves any, its
import cannot be undone: the process begins anew without it, and each app imports it for itself.
Knows modules and threads; nothing of apps.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from importlib import import_module

from .shared_imports import App, in_common
from .target import CannotServe
from .warm import warm

#: These leave native threads and have them end and begin anew around a fork: OpenBLAS (blas_thread_shutdown by
#: pthread_atfork) in numpy. Their threads are no reason to leave them out.
_PREPARED = frozenset({"numpy"})
#: What serving an app imports in any case, where it is installed.
_SERVING = (
    "asyncio.runners", "concurrent.futures.thread", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto",
)  # fmt: skip


def prepare(shares: Iterable[Sequence[str]], *, named: Sequence[str], without: Container[str]) -> frozenset[str]:
    """Have everything imported that is to be shared; the modules that serving a single app would not have imported yet.

    A share is an app and its folders. Raises CannotServe where threads run all the same.
    """
    from . import one, shown  # noqa: F401, PLC0415  (what children need)

    alone = frozenset(sys.modules)
    gc.disable()  # what imports leave behind is little, and pages that a collection has touched are shared no more
    found = in_common([App(target, paths) for target, *paths in shares])
    threaded, known = _import([name for name in (*named, *found) if name not in without], asked_for=named)
    if threaded:
        _begin_anew_without(threaded)
    warm()
    left = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if left or _count_native() > known:
        told = ", ".join(map(_described, left)) or "not of Python's threading"
        raise CannotServe(f"threads run ({told}), whatever is imported, and no fork would have them")
    return frozenset(sys.modules) - alone


def _import(names: Iterable[str], *, asked_for: Container[str]) -> tuple[dict[str, str], int]:
    """Import these modules, in order; those that leave threads, with what to say of them, and how many need not count.

    One that cannot be imported is left out, and told of if it was asked for.
    """
    threaded: dict[str, str] = {}
    known, running = _count_native(), set(threading.enumerate())
    for name in (*_SERVING, *names):
        before = frozenset(sys.modules)
        try:
            import_module(name)
        except BaseException as error:  # noqa: BLE001  (sys.exit() and the like: the app that wants it will say so)
            if name in asked_for:
                _say(f'cannot import "{name}" once for all: {type(error).__name__}: {error}')
        native = _count_native()
        if _PREPARED & (sys.modules.keys() - before):
            known = native
        started = [thread for thread in threading.enumerate() if thread not in running]
        if started or native > known:
            threaded[name] = ", ".join(map(_described, started)) or f"{native - known} not of Python's threading"
            known, running = native, running.union(started)
    return threaded, known


def _begin_anew_without(threaded: Mapping[str, str]) -> None:
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
