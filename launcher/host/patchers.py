"""Libraries that replace the standard library's functions for a whole process, gevent and eventlet: how they are held.

What they replace cannot be put back. So whatever calls them has to be refused, from the moment they are loaded: whoever
wants that says what shall stand in the place of their functions. Knows which these are, and Python's import system.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

#: Modules, and how those of their functions begin that replace something.
PATCHERS = {"gevent.monkey": "patch_", "eventlet.patcher": "monkey_patch", "eventlet": "monkey_patch"}


def loaded() -> list[ModuleType]:
    """Those that the process has already."""
    return [sys.modules[name] for name in PATCHERS if name in sys.modules]


def functions_of(module: ModuleType) -> list[str]:
    """The names of a module's functions that replace something."""
    beginning = PATCHERS[module.__name__]
    return [name for name, value in vars(module).items() if name.startswith(beginning) and callable(value)]


@contextmanager
def met(at_load: Callable[[ModuleType], None]) -> Iterator[None]:
    """Call `at_load` with each that the block loads, before anybody else can use it."""
    finder = _Finder(at_load)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder:
    """Finds nothing by itself; of what the others find, it is called when that has been loaded."""

    def __init__(self, at_load: Callable[[ModuleType], None]) -> None:
        self._at_load = at_load

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in PATCHERS:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((found for found in others if found is not None), None)
        loader: Any = spec.loader if spec is not None else None
        if loader is not None:
            load = loader.exec_module

            def load_and_tell(module: ModuleType) -> None:
                load(module)
                self._at_load(module)

            loader.exec_module = load_and_tell
        return spec
