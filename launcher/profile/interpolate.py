"""Interpolation: what `${…}` and `$$` mean in the strings of a profile.

Outside commands `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$` mean what they mean in Compose, with one
difference: a plain `${NAME}` that is nowhere set is an error, where Compose warns and puts nothing. Inside commands
they are the shell's. The dotted `${services.api.url}`, `${profile.name}` and `${socket.fd}` are ours everywhere: no
shell name has a dot.

Pure text: what a name stands for is given by the caller, so this module knows neither environment nor plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from launcher.errors import BadReference, VariableUnset

# Compiled where they are first used, which re remembers: most texts have no reference, and five cost a start 1 ms.
#: In a command other dotted names stay too: `-Dlog='${sys.home}'` is somebody else's template.
_IN_COMMAND = r"\$\$|\$\{((?:services|profile|socket)(?:\.[A-Za-z0-9_-]+)+)\}"
_OUTSIDE = r"\$\$|\$\{"
_INSIDE = r"\$\$|\$\{|\}"
_DOTTED = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+(?=\})"
_VARIABLE = r"([A-Za-z_][A-Za-z0-9_]*)(\}|:-|:\?)"
#: How much of a malformed text an error shows.
_SHOWN = 40


class ReferenceKind(StrEnum):
    """What a `${…}` names: a variable of the environment, or something of the plan."""

    VARIABLE = "variable"
    DOTTED = "dotted"


class Reference(Struct, frozen=True):
    """One `${…}` found in a text. It is required if nothing in the text stands in for a name that is not there."""

    kind: ReferenceKind
    name: str
    required: bool = True


def expand(text: str, *, variables: Mapping[str, str] | None, dotted: Callable[[str], str]) -> str:
    """Put values in place of references; what they expand to is not looked at again.

    `variables` None means that `text` is a command: only dotted names are touched, all else stays byte for byte.
    Otherwise `:-` and `:?` act on an empty variable as on an unset one; a default may hold references of its own, which
    are followed only when it is used. Raises VariableUnset, BadReference for a malformed `${`, and what `dotted` does.
    """
    if "$" not in text:
        return text
    if variables is None:
        return re.sub(_IN_COMMAND, lambda match: dotted(match[1]) if match[1] else match[0], text)
    return _evaluate(parse(text), variables, dotted)


def references(text: str, *, command: bool = False) -> list[Reference]:
    """All references in `text`, in order, those in defaults included; raises BadReference as `expand` does."""
    if "$" not in text:
        return []
    if command:
        return [Reference(ReferenceKind.DOTTED, name) for name in re.findall(_IN_COMMAND, text) if name]
    return list(_walk(parse(text), required=True))


class Variable(Struct, frozen=True):
    """`${NAME}`, with what stands in for it when it is empty, or what is said then."""

    name: str
    default: tuple[Part, ...] | None = None
    message: str | None = None


class Dotted(Struct, frozen=True):
    """`${services.api.url}`."""

    name: str


Part = str | Variable | Dotted


def parse(text: str) -> tuple[Part, ...]:
    """Take a text outside of commands apart; raises BadReference."""
    return _Reader(text).parts(_OUTSIDE)


class _Reader:
    """Reads a text from left to right; `at` is where it has come to."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def parts(self, marks: str) -> tuple[Part, ...]:
        """Read up to the end, or, inside a default or message, up to the brace that closes it."""
        found: list[Part] = []
        opened = self.at
        while mark := re.compile(marks).search(self.text, self.at):
            if mark.start() > self.at:
                found.append(self.text[self.at : mark.start()])
            self.at = mark.end()
            if mark[0] == "}":
                return tuple(found)
            found.append("$" if mark[0] == "$$" else self.reference(mark.start()))
        if marks == _INSIDE:
            raise self.malformed(self.text.rfind("${", 0, opened), "has no closing brace")
        found.append(self.text[self.at :])
        return tuple(found)

    def reference(self, start: int) -> Part:
        """Read the reference whose `${` was just read, up to and with its closing brace."""
        if dotted := re.compile(_DOTTED).match(self.text, self.at):
            self.at = dotted.end() + 1
            return Dotted(dotted[0])
        variable = re.compile(_VARIABLE).match(self.text, self.at)
        if variable is None:
            raise self.malformed(start, "is no reference")
        name, operator = variable[1], variable[2]
        self.at = begin = variable.end()
        if operator == "}":
            return Variable(name)
        inner = self.parts(_INSIDE)
        if operator == ":-":
            return Variable(name, default=inner)
        return Variable(name, message=self.text[begin : self.at - 1])

    def malformed(self, start: int, what: str) -> BadReference:
        shown = self.text[start : start + _SHOWN]
        if len(self.text) > start + _SHOWN:
            shown += "…"
        return BadReference(
            f'"{shown}" {what}',
            remedy="Write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${services.NAME.url}; "
            "$$ stands for a dollar sign.",
        )


def _evaluate(parts: tuple[Part, ...], variables: Mapping[str, str], dotted: Callable[[str], str]) -> str:
    done: list[str] = []
    for part in parts:
        if isinstance(part, str):
            done.append(part)
        elif isinstance(part, Dotted):
            done.append(dotted(part.name))
        else:
            done.append(_value(part, variables, dotted))
    return "".join(done)


def _value(wanted: Variable, variables: Mapping[str, str], dotted: Callable[[str], str]) -> str:
    value = variables.get(wanted.name)
    if value or (value is not None and wanted.default is None and wanted.message is None):
        return value
    if wanted.default is not None:
        return _evaluate(wanted.default, variables, dotted)
    found = f"variable {wanted.name} is {'not set' if value is None else 'empty'}"
    raise VariableUnset(f"{found}: {wanted.message}" if wanted.message else found)


def _walk(parts: tuple[Part, ...], *, required: bool) -> Iterator[Reference]:
    for part in parts:
        if isinstance(part, Dotted):
            # In an unused default too, a name of the plan must be one that exists: that can be told beforehand.
            yield Reference(ReferenceKind.DOTTED, part.name)
        elif isinstance(part, Variable):
            yield Reference(ReferenceKind.VARIABLE, part.name, required and part.default is None)
            yield from _walk(part.default or (), required=False)
