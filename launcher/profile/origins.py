"""Where values were written, and the problems found there.

A profile on its way through the layers is a tree of `Table` and `Leaf`, each with its `Origin`. `Problems` gathers
what is wrong with it, so that all of it is told at once. Knows no key of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Self

from msgspec import Struct

from launcher.errors import Caution, LauncherError, ProblemsFound
from launcher.profile.names import quote_key

#: The way to a value: names of keys, and places in lists from 0.
Path = tuple[str | int, ...]


class Origin(Struct, frozen=True):
    """Where a value was written: a line of a file, a variable (`$LAUNCHER__…`) or a flag (`--set …`)."""

    place: str
    line: int = 0
    column: int = 0
    #: The key as it was written there; a service's value may come from `defaults.port`.
    key: Path = ()

    def __str__(self) -> str:
        return f"{self.place}:{self.line}" if self.line else self.place


BUILT_IN = Origin("built-in default")


class Written(float):
    """A number of a TOML file that remembers its spelling: `VERSION = 3.10` in an `env` means "3.10"."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


class Leaf(Struct, frozen=True):
    """A value that is replaced as a whole. `written` is an override's text, before it was read as TOML."""

    value: Any
    origin: Origin
    items: tuple[Origin, ...] = ()
    written: str | None = None


class Table(Struct, frozen=True):
    """Values by key, merged key by key."""

    keys: dict[str, Leaf | Table]
    origin: Origin

    def get(self, *path: str) -> Leaf | Table | None:
        """What stands at `path` below this table."""
        node: Leaf | Table | None = self
        for name in path:
            node = node.keys.get(name) if isinstance(node, Table) else None
        return node

    def table(self, *path: str) -> Mapping[str, Leaf | Table]:
        """The keys of the table at `path`; none if there is no table."""
        node = self.get(*path)
        return node.keys if isinstance(node, Table) else {}

    def put(self, name: str, node: Leaf | Table | None) -> Table:
        """The table with `name` set anew, or taken out."""
        keys = {key: value for key, value in self.keys.items() if key != name or node is not None}
        return Table(keys if node is None else keys | {name: node}, self.origin)


def dotted(path: Path) -> str:
    """`services.api.depends_on[0]`, quoted where TOML would quote."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + quote_key(part)
    return text


class Problems:
    """What was found so far, each with its origin; told once, in the order of files and lines."""

    __slots__ = ("_cautions", "_found", "_paths")

    def __init__(self) -> None:
        self._found: list[tuple[Origin, LauncherError]] = []
        self._cautions: list[tuple[Origin, Caution]] = []
        self._paths: set[Path] = set()

    def add(
        self, kind: type[LauncherError], sentence: str, *, origin: Origin, path: Path = (), remedy: str = ""
    ) -> None:
        """Note a problem; `path` is what it spoils of the merged profile."""
        where = "" if origin is BUILT_IN else str(origin)
        self._found.append((origin, kind(sentence, where=where, remedy=remedy)))
        self._paths.update(path[:depth] for depth in range(1, len(path) + 1))

    def include(self, error: LauncherError, *, origin: Origin) -> None:
        """Note a problem that already is one."""
        self._found.append((origin, error))

    def caution(self, code: int, sentence: str, *, origin: Origin) -> None:
        """Note something odd that stops nothing."""
        self._cautions.append((origin, Caution(code, sentence, where=str(origin))))

    def touch(self, path: Path) -> bool:
        """Whether something at `path` or below is already known to be wrong."""
        return path in self._paths

    @property
    def cautions(self) -> list[Caution]:
        return [caution for _, caution in sorted(self._cautions, key=lambda pair: _order(pair[0]))]

    def raise_all(self) -> NoReturn:
        """Raise everything found. A fault in `[defaults]` shows in every service, and is told once."""
        ordered = [error for _, error in sorted(self._found, key=lambda pair: _order(pair[0]))]
        unlike = {(error.code, error.where, error.sentence): error for error in ordered}
        raise ProblemsFound(list(unlike.values()), self.cautions)

    def __bool__(self) -> bool:
        return bool(self._found)


def _order(origin: Origin) -> tuple[bool, str, int, int]:
    return (origin.line == 0, origin.place, origin.line, origin.column)
