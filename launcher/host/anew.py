"""A component's own modules, imported anew beside the old ones, which go on to serve until they are let go of.

Its own are those in its folders that it imports and no other component does, functions' imports included, as their
source says. Where what it shares with others has changed too, or what nobody's source names has to do with it, or one
of its own is written in C, nothing can be done here: a new process has to be. Runs on the main thread; knows modules,
nothing of what serves.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source, resolve_name
from typing import TYPE_CHECKING, TypeVar

from .folders import INSTALLED
from .shared_imports import named_in

if TYPE_CHECKING:
    from types import ModuleType

    from .description import Description

T = TypeVar("T")

#: What a file was when it was imported: the time of its last change and its size.
Stamp = tuple[int, int]

#: By how much the time of a file may be behind the clock, in nanoseconds: a tick of the kernel, of 1 to 10 ms.
FILES_LAG = 10_000_000
#: What imports a module by a name that is a text.
CALLS = ("import_module", "__import__")
#: How the names of our own modules begin; the project may be the one that we are developed in.
_OURS = (f"{__package__}.", "__main__")
#: After so many times the modules left behind, some 70 KB each time for a small app, ask for a new process.
MOST = 50


class CannotAnew(Exception):
    """Only a new process has the new code; says why, to be read after the component's name."""


class Sources:
    """The files of all modules that components have in their folders, as they were when they were imported."""

    def __init__(self) -> None:
        self._stamps: dict[str, Stamp] = {}
        self._times = 0
        self._began = time.time_ns() - FILES_LAG
        #: All components that have been here, by name.
        self._known: dict[str, Description] = {}

    def note(self, described: Description, before: Collection[str]) -> None:
        """An import has ended: take down what is new since there were the modules `before`."""
        self._known[described.name] = described
        for name, file in _local(described.folders).items():
            if name not in before and file not in self._stamps and (stamp := _stamp(file)) is not None:
                self._stamps[file] = stamp

    def anew(self, own: Collection[str], described: Description, load: Callable[[], T]) -> T:
        """Import a component's own modules anew with `load`; if it raises, all is as it was."""
        before = {name: sys.modules.pop(name) for name in own}
        bound = _bindings(own)
        for module in before.values():
            _forget_compiled(module)
        importlib.invalidate_caches()
        linecache.checkcache()
        try:
            loaded = load()
        except BaseException:
            for name in [name for name in _local(described.folders) if name in own]:
                del sys.modules[name]
            sys.modules.update(before)
            for parent, attribute, value in bound:
                setattr(parent, attribute, value)
            raise
        self._times += 1
        for file in _local(described.folders).values():
            if (stamp := _stamp(file)) is not None:
                self._stamps[file] = stamp
        return loaded

    def own(self, described: Description, others: Iterable[Description]) -> set[str]:
        """The modules that can be imported anew for a component without touching the others; raises CannotAnew."""
        if self._times >= MOST:
            raise CannotAnew(f"old modules of {self._times} replacements have been left behind")
        local = _local(described.folders)
        used = _used(described.module, local)
        here = {other.name: other for other in others}
        by_name = {name: _used(other.module, local) for name, other in {**self._known, **here}.items()}
        taken = {name: other for other in here for name in by_name[other]}
        for name in sorted(used & taken.keys()):
            file = local[name]
            if self._has_changed(file):
                raise CannotAnew(f'{file} has changed, which "{taken[name]}" has imported too')
        own = used - taken.keys()
        self._see_to_strangers(own, local, used.union(*by_name.values()))
        for name in sorted(own):
            if not local[name].endswith(".py"):
                raise CannotAnew(f"its module {name} is no Python code ({local[name]})")
        if described.module not in own:
            by = f', which is "{taken[described.module]}" too' if described.module in taken else ""
            raise CannotAnew(f"its module {described.module} is not in its folders alone{by}")
        return own

    def _see_to_strangers(self, own: set[str], local: dict[str, str], named: set[str]) -> None:
        """See that modules which no source has named have nothing to do with these; raises CannotAnew where they may.

        They were imported by a name that was made when it was needed. By whom cannot be told.
        """
        for name in sorted(local.keys() - named):
            file = local[name]
            if self._has_changed(file):
                raise CannotAnew(f"{file} has changed, and who imports it cannot be told")
            if reached := own.intersection(_used(name, local)) - set(_packages_of(name)):
                raise CannotAnew(f"{file} imports {min(reached)}, and who imports that file cannot be told")

    def _has_changed(self, file: str) -> bool:
        """Whether a file is not as it was when it was imported; if that was by the way, as when this process began."""
        if file in self._stamps:
            return _stamp(file) != self._stamps[file]
        try:
            return os.stat(file).st_ctime_ns > self._began  # noqa: PTH116  (as above)
        except OSError:
            return True


