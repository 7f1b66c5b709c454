"""Commands that their tool splits into words without a shell, written so that the process gets the same words here.

A list where nothing has to be put in; a plain string where it reads the same; a string for the shell, quoted, where a
variable is to be put in. Knows text only.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from msgspec import Struct

from launcher.importers.dollars import Pieces, Variable, shell_variable
from launcher.profile.interpolate import references

#: A first word that a shell takes for something else than a program.
_SHELLS_OWN = frozenset(
    """
    . : [ [[ ! { } alias bg break case cd command continue coproc do done echo elif else esac eval exec exit export fc
    fg fi for function getopts hash if in jobs kill local printf pwd read readonly return select set shift source test
    then time times trap type ulimit umask unalias unset until wait while
    """.split()  # noqa: SIM905  (a page of quotes is harder to read and to extend)
)


class Part(Struct, frozen=True):
    """A piece of a word, and whether a value put in its place may be split into more words."""

    piece: str | Variable
    is_quoted: bool


Word = tuple[Part, ...]


class Unsplittable(ValueError):
    """A quote that is not closed, or a backslash at the end."""


def split(pieces: Pieces) -> list[Word]:
    """Split as `shlex.split` does; variables go along. Raises Unsplittable."""
    return _Splitter().words(pieces)


def whole(pieces: Pieces) -> Word:
    """One word, whatever is in it: an item of a list."""
    return tuple(Part(piece, is_quoted=True) for piece in pieces) or (Part("", is_quoted=True),)


def command_of(words: Iterable[Word]) -> str | list[str]:
    """The words as a profile's `command`."""
    words = list(words)
    if all(isinstance(part.piece, str) for word in words for part in word):
        plain = ["".join(str(part.piece) for part in word) for word in words]
        if not any(references(text, command=True) for text in plain):
            return " ".join(plain) if _reads_the_same(plain) else plain
    return " ".join(map(_quoted, words))


def _reads_the_same(words: list[str]) -> bool:
    """Whether a shell would make the same words of them without any quotes."""
    return (
        bool(words)
        and words == [shlex.quote(word) for word in words]
        and not ("=" in words[0] or words[0] in _SHELLS_OWN)
    )


def _quoted(word: Word) -> str:
    """A word as the shell has to see it."""
    shown = ""
    text = ""
    for part in word:
        if isinstance(part.piece, str):
            text += part.piece
            continue
        shown += _quote(text) if text else ""
        text = ""
        written = shell_variable(part.piece, is_quoted=part.is_quoted)
        shown += f'"{written}"' if part.is_quoted else written
    return shown + (_quote(text) if text or not shown else "")


def _quote(text: str) -> str:
    """Quoted for the shell; what launcher would take for a reference of its own is broken up by the quotes."""
    return shlex.quote(text).replace("${", "$''{") if references(text, command=True) else shlex.quote(text)


class _Splitter:
    """Reads pieces from left to right, letter by letter."""

    def __init__(self) -> None:
        self._words: list[Word] = []
        self._word: list[Part] = []
        self._is_open = False
        self._quote = ""
        self._is_escaped = False

    def words(self, pieces: Pieces) -> list[Word]:
        for piece in pieces:
            if isinstance(piece, Variable):
                if self._is_escaped and self._quote:  # outside of quotes the value's first letter takes it away
                    self._add("\\")
                self._is_escaped = False
                self._add(piece)
            else:
                for letter in piece:
                    self._letter(letter)
        if self._quote or self._is_escaped:
            raise Unsplittable("a quote is not closed" if self._quote else "it ends in a backslash")
        self._end()
        return self._words

    def _letter(self, letter: str) -> None:
        if self._is_escaped:
            if self._quote and letter not in '"\\':
                self._add("\\")
            self._is_escaped = False
            self._add(letter)
        elif letter == "\\" and self._quote != "'":
            self._is_escaped = True
        elif letter == self._quote:
            self._quote = ""
        elif self._quote:
            self._add(letter)
        elif letter in "'\"":
            self._quote = letter
            self._is_open = True
        elif letter in " \t\r\n":
            self._end()
        else:
            self._add(letter)

    def _add(self, piece: str | Variable) -> None:
        self._is_open = True
        last = self._word[-1] if self._word else None
        if isinstance(piece, str) and last is not None and isinstance(last.piece, str):
            self._word[-1] = Part(last.piece + piece, is_quoted=True)
        else:
            self._word.append(Part(piece, is_quoted=isinstance(piece, str) or bool(self._quote)))

    def _end(self) -> None:
        if self._is_open:
            self._words.append(tuple(self._word) or (Part("", is_quoted=True),))
        self._word, self._is_open = [], False
