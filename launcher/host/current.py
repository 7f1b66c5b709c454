"""Whose code is running: the one variable by which everything in a shared process is told apart.

A context variable, so tasks inherit it by themselves; that threads do, too, is the business of `threads`.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class Start(str):
    """A component's name, as its code has it in one of its starts: the same name, with a key of the start's own."""

    __slots__ = ("key",)

    key: str

    def __new__(cls, name: str, generation: int) -> Self:
        """The same key for the same start, however often it is made."""
        made = super().__new__(cls, name)
        made.key = f"{name}#{generation}"
        return made


#: The name of the component whose code runs here; None for the host's own.
component: ContextVar[str | None] = ContextVar("component", default=None)


class Entered:
    """A block that runs as the code of one component; a generator in its place costs more than twice as much."""

    __slots__ = ("_name", "_token")

    def __init__(self, name: str | None) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._token = component.set(self._name)

    def __exit__(self, *_error: object) -> None:
        component.reset(self._token)


def entered(name: str | None) -> Entered:
    """Run the block as this component's code; None leaves every component."""
    return Entered(name)
