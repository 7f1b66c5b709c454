"""The typed model seen as keys: what each takes, in which form, with which default.

The decoder, the JSON Schema and `docs/profile.md` all walk these. Knows the model's structs and nothing of values.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct


class Shape(StrEnum):
    """How a key's value is read."""

    LEAF = "leaf"
    DURATION = "duration"
    SIZE = "size"
    TABLE = "table"
    #: Tables of one struct under names of the user's.
    TABLES = "tables"
    #: Texts under names of the user's: an environment, headers.
    TEXTS = "texts"


class Key(Struct, frozen=True, kw_only=True):
    """One key of one struct."""

    name: str
    shape: Shape
    #: What the value is converted to, limits included.
    type: Any
    #: The struct of a TABLE, or of each of TABLES.
    struct: type[Struct] | None = None
    default: Any = None
    unit: str = ""
    description: str = ""


@cache
def keys_of(struct: type[Struct]) -> dict[str, Key]:
    """The keys of a struct by name, in the order of the model."""
    return {field.encode_name: _key(field) for field in msgspec.structs.fields(struct)}


def choices(kind: Any) -> list[str]:
    """The words that a type allows, if it allows words only from a list."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [word for inner in alternatives(kind) if inner is not kind for word in choices(inner)]


def alternatives(kind: Any) -> list[Any]:
    """The types that a union allows, None and annotations taken off."""
    if get_origin(kind) is Annotated:
        return alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [inner for part in get_args(kind) if part is not NoneType for inner in alternatives(part)]
    return [kind]


def describe(key: Key) -> str:
    """What a key takes, in words: `a whole number or "auto"`."""
    return " or ".join(dict.fromkeys(_describe(kind, key.shape) for kind in alternatives(key.type)))


def _key(field: msgspec.structs.FieldInfo) -> Key:
    notes = _notes(field.type)
    extra = {name: value for note in notes for name, value in (note.extra or {}).items()}
    shape, struct = _shape(field.type, extra)
    factory = field.default_factory
    default = field.default if factory is msgspec.NODEFAULT else factory()
    return Key(
        name=field.encode_name,
        shape=shape,
        type=field.type,
        struct=struct,
        default=None if default is msgspec.NODEFAULT else default,
        unit=str(extra.get("unit", "")),
        description=next((note.description for note in reversed(notes) if note.description), ""),
    )


def _shape(kind: Any, extra: dict[str, Any]) -> tuple[Shape, type[Struct] | None]:
    if extra.get("duration"):
        return Shape.DURATION, None
    if extra.get("size"):
        return Shape.SIZE, None
    for inner in alternatives(kind):
        if isinstance(inner, type) and issubclass(inner, Struct):
            return Shape.TABLE, inner
        if get_origin(inner) is dict:
            item = get_args(inner)[1]
            return (Shape.TEXTS, None) if item is str else (Shape.TABLES, item)
    return Shape.LEAF, None


def _notes(kind: Any) -> list[Meta]:
    """All annotations of a type, inner ones first."""
    if get_origin(kind) is Annotated:
        inner, *notes = get_args(kind)
        return _notes(inner) + [note for note in notes if isinstance(note, Meta)]
    if get_origin(kind) in (Union, UnionType):
        return [note for part in get_args(kind) for note in _notes(part)]
    return []


_WORDS: dict[Any, str] = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _any_of(words: list[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _describe(kind: Any, shape: Shape) -> str:
    if words := choices(kind):
        return ("one of " if len(words) > 1 else "") + _any_of(words)
    if kind is float and shape is Shape.DURATION:
        return "a duration"
    if kind is int and shape is Shape.SIZE:
        return "a size"
    if kind in _WORDS:
        return _WORDS[kind]
    origin = get_origin(kind)
    if origin is list:
        item = get_args(kind)[0]
        words = choices(item)
        return "a list of " + (_any_of(words) or {str: "texts", int: "whole numbers"}[item])
    return "a table of texts" if shape is Shape.TEXTS else "a table"
