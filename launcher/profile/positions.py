"""The line and column of every key of a TOML text, since TOML readers give none.

Scans text that `tomllib` has accepted: it finds where keys stand and skips over values, and checks nothing. Knows
TOML's grammar and nothing of profiles.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

from launcher.profile.origins import Path

#: Counted from 1, columns in characters.
Position = tuple[int, int]

_BLANK = re.compile(r"[ \t]*")
#: Space, line ends and comments: what may stand between statements and between the items of a list.
_GAP = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
#: Numbers, words and dates, which may hold a space.
_PLAIN = re.compile(r"[^,\]}#\n]*")


def positions(text: str) -> dict[Path, Position]:
    """Where each key path of `text` is written; list items stand under their place, from 0.

    A table that is only implied (`a` in `[a.b]`) stands where its name is first seen, one with a header at its header.
    """
    return _Scanner(text.replace("\r\n", "\n")).document()


def read_key(text: str) -> tuple[tuple[str, ...], int]:
    """The dotted key that `text` begins with, and where it ends; raises ValueError if there is none."""
    scanner = _Scanner(text)
    parts = scanner.key()
    return tuple(name for name, _ in parts), scanner.at


class _Scanner:
    __slots__ = ("_found", "_last", "_lines", "_text", "at")

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self._lines = [0, *(mark.end() for mark in re.finditer("\n", text))]
        self._found: dict[Path, Position] = {}
        #: The index of the latest table of each array of tables.
        self._last: dict[Path, int] = {}

    def document(self) -> dict[Path, Position]:
        table: Path = ()
        while self.gap() < len(self._text):
            if self._text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
        return self._found

    def header(self) -> Path:
        array = self._text.startswith("[[", self.at)
        self.at += 2 if array else 1
        parts = self.key()
        self.at += 2 if array else 1
        table: Path = ()
        for name, start in parts[:-1]:
            table = self.inner((*table, name), start)
        name, start = parts[-1]
        table = (*table, name)
        if not array:
            self._found[table] = self.position(start)
            return table
        self._found.setdefault(table, self.position(start))
        self._last[table] = self._last.get(table, -1) + 1
        table = (*table, self._last[table])
        self._found[table] = self.position(start)
        return table

    def inner(self, table: Path, start: int) -> Path:
        """A table passed on the way to another; of an array of tables, its latest."""
        self._found.setdefault(table, self.position(start))
        return (*table, self._last[table]) if table in self._last else table

    def pair(self, table: Path) -> None:
        parts = self.key()
        path = table
        for name, start in parts:
            path = (*path, name)
            self._found.setdefault(path, self.position(start))
        self.at += 1  # the equals sign
        self.value(path)

    def key(self) -> list[tuple[str, int]]:
        """Read a dotted key and the blanks around it: each part with where it starts."""
        parts: list[tuple[str, int]] = []
        while True:
            start = self.blank()
            parts.append((self.part(), start))
            self.blank()
            if not self._text.startswith(".", self.at):
                return parts
            self.at += 1

    def part(self) -> str:
        if bare := _BARE_KEY.match(self._text, self.at):
            self.at = bare.end()
            return bare[0]
        quoted = _STRING.match(self._text, self.at)
        if quoted is None:
            raise ValueError("a key is missing")
        self.at = quoted.end()
        raw = quoted[0]
        if raw[0] == '"' and "\\" in raw:
            return str(tomllib.loads(f"key = {raw}")["key"])
        return raw[1:-1]

    def value(self, path: Path) -> None:
        self.blank()
        if string := _STRING.match(self._text, self.at):
            self.at = string.end()
        elif self._text.startswith("[", self.at):
            self.items(path)
        elif self._text.startswith("{", self.at):
            self.inline(path)
        else:
            self.at = self.match_end(_PLAIN)

    def items(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.until("]"):
            self._found[(*path, index)] = self.position(self.at)
            self.value((*path, index))
            index += 1

    def inline(self, path: Path) -> None:
        self.at += 1
        while self.until("}"):
            self.pair(path)

    def until(self, closing: str) -> bool:
        """Go to the next item of a list or inline table; False when it was the last, and its bracket is passed."""
        self.gap()
        if self._text.startswith(",", self.at):
            self.at += 1
            self.gap()
        if self.at < len(self._text) and self._text[self.at] != closing:
            return True
        self.at += 1
        return False

    def blank(self) -> int:
        self.at = self.match_end(_BLANK)
        return self.at

    def gap(self) -> int:
        self.at = self.match_end(_GAP)
        return self.at

    def match_end(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self.at)
        return found.end() if found else self.at

    def position(self, offset: int) -> Position:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1
