"""YAML with the line of everything: what the importers of Compose and process-compose read.

Scalars stay text, as they were written: whether `yes` or `1.10` is a truth value, a number or a text is for the key
that they stand at. Anchors are followed and bounded. Knows YAML, no key of any tool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from launcher.importers.base import Notes

#: What the anchors of one file may expand to, in nodes, and how deeply nodes may nest.
MOST_NODES = 50_000
DEEPEST = 60

#: How much of a broken line an error shows.
_SHOWN = 80

_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_FLOAT = re.compile(r"[-+]?\d+\.\d*\Z", re.ASCII)
_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})


class Node(Struct, frozen=True, kw_only=True):
    """One value of the file: a scalar's text, a list's items, or a mapping's values by key."""

    line: int
    text: str | None = None
    items: tuple[Node, ...] | None = None
    keys: dict[str, Node] | None = None
    #: Where each key stands, which may be above its value.
    lines: dict[str, int] = {}
    #: Without quotes, and nothing or a truth value to YAML.
    is_null: bool = False
    is_bool: bool = False
    is_plain: bool = False

    @property
    def is_scalar(self) -> bool:
        return self.text is not None and not self.is_null

    @property
    def truth(self) -> bool | None:
        """True or false, if it is one of the two."""
        word = (self.text or "").lower()
        return True if word in _TRUE else False if word in _FALSE else None

    @property
    def string(self) -> str:
        """The scalar as Go's YAML hands it to a key that takes text: `True` is `true`, `1.10` is `1.1`."""
        text = self.text or ""
        if self.is_bool and text.lower() in ("true", "false"):
            return text.lower()
        if self.is_plain and _FLOAT.match(text):
            return repr(float(text)).removesuffix(".0")
        return text

    def pairs(self) -> Iterator[tuple[str, int, Node]]:
        """Key, the key's line, value; nothing where this is no mapping."""
        for key, node in (self.keys or {}).items():
            yield key, self.lines[key], node

    def get(self, *path: str) -> Node | None:
        """What stands at `path` below this; None where nothing does, or null."""
        node: Node | None = self
        for key in path:
            node = (node.keys or {}).get(key) if node is not None else None
        return None if node is None or node.is_null else node


def read_yaml(text: str, notes: Notes) -> Node:
    """The first document of the text; raises ImportSyntax."""
    import yaml  # noqa: PLC0415  (20 ms that a Procfile need not wait for)

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        lines = text.rstrip().splitlines()
        line = min(mark.line + 1 if mark else 1, len(lines))
        shown = f": {lines[line - 1].strip()[:_SHOWN]}" if lines else ""
        raise notes.wrong(line, f"{error.problem or error.context or 'broken YAML'}{shown}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise notes.wrong(line, f"character #x{ord(text[error.position]):x} is not allowed in YAML") from None
    except RecursionError:
        raise notes.wrong(1, f"nested more than {DEEPEST} levels deep") from None
    if root is None:
        return Node(line=1, keys={})
    return _Reader(notes).node(root, 0)


class _Reader:
    """Turns PyYAML's nodes into ours, counting them."""

    __slots__ = ("_count", "_notes")

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._count = 0

    def node(self, node: Any, depth: int) -> Node:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MOST_NODES:
            raise self._notes.wrong(line, f"its anchors expand to more than {MOST_NODES} values")
        if depth > DEEPEST:
            raise self._notes.wrong(line, f"nested more than {DEEPEST} levels deep")
        if node.tag.startswith("!"):
            self._notes.lose(line, f"the tag {node.tag} is not followed, its value is taken as it is")
        if node.id == "sequence":
            return Node(line=line, items=tuple(self.node(item, depth + 1) for item in node.value))
        if node.id == "mapping":
            return self.mapping(node, line, depth)
        is_plain = node.style is None
        return Node(
            line=line,
            text=node.value,
            is_null=is_plain and node.tag == _NULL,
            is_bool=is_plain and node.tag == _BOOL,
            is_plain=is_plain,
        )

    def mapping(self, node: Any, line: int, depth: int) -> Node:
        keys: dict[str, Node] = {}
        lines: dict[str, int] = {}
        merged: list[Node] = []
        for key, value in node.value:
            at = key.start_mark.line + 1
            if key.id != "scalar":
                raise self._notes.wrong(at, "a key is a text")
            if key.tag == _MERGE:
                inner = self.node(value, depth + 1)
                merged += [inner] if inner.items is None else inner.items
            elif key.value in keys:
                raise self._notes.wrong(at, f"`{key.value}` stands twice, first in line {lines[key.value]}")
            else:
                keys[key.value] = self.node(value, depth + 1)
                lines[key.value] = at
        for other in merged:
            for name, at, inner in other.pairs():
                keys.setdefault(name, inner)
                lines.setdefault(name, at)
        return Node(line=line, keys=keys, lines=lines)
