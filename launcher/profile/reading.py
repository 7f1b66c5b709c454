"""A TOML file as a layer: what `tomllib` reads, with the place of every value, which it does not tell.

Knows the text of one file, and nothing of what its keys mean. It costs a start 4 ms, so it is imported by whoever has a
file to read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from launcher.profile.files import syntax_error
from launcher.profile.layers import expand_shorthands
from launcher.profile.origins import Leaf, Origin, Path, Table, Written
from launcher.profile.positions import Position, positions


def read_layer(text: str, place: str) -> Table:
    """One file as a layer, shorthands expanded; raises TomlSyntax."""
    try:
        data = tomllib.loads(text, parse_float=Written)
    except tomllib.TOMLDecodeError as error:
        raise syntax_error(error, text, place) from None
    return expand_shorthands(_table(data, (), positions(text), place))


def _table(data: dict[str, Any], at: Path, where: Mapping[Path, Position], place: str) -> Table:
    keys: dict[str, Leaf | Table] = {}
    for name, value in data.items():
        path = (*at, name)
        if isinstance(value, dict):
            keys[name] = _table(value, path, where, place)
        else:
            count = len(value) if isinstance(value, list) else 0
            items = tuple(_origin((*path, index), where, place) for index in range(count))
            keys[name] = Leaf(value, _origin(path, where, place), items)
    return Table(keys, _origin(at, where, place))


def _origin(path: Path, where: Mapping[Path, Position], place: str) -> Origin:
    line, column = where.get(path, (1, 1))
    return Origin(place, line, column, path)
