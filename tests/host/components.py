"""Two components that see a variable of their own: asked for in each, and in the host, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from launcher.host.current import entered

T = TypeVar("T")

NAME = "LAUNCHER_TEST_COLOUR"
OWN = ["red", "blue", "of the process"]


def seen() -> str | None:
    """The variable, as whoever runs here sees it."""
    return os.environ.get(NAME)


def in_both(ask: Callable[[], T]) -> list[T]:
    """What `ask` answers in each component, and outside of both; in the order of `OWN`."""
    answers = []
    for name in ("red", "blue", None):
        with entered(name):
            answers.append(ask())
    return answers
