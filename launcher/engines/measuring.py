"""Questions to all hosts about what their components have done, each answered when the last host has, or in time.

Belongs to the reader's thread; knows lines and what they tell, nothing of starts and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launcher.engines.hostline import HostLine, Measured
    from launcher.engines.reader import Reader

#: How long hosts may take to answer, in seconds.
PATIENCE = 0.5

Done = Callable[[Mapping[str, "Measured"]], None]


class Measuring:
    """What has been measured last, by instance, and who waits for more. `running` are the instances that run."""

    def __init__(self, reader: Reader, running: Container[str]) -> None:
        self._reader = reader
        self._running = running
        self._measures: dict[str, Measured] = {}
        self._awaiting: list[tuple[set[str], Done]] = []

    def ask(self, lines: Mapping[str, HostLine], done: Done) -> None:
        """Ask these hosts, by group; `done` is called with what all have told."""
        asked = set(lines)
        self._awaiting.append((asked, done))
        for line in lines.values():
            line.is_told(line.measure)
        self.told(None)
        self._reader.after(PATIENCE, partial(self._give_up, asked))

    def take(self, measured: Measured) -> None:
        """A host has told of one component."""
        self._measures[measured.instance] = measured

    def told(self, group: str | None) -> None:
        """A host has told of all, or will not; whom all have answered is told."""
        waiting, self._awaiting = self._awaiting, []
        for asked, done in waiting:
            asked.discard(group or "")
            if asked:
                self._awaiting.append((asked, done))
            else:
                done({name: one for name, one in self._measures.items() if name in self._running})

    def _give_up(self, asked: set[str]) -> None:
        asked.clear()
        self.told(None)
