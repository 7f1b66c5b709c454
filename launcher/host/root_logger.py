"""The root logger as each component has it: handlers and level of its own, whatever others make of theirs.

`logging.basicConfig` and `dictConfig` set the root logger up for the whole of a process; here it shows each component
its own, at its import and while it serves, so that either does what it does to an app alone in its process. Outside
any component it is the process's. Which component runs is `current`'s to say.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from . import patches
from .current import component

if TYPE_CHECKING:
    from collections.abc import Callable

_HELD = "_by_component"


class _Own:
    """One component's part of the root logger: by default what Python begins with."""

    __slots__ = ("handlers", "level")

    def __init__(self, handlers: list[logging.Handler], level: int) -> None:
        self.handlers = handlers
        self.level = level


class _Root(logging.RootLogger):
    """The root logger, whose `handlers` and `level` are those of whose code asks."""

    @property
    def handlers(self) -> list[logging.Handler]:
        return _own(self).handlers

    @handlers.setter
    def handlers(self, handlers: list[logging.Handler]) -> None:
        _own(self).handlers = handlers

    @property
    def level(self) -> int:
        return _own(self).level

    @level.setter
    def level(self, level: int) -> None:
        _own(self).level = level


def _own(root: logging.Logger) -> _Own:
    held: dict[str | None, _Own] = root.__dict__[_HELD]
    name = component.get()
    found = held.get(name)
    if found is None:
        found = held[name] = _Own([], logging.WARNING)
    return found


def install() -> list[patches.Applied]:
    """Divide the root logger among components; raises CannotReplace where this Python's is another."""
    root = logging.root
    applied = patches.apply([patches.Replacement(logging.Logger, "isEnabledFor", _enabled, ((1, "level"),))])
    root.__dict__[_HELD] = {None: _Own(root.__dict__.pop("handlers"), root.__dict__.pop("level"))}
    root.__class__ = _Root
    root.manager._clear_cache()  # type: ignore[attr-defined]  # noqa: SLF001  (it knows nothing of components)
    return applied


def uninstall(applied: list[patches.Applied]) -> None:
    """Give the root logger back to the process alone, as that had it."""
    root = logging.root
    own: _Own = root.__dict__.pop(_HELD)[None]
    root.__class__ = logging.RootLogger
    root.handlers, root.level = own.handlers, own.level
    patches.undo(applied)
    root.manager._clear_cache()  # type: ignore[attr-defined]  # noqa: SLF001  (what was kept there means nothing else)


def forget(name: str) -> None:
    """Drop what this component has set up, if it has any."""
    logging.root.__dict__.get(_HELD, {}).pop(name, None)


def _enabled(original: Callable[[logging.Logger, int], bool]) -> Callable[[logging.Logger, int], bool]:
    """A logger keeps in a cache what it finds enabled; None there stands for whatever the root logger's level says."""

    def is_enabled_for(logger: logging.Logger, level: int) -> bool:
        if logger.disabled:
            return False
        cache = logger._cache  # type: ignore[attr-defined]  # noqa: SLF001  (setLevel and logging.disable clear it)
        try:
            found = cache[level]
        except KeyError:
            with logging._lock:  # type: ignore[attr-defined]  # noqa: SLF001  (as Logger.isEnabledFor has it)
                found = None if _is_up_to_root(logger, level) else original(logger, level)
                cache[level] = found
        return level >= logging.root.level if found is None else found

    return is_enabled_for


def _is_up_to_root(logger: logging.Logger, level: int) -> bool:
    """Whether nothing before the root logger, nor `logging.disable`, says if a logger has a level."""
    if logger.manager.disable >= level or type(logger).getEffectiveLevel is not logging.Logger.getEffectiveLevel:
        return False
    one: logging.Logger | None = logger
    while one is not None and one is not logging.root:
        if one.level:
            return False
        one = one.parent
    return one is not None
