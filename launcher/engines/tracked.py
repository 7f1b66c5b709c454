"""A start of a component as the merged engine follows it: where it goes on, where what it prints comes from, its end.

Knows runs and lines; nothing of what either says.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from launcher.orchestrator.events import Exited

if TYPE_CHECKING:
    from launcher.engines.hostline import HostLine
    from launcher.orchestrator.orders import Run
    from launcher.plan.model import Instance


def ended_with(host: Instance, told: Exited) -> Exited:
    """The end of a component that ended because its host does."""
    why = f"{host.label}, in which it ran, is ending"
    return Exited(told.instance, told.generation, 1, why, host.name)


def unwanted(pipe: int, batch: bytes) -> bool:
    """Take what nobody wants from a pipe, or whoever prints it would wait for ever."""
    if not batch:
        os.close(pipe)
    return True


class Tracked:
    """A run, the group in whose host it goes on, the line to that, and the pipe of its output (-1: it has ended)."""

    __slots__ = ("group", "is_read", "line", "pipe", "run")

    def __init__(self, run: Run, group: str, line: HostLine, pipe: int) -> None:
        self.run = run
        self.group = group
        self.line = line
        self.pipe = pipe
        self.is_read = False
