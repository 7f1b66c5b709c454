"""What several apps import alike, read from their source without running any of it.

Followed are the imports of an app's own modules, at their top level: in its folders, or in the installed package that
the app itself is. What these import from elsewhere, from installed packages and the standard library, is what apps can
have in common. Knows syntax and the module path; imports nothing.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from typing import NamedTuple

from .target import parse_target


class App(NamedTuple):
    """An app, and the folders that come first on its module path."""

    target: str
    paths: Sequence[str]


class Named(NamedTuple):
    """A name that an import names; not every one of `from a import b` is a module."""

    name: str
    is_module: bool = True


def in_common(apps: Sequence[App]) -> list[str]:
    """The modules that at least two of these apps import and that are none's own, sorted; of an only one, all."""
    walks = [_Walk(app) for app in apps]
    own = {name for walk in walks for name in walk.own}
    counted = Counter(name for walk in walks for name in walk.foreign)
    least = min(2, len(apps))
    return sorted(name for name, times in counted.items() if times >= least and _top(name) not in own)


class _Walk:
    """The imports of one app: `own` its top-level packages, `foreign` the modules of others, their parents too."""

    def __init__(self, app: App) -> None:
        self.own: set[str] = set()
        self.foreign: set[str] = set()
        self._paths = list(app.paths)
        target = parse_target(app.target).module
        # An app that is installed is found on the path of this Python; its package is its own all the same.
        self._installed = "" if self._stands_in_folders(_top(target)) else _top(target)
        self._is_own = cache(lambda top: top == self._installed or self._stands_in_folders(top))
        seen = set()
        ahead = [Named(target)]
        while ahead:
            named = ahead.pop()
            for name in _with_parents(named.name):
                if name not in seen:
                    seen.add(name)
                    ahead += self._follow(Named(name, named.is_module or name != named.name))

    def _follow(self, named: Named) -> Iterable[Named]:
        """Take a name in; what it imports in turn, if it is a module of the app's own."""
        if not self._is_own(_top(named.name)):
            if named.is_module or self._find(named.name) is not None:
                self.foreign.add(named.name)
            return ()
        self.own.add(_top(named.name))
        spec = self._find(named.name)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return ()
        return _imports(spec.origin, named.name, is_package=spec.submodule_search_locations is not None)

    def _stands_in_folders(self, top: str) -> bool:
        """Whether the app's folders have it. A folder that is no package gives way to a package anywhere else."""
        spec = PathFinder.find_spec(top, self._paths)
        if spec is not None and spec.origin is None:
            spec = PathFinder.find_spec(top, [*self._paths, *sys.path])
            return spec is not None and spec.origin is None
        return spec is not None

    def _find(self, module: str) -> ModuleSpec | None:
        """Where a module is; found step by step, for the import system would run its parents."""
        places: Sequence[str] = [*self._paths, *sys.path]
        spec = None
        for step in _with_parents(module):
            spec = PathFinder.find_spec(step, places)
            if spec is None:
                return None
            places = list(spec.submodule_search_locations or ())
        return spec


def _imports(file: str, module: str, *, is_package: bool) -> Iterator[Named]:
    """What a file imports when it is imported: not in functions, not for type checkers, not as a program."""
    try:
        with open(file, "rb") as source:  # noqa: PTH123  (pathlib is a megabyte that an app may not need)
            tree = ast.parse(source.read(), file)
    except (OSError, SyntaxError, ValueError):
        return  # its import will say so
    yield from named_in(_top_level(tree.body), module, is_package=is_package)


def named_in(nodes: Iterable[ast.AST], module: str, *, is_package: bool) -> Iterator[Named]:
    """What the import statements among these nodes of a module name."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (Named(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            if origin:
                yield Named(origin)
                yield from (Named(f"{origin}.{alias.name}", False) for alias in node.names if alias.name != "*")


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        match node:
            case ast.If():
                yield from _top_level([*(() if _is_for_others(node.test) else node.body), *node.orelse])
            case ast.Try():
                otherwise = [statement for handler in node.handlers for statement in handler.body]
                yield from _top_level([*node.body, *otherwise, *node.orelse, *node.finalbody])
            case ast.With():
                yield from _top_level(node.body)


def _is_for_others(test: ast.expr) -> bool:
    """Whether this is the test `TYPE_CHECKING` or `__name__ == …`."""
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(left=ast.Name(id="__name__")):
            return True
    return False


def _top(module: str) -> str:
    return module.partition(".")[0]


def _with_parents(module: str) -> list[str]:
    """`a.b.c`: a, a.b, a.b.c."""
    parts = module.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]
