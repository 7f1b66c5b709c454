"""INI as supervisord reads it: the standard parser with inline comments and repeated sections, and `%(name)s`.

Each option keeps its line. Expansions become the pieces that `words` and `dollars` take: what is known is put in, an
`ENV_` name becomes a variable. Knows supervisord's grammar, none of its options.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from configparser import Error, MissingSectionHeaderError, ParsingError, RawConfigParser

from msgspec import Struct

from launcher.importers.base import Notes, literal
from launcher.importers.dollars import Pieces, Variable

_SECTION = re.compile(r"\[(.+)\]")
_OPTION = re.compile(r"([^\s=:][^=:]*?)\s*[=:]")
_EXPANSION = re.compile(r"%(?:%|\((?P<name>[^)]*)\)(?P<form>[#0 +-]*\d*(?:\.\d+)?[a-zA-Z]))?")
#: What quoting, and a shell's search for files, would change in a value.
_TOUCHED = frozenset("'\"\\*?[")
#: Stand-ins for variables while supervisord's lexer is at work: letters of nobody's alphabet.
_STANDIN = 0xE000


class Option(Struct, frozen=True):
    """A value and its line."""

    text: str
    line: int


class Section(Struct, frozen=True):
    """A section, its line, and its options by name."""

    name: str
    line: int
    options: dict[str, Option]


class Unexpandable(ValueError):
    """An expansion whose value is not known before the process runs, or that supervisord would refuse."""


def read_ini(text: str, notes: Notes) -> dict[str, Section]:
    """The sections by name; raises ImportSyntax."""
    parser = RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    try:
        parser.read_string(text)
    except MissingSectionHeaderError as error:
        raise notes.wrong(error.lineno, f"stands in no section: {error.line.strip()}") from None
    except ParsingError as error:
        line = error.errors[0][0]
        raise notes.wrong(
            line, f"neither `option = value` nor a section: {text.splitlines()[line - 1].strip()}"
        ) from None
    except Error as error:
        raise notes.wrong(1, str(error).splitlines()[0]) from None
    lines = _lines(text)
    return {
        name: Section(
            name,
            lines.get((name, ""), 1),
            {key: Option(value, lines.get((name, key), 1)) for key, value in parser.items(name)},
        )
        for name in parser.sections()
    }


def expand(text: str, known: Mapping[str, str | int]) -> Pieces:
    """A value with its `%(name)s` put in; raises Unexpandable."""
    pieces: list[str | Variable] = []
    at = 0
    for match in _EXPANSION.finditer(text):
        pieces.append(text[at : match.start()])
        at = match.end()
        name = match["name"]
        if match[0] == "%%":
            pieces.append("%")
        elif name is None:
            raise Unexpandable(f'"{text[match.start() :]}" is no expansion; a percent sign is written %%')
        elif name in known:
            try:
                pieces.append(f"%{match['form']}" % known[name])
            except (TypeError, ValueError) as error:
                raise Unexpandable(f"{match[0]}: {error}") from None
        elif name.startswith("ENV_"):
            pieces.append(Variable(name.removeprefix("ENV_")))
        else:
            raise Unexpandable(f"what {match[0]} stands for cannot be known here")
    pieces.append(text[at:])
    return tuple(piece for piece in pieces if piece != "")


def as_text(pieces: Pieces) -> str:
    """The pieces as a profile's template."""
    return "".join(literal(piece) if isinstance(piece, str) else f"${{{piece.name}}}" for piece in pieces)


def environment(pieces: Pieces) -> dict[str, str]:
    """`KEY=value,KEY2="other value"` as templates, read by supervisord's rules; raises Unexpandable."""
    variables = [piece for piece in pieces if isinstance(piece, Variable)]
    standins = {chr(_STANDIN + index): variable for index, variable in enumerate(variables)}
    letters = iter(standins)
    text = "".join(piece if isinstance(piece, str) else next(letters) for piece in pieces)
    lexer = shlex.shlex(text)
    lexer.wordchars += "/.+-():" + "".join(standins)
    try:
        tokens = list(lexer)
    except ValueError as error:
        raise Unexpandable(str(error).lower()) from None
    found: dict[str, str] = {}
    for at in range(0, len(tokens), 4):
        pair = tokens[at : at + 3]
        if len(pair) != 3 or pair[1] != "=":  # noqa: PLR2004  (key, sign, value)
            raise Unexpandable('expected KEY="value",KEY2="value"')
        value = literal(pair[2].strip("'\""))
        for letter, variable in standins.items():
            value = value.replace(letter, f"${{{variable.name}}}")
        found[pair[0]] = value
    return found


def literal_values(env: Mapping[str, str]) -> dict[str, str]:
    """As expansions, the variables whose values a split into words would not leave as they are.

    supervisord puts values in before it splits; a shell does so afterwards, which is the same for all other values.
    """
    return {
        f"ENV_{name}": text.replace("$$", "$")
        for name, text in env.items()
        if "${" not in text.replace("$$", "") and not _TOUCHED.isdisjoint(text)
    }


def _lines(text: str) -> dict[tuple[str, str], int]:
    """The line of every option, and of every section under the option ``; of what is repeated, the last."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line[0] in " \t;#":
            continue  # a continuation, a comment, nothing
        if header := _SECTION.match(line):
            section = header[1]
            found.setdefault((section, ""), number)
        elif option := _OPTION.match(line):
            found[section, option[1].lower()] = number
    return found
