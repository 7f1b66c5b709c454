"""The things of which a process has one, and every library may change: how each is looked at, told and put back.

Looking is cheap and changes nothing, where the system allows it. Must not know when it is looked.
"""

from __future__ import annotations

import asyncio
import gc
import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class NotRestorable(Exception):
    """It cannot be put back here: the reason, in a few words."""


def _tell(was: Any, is_now: Any) -> str:
    return f"from {named(was)} to {named(is_now)}"


class Item(NamedTuple):
    """One thing of the process."""

    name: str
    look: Callable[[], Any]
    put_back: Callable[[Any], None]
    #: What follows "changed NAME".
    describe: Callable[[Any, Any], str] = _tell
    is_same: Callable[[Any, Any], bool] = lambda was, is_now: bool(was == is_now)
    can_restore: Callable[[Any], bool] = lambda _was: True

    def tell(self, was: Any, is_now: Any) -> str:
        """Say what was done to it."""
        return f"changed {self.name} {self.describe(was, is_now)}".rstrip()


def named(value: Any) -> str:
    """Name a value for people: an object by its class, a function by where it is defined."""
    if isinstance(value, str | int | float | bool | None):
        return str(value)
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(sorted(map(named, value)) if isinstance(value, frozenset) else map(named, value)) or "none"
    owner = value if hasattr(value, "__qualname__") else type(value)
    return f"{owner.__module__}.{owner.__qualname__}"


def added_and_removed(was: Any, is_now: Any) -> str:
    """Say what a collection has gained and lost."""
    gained = [value for value in is_now if value not in was]
    lost = [value for value in was if value not in is_now]
    parts = [f"added {named(tuple(gained))}"] * bool(gained) + [f"removed {named(tuple(lost))}"] * bool(lost)
    return f"({'; '.join(parts) or 'in another order'})"


# --- logging ---


def _enabled_loggers() -> frozenset[str]:
    loggers = logging.root.manager.loggerDict.copy()
    return frozenset(name for name, logger in loggers.items() if not getattr(logger, "disabled", True))


def _enable_loggers(names: frozenset[str]) -> None:
    for name in names:
        logging.getLogger(name).disabled = False


def _put_logger_class(kind: type[logging.Logger]) -> None:
    logging.setLoggerClass(kind)


def _disabled_loggers(was: frozenset[str], is_now: frozenset[str]) -> str:
    return f"(disabled {', '.join(sorted(was - is_now))})"


# --- warnings ---


def _put_warnings_filters(filters: tuple[Any, ...]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    with warnings.catch_warnings():
        pass  # the only public way to tell the C half that the list is another one


# --- signals ---

#: The name of this item: only the main thread can put it back.
SIGNALS = "signal handlers"


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS}


#: Those with a name, without those whose handlers nobody can set.
_SIGNALS = tuple(number for number in signal.Signals if number not in {signal.SIGKILL, signal.SIGSTOP})


def _put_handlers(handlers: dict[int, Any]) -> None:
    if threading.current_thread() is not threading.main_thread():
        raise NotRestorable("only the main thread can put signal handlers back")
    foreign = []
    for number, handler in handlers.items():
        if signal.getsignal(number) == handler:
            continue
        if handler is None:
            foreign.append(signal.Signals(number).name)
        else:
            signal.signal(number, handler)
    if foreign:
        raise NotRestorable(f"that of {', '.join(foreign)} was not Python's")


def _changed_signals(was: dict[int, Any], is_now: dict[int, Any]) -> str:
    changed = [signal.Signals(number).name for number in was if was[number] != is_now[number]]
    return f"(of {', '.join(changed)})"


# --- files ---


def _folder() -> str | None:
    with suppress(FileNotFoundError):  # it may have been removed under us
        return os.getcwd()  # noqa: PTH109  (it runs often, and a Path is not needed)
    return None


def _put_folder(folder: str | None) -> None:
    if folder is None:
        raise NotRestorable("the folder from before does not exist")
    try:
        os.chdir(folder)
    except OSError as error:
        raise NotRestorable(f"{folder}: {error.strerror}") from None


