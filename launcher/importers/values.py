"""Values as other tools write them: texts with variables, words, durations, sizes, signals.

What cannot be read is noted with its line and given as None. Knows no key.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from launcher.errors import WrongType
from launcher.importers.base import Notes
from launcher.importers.dollars import Malformed, Pieces, Variable, as_template, in_shell_code, take_apart
from launcher.importers.words import Unsplittable, Word, split, whole
from launcher.importers.yaml_nodes import Node
from launcher.profile.durations import parse_duration
from launcher.profile.sizes import parse_size

#: Linux numbers of the signals that people write as numbers.
_SIGNALS = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM"}

#: Where nothing is said: a profile's gate waits so many seconds, and all three tools fail after so many checks.
_READY_TIMEOUT, _RETRIES = 60.0, 3


class Reader(Struct, frozen=True):
    """Reads texts in which `$` puts in variables; tells what cannot be read."""

    notes: Notes
    #: False: every dollar sign stands for itself.
    has_variables: bool = True

    def pieces(self, where: str, line: int, text: str) -> Pieces:
        if not self.has_variables:
            return (text,) if text else ()
        try:
            return take_apart(text)
        except Malformed as error:
            raise self.notes.wrong(line, f"{where}: {error}") from None

    def template(self, where: str, line: int, text: str) -> str | None:
        """A text as a profile's template."""
        lost: list[str] = []
        written = as_template(self.pieces(where, line, text), lost.append)
        for sentence in lost:
            (self.notes.lose if written is None else self.notes.change)(line, f"{where}: {sentence}")
        return written

    def fixed(self, where: str, line: int, text: str) -> str | None:
        """A text that a profile takes without variables."""
        pieces = self.pieces(where, line, text)
        if any(isinstance(piece, Variable) for piece in pieces):
            self.notes.lose(line, f"{where}: {text}: a profile takes no variables there")
            return None
        return "".join(str(piece) for piece in pieces)

    def words(self, where: str, node: Node) -> list[Word]:
        """The words of a command: a text is split without a shell, the items of a list are words."""
        expect(self.notes, where, node, "text", "texts")
        if node.items is not None:
            return [whole(self.pieces(where, item.line, item.string)) for item in node.items]
        try:
            return split(self.pieces(where, node.line, node.string))
        except Unsplittable as error:
            raise self.notes.wrong(node.line, f"{where}: {error}: {(node.text or '').strip()}") from None

    def shell(self, where: str, node: Node) -> str:
        """A command for the shell."""
        text = in_shell_code(node.string) if self.has_variables else node.string
        return self.notes.shell(node.line, where, text.strip("\n"))


def expect(notes: Notes, where: str, node: Node, *kinds: str) -> None:
    """Raise ImportSyntax unless the value is of one of these kinds: text, texts, map, list."""
    kind = "text"
    if node.keys is not None:
        kind = "map"
    elif node.items is not None:
        kind = "texts" if all(item.text is not None for item in node.items) else "list"
    if kind not in kinds and not (kind == "texts" and "list" in kinds):
        words = {"text": "a text", "texts": "a list of texts", "map": "a mapping", "list": "a list"}
        raise notes.wrong(node.line, f"{where}: expected {' or '.join(words[one] for one in kinds)}, got {words[kind]}")


def gate_deadline(health: dict[str, Any]) -> float | None:
    """How long the other tool waits for a first success, if that is longer than a profile's gate does by itself."""
    longest = parse_duration(health.get("start_period", 0)) + health.get("retries", _RETRIES) * (
        parse_duration(health["interval"])
    )
    return longest if longest > _READY_TIMEOUT else None


def duration(notes: Notes, where: str, node: Node) -> str | float | None:
    """A duration as it is written, if a profile takes it so: a bare number stays one."""
    text = node.string
    try:
        seconds = parse_duration(text)
    except WrongType:
        notes.lose(node.line, f"{where}: {text or 'its value'} is no duration that a profile takes")
        return None
    if node.is_plain and text.replace(".", "", 1).isdecimal():
        return seconds
    return text.strip()


def size(notes: Notes, where: str, node: Node) -> str | int | None:
    """A size as it is written, if a profile takes it so."""
    text = node.string
    try:
        number = parse_size(int(text) if text.isdecimal() else text)
    except WrongType:
        notes.lose(node.line, f"{where}: {text or 'its value'} is no size that a profile takes")
        return None
    return number if text.isdecimal() else text


def whole_number(notes: Notes, where: str, node: Node) -> int | None:
    """A whole number from 0."""
    if node.string.isdecimal():
        return int(node.string)
    notes.lose(node.line, f"{where}: {node.string or 'its value'} is no whole number")
    return None


def signal_name(text: str) -> str:
    """`SIGTERM`, `term` and `15` as a profile names it."""
    return _SIGNALS.get(text) or text.upper().removeprefix("SIG")
