"""The log probe: ready from the first line of output that a regular expression finds, and from then on.

Knows no thread of its own: the reader's finds the line, and no polling happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launcher.orchestrator.events import Post, Probed, Verdict
from launcher.orchestrator.orders import Run
from launcher.probes.base import ANSWER_LIMIT

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Taps


class LogProbes:
    """The taps of all runs with a log probe.

    A run is tapped before its process exists, or its first lines would be missed; what was found is told only once
    the run is watched, since the loop must first have heard that it was started. `matched` comes from the reader's
    thread and `watch` from the loop's, in either order or at once: each leaves its part in a dictionary and then takes
    the line out again, which only one of the two can do.
    """

    def __init__(self, taps: Taps, post: Post) -> None:
        self._taps = taps
        self._post = post
        self._tapped: set[Run] = set()
        self._watched: set[Run] = set()
        self._lines: dict[Run, str] = {}

    def prepare(self, run: Run, pattern: str) -> None:
        """Look at the run's lines from the first one on."""
        self._tapped.add(run)
        self._taps.tap(run, pattern, lambda line: self._matched(run, line))

    def watch(self, run: Run, pattern: str) -> None:
        """Tell of the line, found already or yet to come."""
        if run not in self._tapped:
            self.prepare(run, pattern)
        self._watched.add(run)
        self._tell(run)

    def unwatch(self, run: Run) -> None:
        """Look no more; of a run that is not tapped: nothing happens."""
        if run in self._tapped:
            self._tapped.discard(run)
            self._watched.discard(run)
            self._taps.untap(run)
            self._lines.pop(run, None)

    def close(self) -> None:
        for run in list(self._tapped):
            self.unwatch(run)

    def _matched(self, run: Run, line: str) -> None:
        self._lines[run] = line
        if run in self._watched:
            self._tell(run)

    def _tell(self, run: Run) -> None:
        line = self._lines.pop(run, None)
        if line is not None:
            self._post(Probed(run.instance, run.generation, Verdict(ok=True, answer=line[:ANSWER_LIMIT])))
