"""Where a module would come from, found without importing anything; and where one that is loaded came from."""

from __future__ import annotations

import os
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType


class Found(NamedTuple):
    """A module or package that an import would find."""

    name: str
    #: Its file, or the folder of a package; links followed.
    place: str


def find(name: str, folders: Iterable[str]) -> Found | None:
    """Find which module the import of the dotted `name` from `folders` begins with; None if they hold none.

    That is the top-level one. A folder without `__init__.py` may be spread over several places, all of which are the
    same package: below it, the first part that comes from one place decides.
    """
    path = list(folders)
    head = ""
    for part in name.split("."):
        head = f"{head}.{part}" if head else part
        spec = PathFinder.find_spec(part, path)  # by its last part: Python would look for the parent in sys.modules
        if spec is None:
            return None
        if spec.origin is not None:
            return Found(head, _place(spec.origin))
        path = list(spec.submodule_search_locations or ())
    return None


def file_of(name: str, folders: Iterable[str]) -> str | None:
    """Find the file of the module with this dotted name, whichever packages it stands in; None if there is none."""
    path = list(folders)
    origin = None
    for part in name.split("."):
        spec = PathFinder.find_spec(part, path)
        if spec is None:
            return None
        origin = spec.origin
        path = list(spec.submodule_search_locations or ())
    return origin


def place_of(module: ModuleType) -> str | None:
    """Tell where a loaded module came from, as `find` would; None for one that has no file."""
    file = getattr(module, "__file__", None)
    return None if file is None else _place(file)


def _place(file: str) -> str:
    file = os.path.realpath(file)
    folder, name = os.path.split(file)
    return folder if name.partition(".")[0] == "__init__" else file