def _local(folders: Iterable[str]) -> dict[str, str]:
    """The modules in the process whose files stand in these folders, and are neither installed there nor ours."""
    roots = tuple(os.path.realpath(folder) + os.sep for folder in folders)
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not name.startswith(_OURS) and (real := _real(file)).startswith(roots):
            below = next(real[len(root) :] for root in roots if real.startswith(root))
            if INSTALLED.isdisjoint(below.split("/")):
                found[name] = real
    return found


def _real(file: str) -> str:
    folder, name = os.path.split(file)
    return os.path.join(_real_folder(folder), name)  # noqa: PTH118  (pathlib is a megabyte that an app may not need)


@cache
def _real_folder(folder: str) -> str:
    """Where a folder is when links are followed: some hundred modules stand in each of a few."""
    return os.path.realpath(folder)


def _used(module: str, local: dict[str, str]) -> set[str]:
    """The local modules that this one imports, directly or not, itself and its packages included."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        parts = ahead.pop().split(".")
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            if name in local and name not in found:
                found.add(name)
                ahead += _imports(name, local[name])
    return found


#: What each module imports, as its source said when it was as the stamp says: a large one takes 50 ms to read.
_read: dict[str, tuple[Stamp, list[str]]] = {}


def _imports(name: str, file: str) -> list[str]:
    if not file.endswith(".py") or (stamp := _stamp(file)) is None:
        return []
    if name not in _read or _read[name][0] != stamp:
        _read[name] = (stamp, _imports_in(name, file))
    return _read[name][1]


def _imports_in(name: str, file: str) -> list[str]:
    try:
        with open(file, "rb") as source:  # noqa: PTH123  (pathlib is a megabyte that an app may not need)
            tree = ast.parse(source.read(), file)
    except (OSError, SyntaxError, ValueError):
        return []  # its import will say so
    is_package = os.path.basename(file) == "__init__.py"  # noqa: PTH119  (as above)
    nodes = list(ast.walk(tree))
    package = name if is_package else name.rpartition(".")[0]
    return [*(named.name for named in named_in(nodes, name, is_package=is_package)), *_called_for(nodes, package)]


def _called_for(nodes: Iterable[ast.AST], package: str) -> Iterator[str]:
    """What `import_module("…")` and `__import__("…")` name, where it stands there as it is."""
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=call) | ast.Attribute(attr=call), args=[ast.Constant(value=str(name)), *_]):
                if call in CALLS:
                    with suppress(ImportError):  # it will say so
                        yield resolve_name(name, package)


def _packages_of(name: str) -> Iterator[str]:
    """The packages that a module stands in."""
    while name := name.rpartition(".")[0]:
        yield name


def _bindings(names: Iterable[str]) -> list[tuple[ModuleType, str, object]]:
    """What packages have as their attributes, which an import of a module in them sets anew."""
    found = []
    for name in names:
        parent, _, attribute = name.rpartition(".")
        package = sys.modules.get(parent)
        if package is not None and hasattr(package, attribute):
            found.append((package, attribute, getattr(package, attribute)))
    return found


def _stamp(file: str) -> Stamp | None:
    try:
        status = os.stat(file)  # noqa: PTH116  (pathlib is a megabyte that an app may not need)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _forget_compiled(module: ModuleType) -> None:
    """Two changes within a second that leave the size as it was look alike to Python: have it compile anew."""
    with suppress(OSError, TypeError, NotImplementedError):
        os.unlink(cache_from_source(module.__file__ or ""))  # noqa: PTH108  (as above)
