"""From the merged tree to the typed model: every problem found, each with its origin, none raised.

Walks the model's keys beside the tree. What is wrong is noted and left at its default, so that the rest can still be
read and checked. Knows the model's form, and nothing of what keys mean together.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct

from launcher.errors import LauncherError, UnknownKey, WrongType
from launcher.profile.durations import parse_duration
from launcher.profile.keys import Key, Shape, alternatives, choices, describe, keys_of
from launcher.profile.model import Defaults, Service, Settings
from launcher.profile.names import did_you_mean
from launcher.profile.origins import Leaf, Origin, Path, Problems, Table, Written, dotted
from launcher.profile.secrets import MASK, is_secret
from launcher.profile.sizes import parse_size

_SECTIONS = ("launcher", "env", "defaults", "services")
_ITEM = r"\$\[(\d+)\]"
_LIMIT = r"(>=|<=|>|<) (\S+)"
_LIMITS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_SHOWN = 40

S = TypeVar("S", bound=Struct)


class Decoded(Struct, frozen=True, kw_only=True):
    """A profile in types, not yet checked, and where each of its values was written."""

    settings: Settings
    env: dict[str, str]
    services: dict[str, Service]
    origins: dict[Path, Origin]


def decode(profile: Table, problems: Problems, *, defaults: Table | None = None) -> Decoded:
    """Read the merged tree. `defaults` is `[defaults]` as it stands, looked at for its own faults."""
    reader = _Reader(problems)
    for name, node in profile.keys.items():
        if name not in _SECTIONS:
            reader.unknown(name, node, (name,), _SECTIONS)
    settings = reader.struct(Settings, reader.section(profile, "launcher"), ("launcher",))
    env = reader.texts(reader.section(profile, "env"), ("env",))
    if defaults is not None:
        reader.struct(Defaults, defaults, ("defaults",))
    services: dict[str, Service] = {}
    for name, node in reader.section(profile, "services").keys.items():
        path: Path = ("services", name)
        reader.origins[path] = node.origin
        if isinstance(node, Table):
            services[name] = reader.struct(Service, node, path)
        else:
            reader.wrong(node, path, "a table")
    return Decoded(settings=settings, env=env, services=services, origins=reader.origins)


class _Reader:
    """Reads tables into structs; `origins` grows as it goes."""

    __slots__ = ("_problems", "origins")

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self.origins: dict[Path, Origin] = {}

    def section(self, profile: Table, name: str) -> Table:
        """A top table, empty where there is none or something else stands in its place."""
        node = profile.get(name)
        if isinstance(node, Leaf):
            self.wrong(node, (name,), "a table")
        return node if isinstance(node, Table) else Table({}, profile.origin)

    def struct(self, kind: type[S], table: Table, path: Path) -> S:
        self.origins[path] = table.origin
        known = keys_of(kind)
        values: dict[str, Any] = {}
        for name, node in table.keys.items():
            own = (*path, name)
            key = known.get(name)
            if key is None:
                self.unknown(name, node, own, known)
                continue
            self.origins[own] = node.origin
            value = self.value(key, node, own)
            if value is not msgspec.UNSET:
                values[name] = value
        return kind(**values)

    def value(self, key: Key, node: Leaf | Table, path: Path) -> Any:
        """The value in the model's type, or UNSET when it was noted as a problem."""
        if isinstance(node, Table):
            if key.shape is Shape.TABLE and key.struct is not None:
                return self.struct(key.struct, node, path)
            if key.shape is Shape.TABLES and key.struct is not None:
                return self.tables(key.struct, node, path)
            if key.shape is Shape.TEXTS:
                return self.texts(node, path)
            return self.wrong(node, path, describe(key))
        if key.shape in (Shape.TABLE, Shape.TABLES, Shape.TEXTS):
            return self.wrong(node, path, describe(key))
        return self.leaf(key, node, path)

    def tables(self, kind: type[S], table: Table, path: Path) -> dict[str, S]:
        found: dict[str, S] = {}
        for name, node in table.keys.items():
            own = (*path, name)
            self.origins[own] = node.origin
            if isinstance(node, Table):
                found[name] = self.struct(kind, node, own)
            else:
                self.wrong(node, own, "a table")
        return found

    def texts(self, table: Table, path: Path) -> dict[str, str]:
        """Texts by name; a number or a truth value is taken as it is spelt."""
        found: dict[str, str] = {}
        for name, node in table.keys.items():
            own = (*path, name)
            self.origins[own] = node.origin
            text = _text(node)
            if text is None:
                self.wrong(node, own, "a text")
            else:
                found[name] = text
        return found

    def leaf(self, key: Key, leaf: Leaf, path: Path) -> Any:
        value = float(leaf.value) if isinstance(leaf.value, Written) else leaf.value
        try:
            if key.shape is Shape.DURATION and value not in choices(key.type):
                value = parse_duration(value)
            elif key.shape is Shape.SIZE:
                value = parse_size(value)
            return msgspec.convert(value, key.type)
        except msgspec.ValidationError as error:
            # An override's text was read as TOML; where a text is wanted, it is one (`--set services.x.user=1000`).
            if leaf.written is not None and not isinstance(value, str) and _takes_text(key, leaf.written):
                return leaf.written
            return self.explain(key, leaf, path, str(error))
        except LauncherError as error:
            sentence = f"{_key(leaf, path)}: {error.sentence}"
            self._problems.add(type(error), sentence, origin=leaf.origin, path=path, remedy=error.remedy)
            return msgspec.UNSET

    def explain(self, key: Key, leaf: Leaf, path: Path, message: str) -> msgspec.UnsetType:
        """Note in plain words what msgspec says."""
        value: Any = leaf.value
        origin, written, wanted = leaf.origin, _key(leaf, path), describe(key)
        words: list[str] = []
        if (item := re.search(_ITEM, message)) and isinstance(value, list):
            index = int(item[1])
            value = value[index]
            written = f"{written}[{index}]"
            origin = leaf.items[index] if index < len(leaf.items) else origin
            words = [word for kind in alternatives(key.type) for inner in get_args(kind) for word in choices(inner)]
            number = "Expected `int`" in message
            wanted = f"one of {', '.join(words)}" if words else "a whole number" if number else "a text"
        remedy = ""
        if limit := re.search(_LIMIT, message):
            sentence = f"{written}: must be {_LIMITS[limit[1]]} {float(limit[2]):g}, got {value}"
            if key.default is not None:
                remedy = f"Leave it out for the default, {key.default:g}{f' {key.unit}' if key.unit else ''}."
        else:
            sentence = f"{written}: expected {wanted}, got {_shown(value, path)}"
            if isinstance(value, str):
                sentence += did_you_mean(value, words or choices(key.type))
        self._problems.add(WrongType, sentence, origin=origin, path=path, remedy=remedy)
        return msgspec.UNSET

    def wrong(self, node: Leaf | Table, path: Path, wanted: str) -> msgspec.UnsetType:
        value = node.value if isinstance(node, Leaf) else {}
        sentence = f"{_key(node, path)}: expected {wanted}, got {_shown(value, path)}"
        self._problems.add(WrongType, sentence, origin=node.origin, path=path)
        return msgspec.UNSET

    def unknown(self, name: str, node: Leaf | Table, path: Path, known: Any) -> None:
        sentence = f"{_key(node, path)}: unknown key{did_you_mean(name, known)}"
        self._problems.add(UnknownKey, sentence, origin=node.origin, path=path)


def _key(node: Leaf | Table, path: Path) -> str:
    return dotted(node.origin.key or path)


def _text(node: Leaf | Table) -> str | None:
    if isinstance(node, Table):
        return None
    value = node.value
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return node.written or str(value).lower()
    if isinstance(value, Written):
        return value.text
    if isinstance(value, int | float):
        return node.written or str(value)
    return None


def _takes_text(key: Key, text: str) -> bool:
    try:
        msgspec.convert(text, key.type)
    except msgspec.ValidationError:
        return False
    return True


def _shown(value: object, path: Path) -> str:  # noqa: PLR0911  (a table of types)
    """A value as an error may show it: short, and no secret."""
    match value:
        case str():
            if any(isinstance(name, str) and is_secret(name) for name in path):
                return f'"{MASK}"'
            return f'"{value}"' if len(value) <= _SHOWN else f'"{value[:_SHOWN]}…"'
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case list():
            return "a list"
        case datetime() | date() | time():
            return "a date or time"
        case _:
            return "a table"
