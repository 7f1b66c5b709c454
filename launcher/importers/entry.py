"""A service of a YAML file while it is being read: what all formats have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct, field

from launcher.importers.base import Notes, Source
from launcher.importers.values import Reader
from launcher.importers.yaml_nodes import Node


class Entry(Struct, kw_only=True):
    """Its node, what the profile gets of it (`values`), and whether it is started unasked."""

    #: The table of the file in which it stands.
    table: ClassVar[str] = ""

    name: str
    line: int
    node: Node
    source: Source
    reader: Reader
    is_task: bool
    values: dict[str, Any] = field(default_factory=dict)
    is_selected: bool = True

    @property
    def notes(self) -> Notes:
        return self.reader.notes

    def where(self, key: str) -> str:
        return f"{self.table}.{self.name}.{key}"

    def lose(self, line: int, key: str, why: str = "has no counterpart in a profile") -> None:
        self.notes.lose(line, f"{self.where(key)}: {why}")

    def inner(self, key: str) -> dict[str, Any]:
        """A table within the service, made when it is first needed."""
        table: dict[str, Any] = self.values.setdefault(key, {})
        return table
