"""A start of a component as the merged engine follows it: where it goes on, where what it prints comes from, its end.

Knows runs and lines; nothing of what either says.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from launcher.orchestrator.events import Exited

if TYPE_CHECKING:
    from launcher.engines.hostline import HostLine
    from launcher.engines.reader import Reader
    from launcher.orchestrator.orders import Run
    from launcher.orchestrator.protocols import Sink
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

    __slots__ = ("_is_read", "group", "line", "pipe", "run")

    def __init__(self, run: Run, group: str, line: HostLine, pipe: int) -> None:
        self.run = run
        self.group = group
        self.line = line
        self.pipe = pipe
        self._is_read = False

    def read(self, reader: Reader, sink: Sink) -> None:
        """Begin to read what it prints."""
        if self.pipe >= 0 and not self._is_read:
            self._is_read = True
            reader.read(self.pipe, partial(self._took, sink))

    def finish(self, reader: Reader, sink: Sink) -> None:
        """Hand over what it has printed, and the end."""
        if self.pipe >= 0:
            self.read(reader, sink)
            reader.finish(self.pipe)

    def _took(self, sink: Sink, batch: bytes) -> bool:
        if batch:
            return sink.write(self.run, batch)
        sink.end(self.run)
        os.close(self.pipe)
        self.pipe = -1
        return True
