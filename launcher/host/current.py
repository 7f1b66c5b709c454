"""Whose code is running: the one variable by which everything in a shared process is told apart.

A context variable, so tasks inherit it by themselves; that threads do, too, is the business of `threads`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The name of the component whose code runs here; None for the host's own.
component: ContextVar[str | None] = ContextVar("component", default=None)


@contextmanager
def entered(name: str | None) -> Iterator[None]:
    """Run the block as this component's code; None leaves every component."""
    token = component.set(name)
    try:
        yield
    finally:
        component.reset(token)
