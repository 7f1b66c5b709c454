"""How a function of the standard library is replaced, and put back.

A replacement says what it knows of the original, so that a Python whose standard library differs is refused in one
sentence when the host starts, and not found out by a component later. Must not know what the replacements do.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

#: Where a builtin has no signature to look at, these are the versions whose source was read.
READ_VERSIONS = ((3, 11), (3, 12), (3, 13))


class CannotReplace(Exception):
    """The standard library is not the one that a replacement was written for: one sentence."""


class Replacement(NamedTuple):
    """What shall stand in the place of `holder.name`."""

    holder: ModuleType | type
    name: str
    #: From the original to what stands in its place.
    wrap: Callable[[Any], Any]
    #: The positions of the parameters by which the replacement goes, with their names.
    takes: tuple[tuple[int, str], ...] = ()


class Applied(NamedTuple):
    """A replacement that stands."""

    replacement: Replacement
    original: Any
    standing: Any
    #: Whether the holder itself had it, and did not inherit it from its base class.
    was_own: bool


def apply(replacements: Iterable[Replacement]) -> list[Applied]:
    """Replace all of them, or none: raises CannotReplace when one cannot be."""
    replacements = list(replacements)
    for replacement in replacements:
        check(replacement)
    applied = []
    for replacement in replacements:
        original = getattr(replacement.holder, replacement.name)
        standing = replacement.wrap(original)
        was_own = replacement.name in vars(replacement.holder)
        setattr(replacement.holder, replacement.name, standing)
        applied.append(Applied(replacement, original, standing, was_own))
    return applied


def undo(applied: Iterable[Applied]) -> None:
    """Put the originals back, the last one first.

    Where somebody has put something of their own over ours meanwhile, theirs stays: it calls ours, and taking it away
    would undo what is not ours to undo.
    """
    for (holder, name, *_), original, standing, was_own in reversed(list(applied)):
        if vars(holder).get(name) is not standing:
            continue
        if was_own:
            setattr(holder, name, original)
        else:
            delattr(holder, name)


def check(replacement: Replacement) -> None:
    """Raise CannotReplace unless the original is what the replacement was written for."""
    holder, name = replacement.holder, replacement.name
    original = getattr(holder, name, None)
    if not callable(original):
        raise CannotReplace(f"{_python()} has no {holder.__name__}.{name}, which components are kept apart by")
    try:
        parameters = list(inspect.signature(original).parameters)
    except (TypeError, ValueError):
        if replacement.takes and sys.version_info[:2] not in READ_VERSIONS:
            raise CannotReplace(f"what {holder.__name__}.{name} takes in {_python()} is not known") from None
        return
    for position, parameter in replacement.takes:
        if parameters[position : position + 1] != [parameter]:
            raise CannotReplace(f'{holder.__name__}.{name} of {_python()} takes no "{parameter}" at {position}')


def _python() -> str:
    return f"Python {sys.version_info.major}.{sys.version_info.minor}"
