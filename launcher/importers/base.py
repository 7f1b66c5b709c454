"""What every importer takes and yields: the text of one file in, the values of a profile and what was lost out.

An importer is a module with `recognises(name, text)` and `read(source)`, found by the entry point
`launcher.importers`. It sees text only: whatever it has to know of the machine is in the `Source`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import isabs, join, normpath
from typing import Any, Protocol

from msgspec import Struct, field

from launcher.errors import Caution, ImportSyntax, MeansSomethingElse, NotCarriedOver
from launcher.profile.interpolate import references

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


class Source(Struct, frozen=True, kw_only=True):
    """A file to import."""

    text: str
    #: As people name it; every loss says `place:line`.
    place: str
    #: The file's folder, relative to the project where it lies in it: what the file's relative paths start from.
    folder: str = "."
    #: The same, absolute.
    here: str = "/"
    #: The content of the `.env` beside the file; None: there is none.
    dotenv: str | None = None


class Imported(Struct, frozen=True, kw_only=True):
    """What a profile is to say, in its own keys, shorthands allowed, and what could not be said."""

    settings: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Services that cannot run here: written as comments, below the others.
    left_out: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Comment lines, `#` included, at the head of the file, above services, and at its end. An empty one is a blank.
    head: tuple[str, ...] = ()
    above: dict[str, tuple[str, ...]] = field(default_factory=dict)
    foot: tuple[str, ...] = ()
    losses: tuple[Caution, ...] = ()


class Importer(Protocol):
    """The seam: one file format."""

    def recognises(self, name: str, text: str) -> bool:
        """Whether a file of this name and content is of this format."""
        ...

    def read(self, source: Source) -> Imported:
        """The file as values of a profile; raises ImportSyntax."""
        ...


class Notes:
    """What is lost, or means something else, each with its line; told in the order of lines."""

    __slots__ = ("_found", "place")

    def __init__(self, place: str) -> None:
        self.place = place
        self._found: list[tuple[int, Caution]] = []

    def lose(self, line: int, sentence: str) -> None:
        """Note what has no counterpart in a profile."""
        self._found.append((line, Caution(NotCarriedOver.code, sentence, where=self.at(line))))

    def change(self, line: int, sentence: str) -> None:
        """Note what was carried over and does not mean quite the same."""
        self._found.append((line, Caution(MeansSomethingElse.code, sentence, where=self.at(line))))

    def shell(self, line: int, key: str, text: str) -> str:
        """A command that goes to the shell as it is; noted if launcher would read a reference of its own in it."""
        for reference in references(text, command=True):
            self.change(line, f"{key}: launcher puts a value of its own in place of ${{{reference.name}}}")
        return text

    def wrong(self, line: int, sentence: str) -> ImportSyntax:
        """The error for a line that cannot be read."""
        return ImportSyntax(sentence, where=self.at(line))

    def at(self, line: int) -> str:
        return f"{self.place}:{line}"

    @property
    def losses(self) -> tuple[Caution, ...]:
        return tuple(caution for _, caution in sorted(self._found, key=lambda pair: pair[0]))


def literal(text: str) -> str:
    """A text as a profile's template: every dollar sign stands for itself."""
    return text.replace("$", "$$")


def below(folder: str, path: str) -> str:
    """A path of the file, from the project on; an absolute one as it is."""
    return path if isabs(path) else normpath(join(folder, path))


def named(names: Iterable[str]) -> dict[str, str]:
    """Each name as a service may be called: letters, digits, `_` and `-`; stable, and no two alike."""
    names = list(names)
    taken = {name for name in names if name and not _NOT_IN_NAMES.search(name)}
    found: dict[str, str] = {}
    for name in names:
        if name in taken:
            found[name] = name
            continue
        base = _NOT_IN_NAMES.sub("-", name).strip("-") or "service"
        wanted, number = base, 2
        while wanted in taken:
            wanted, number = f"{base}-{number}", number + 1
        taken.add(wanted)
        found[name] = wanted
    return found


def comment_above(lines: list[str], line: int, marks: str = "#") -> tuple[str, ...]:
    """The comment lines directly above a line (counted from 1), each beginning with `#`."""
    found: list[str] = []
    at = line - 2
    while at >= 0 and (text := lines[at].strip()) and text[0] in marks:
        found.append("#" + text[1:])
        at -= 1
    return tuple(reversed(found))


def comment_at_head(lines: list[str], marks: str = "#") -> tuple[str, ...]:
    """The comment that a file begins with."""
    found: list[str] = []
    for line in lines:
        text = line.strip()
        if not text or text[0] not in marks:
            break
        found.append("#" + text[1:])
    return tuple(found)