def _umask() -> int:
    # Linux tells it; elsewhere it must be set to be read, and a file made in that moment be too private, not too open.
    with suppress(OSError), open("/proc/self/status", "rb") as status:  # noqa: PTH123  (it runs often)
        for line in status:
            if line.startswith(b"Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _put_umask(mask: int) -> None:
    os.umask(mask)


def _octal(was: int, is_now: int) -> str:
    return f"from {was:04o} to {is_now:04o}"


# --- language and time ---


def _locale() -> str:
    return locale.setlocale(locale.LC_ALL)


def _put_locale(name: str) -> None:
    locale.setlocale(locale.LC_ALL, name)


def _zone() -> tuple[str | None, tuple[str, str], int]:
    return os.environ.get("TZ"), time.tzname, time.timezone


def _put_zone(zone: tuple[str | None, tuple[str, str], int]) -> None:
    name = zone[0]
    if name is None:
        os.environ.pop("TZ", None)
        os.unsetenv("TZ")  # it may have been set past os.environ
    else:
        os.environ["TZ"] = name
    time.tzset()


def _zones(was: Any, is_now: Any) -> str:
    return f"from {was[0] or was[1][0]} to {is_now[0] or is_now[1][0]}"


# --- Python ---


def _path_is_same(was: list[str], is_now: list[str]) -> bool:
    """What is only added at the end hides nothing."""
    return is_now[: len(was)] == was


def _put_path(path: list[str]) -> None:
    # What was added stays, but behind everything: modules imported later may need it, and nobody's modules are hidden.
    sys.path[:] = path + [folder for folder in sys.path if folder not in path]


def _policy() -> Any:
    # asyncio's own look-up would make one, and in Python 3.14 warn.
    return getattr(asyncio.events, "_event_loop_policy", None)


def _policy_is_same(was: Any, is_now: Any) -> bool:
    """Treat asyncio's own as the same whether it was made already or not."""
    return was is is_now or (_is_asyncios(was) and _is_asyncios(is_now))


def _is_asyncios(policy: Any) -> bool:
    return policy is None or type(policy).__module__.partition(".")[0] == "asyncio"


def _put_policy(policy: Any) -> None:
    # Python 3.14 deprecates the public one.
    put = getattr(asyncio.events, "_set_event_loop_policy", None) or asyncio.set_event_loop_policy
    put(policy)


def _attribute(name: str, holder: Any, attribute: str) -> Item:
    """Describe an attribute of a module, compared by identity."""
    return Item(
        name,
        lambda: getattr(holder, attribute),
        lambda value: setattr(holder, attribute, value),
        is_same=lambda was, is_now: was is is_now,
    )


ITEMS = (
    Item(
        "other loggers",
        _enabled_loggers,
        _enable_loggers,
        _disabled_loggers,
        is_same=lambda was, is_now: was <= is_now,
    ),
    Item("the level that logging.disable sets", lambda: logging.root.manager.disable, logging.disable),
    Item("the class of loggers", logging.getLoggerClass, _put_logger_class),
    Item("the filters of warnings", lambda: tuple(warnings.filters), _put_warnings_filters, lambda _was, _is_now: ""),
    _attribute("how warnings are shown", warnings, "showwarning"),
    Item(SIGNALS, _handlers, _put_handlers, _changed_signals),
    Item("the working directory", _folder, _put_folder, can_restore=lambda was: was is not None),
    Item("the umask", _umask, _put_umask, _octal),
    Item("the locale", _locale, _put_locale),
    Item("the time zone", _zone, _put_zone, _zones),
    _attribute("sys.excepthook", sys, "excepthook"),
    _attribute("threading.excepthook", threading, "excepthook"),
    _attribute("sys.unraisablehook", sys, "unraisablehook"),
    Item("the default time-out of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
    Item("the event loop policy", _policy, _put_policy, is_same=_policy_is_same),
    Item("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Item("the garbage collector", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    Item("sys.path", lambda: list(sys.path), _put_path, added_and_removed, _path_is_same),
    _attribute("sys.stdout", sys, "stdout"),
    _attribute("sys.stderr", sys, "stderr"),
    _attribute("os.environ", os, "environ"),
)
