"""Compose's `$VAR`, `${VAR:-default}` and `$$`, taken apart and written as a profile's templates or for the shell.

Knows text only. Compose's operators are a part of the shell's; a profile has `:-` and `:?` of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from launcher.importers.base import literal

_OPENING = re.compile(r"\$(?:(?P<escaped>\$)|(?P<named>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*))")
_OPERATOR = re.compile(r":-|:\?|:\+|-|\?|\+")

#: What says that a text cannot be taken over quite: called with a sentence.
Tell = Callable[[str], None]


class Variable(Struct, frozen=True):
    """A reference to a variable, with the shell's operator and what stands behind it."""

    name: str
    operator: str = ""
    rest: tuple[str | Variable, ...] = ()


Pieces = tuple[str | Variable, ...]


class Malformed(ValueError):
    """The text has a `${` that is no reference."""


def take_apart(text: str) -> Pieces:
    """A text of Compose as literal pieces, `$$` resolved, and variables; raises Malformed."""
    pieces: list[str | Variable] = []
    at = 0
    while match := _OPENING.search(text, at):
        pieces.append(text[at : match.start()])
        at = match.end()
        if match["escaped"]:
            pieces.append("$")
        elif match["named"]:
            pieces.append(Variable(match["named"]))
        else:
            variable, at = _braced(text, match)
            pieces.append(variable)
    pieces.append(text[at:])
    return tuple(piece for piece in pieces if piece != "")


def as_template(pieces: Pieces, tell: Tell) -> str | None:
    """The text as a value of a profile; None, and told, where it cannot be said."""
    written = []
    for piece in pieces:
        if isinstance(piece, str):
            written.append(literal(piece))
            continue
        if "+" in piece.operator:
            tell(f"${{{piece.name}{piece.operator}…}} has no counterpart in a profile")
            return None
        if piece.operator in ("-", "?"):
            tell(f"${{{piece.name}{piece.operator}…}} acts on an empty variable too, as {piece.name}:{piece.operator}")
        operator = f":{piece.operator[-1]}" if piece.operator else ""
        rest = as_template(piece.rest, tell) if operator == ":-" else default_of(piece.rest)
        if rest is None:
            return None
        written.append(f"${{{piece.name}{operator}{rest}}}")
    return "".join(written)


def in_shell_code(text: str) -> str:
    """A text of Compose that is a shell's program: what is put in for a variable, the shell finds by itself."""
    return text.replace("$$", "$")


def shell_variable(variable: Variable, *, is_quoted: bool = True) -> str:
    """The reference in the shell's own words, to stand within double quotes or outside of any."""
    special = '\\"`$' if is_quoted else "\\\"`$'"
    rest = "".join(
        "".join(f"\\{letter}" if letter in special else letter for letter in piece)
        if isinstance(piece, str)
        else shell_variable(piece, is_quoted=is_quoted)
        for piece in variable.rest
    )
    return f"${{{variable.name}{variable.operator}{rest}}}"


def default_of(pieces: Pieces) -> str:
    """The text with every variable at its default, or empty."""
    return "".join(
        piece if isinstance(piece, str) else default_of(piece.rest) if "-" in piece.operator else "" for piece in pieces
    )


def _braced(text: str, match: re.Match[str]) -> tuple[Variable, int]:
    """The reference whose `${NAME` was matched, and where the text goes on behind its brace."""
    at, depth = match.end(), 1
    while at < len(text) and depth:
        if text.startswith("${", at):
            depth, at = depth + 1, at + 2
            continue
        depth -= text[at] == "}"
        at += 1
    if depth:
        raise Malformed(f"{text[match.start() :]}: has no closing brace")
    inside = text[match.end() : at - 1]
    operator = _OPERATOR.match(inside)
    if inside and operator is None:
        raise Malformed(f"{text[match.start() : at]} is no reference")
    rest = take_apart(inside[operator.end() :]) if operator else ()
    return Variable(match["braced"], operator[0] if operator else "", rest), at
