"""The last lines of every instance, kept in memory: they close the output of a failed start, and answer `why`."""

from __future__ import annotations

from launcher.observe.hub import Batch
from launcher.orchestrator.orders import Run

#: What is kept of a run.
MOST_BYTES = 4096
MOST_LINES = 20


class Tail:
    """Keeps the end of what the two latest runs of each instance printed: a failed one, and the one that came after."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[tuple[Run, bytes], ...]] = {}

    def __call__(self, batch: Batch) -> None:
        """Take a batch of lines (a consumer of the hub)."""
        ends = self._ends.get(batch.run.instance, ())
        before = b""
        if ends and ends[-1][0] == batch.run:
            before = ends[-1][1]
            ends = ends[:-1]
        # One byte more than is shown tells whether the first line kept is whole.
        end = (before + batch.lines[-MOST_BYTES - 1 :])[-MOST_BYTES - 1 :]
        self._ends[batch.run.instance] = (*ends[-1:], (batch.run, end))

    def lines(self, run: Run) -> list[str]:
        """Give the last lines of one run, at most 20 of them and 4 KB; callable from any thread."""
        for each, end in self._ends.get(run.instance, ()):
            if each == run:
                return _lines(end)
        return []

    def latest(self, instance: str) -> list[str]:
        """Give the last lines of the latest run of an instance that printed anything."""
        ends = self._ends.get(instance, ())
        return _lines(ends[-1][1]) if ends else []


def _lines(end: bytes) -> list[str]:
    if len(end) > MOST_BYTES:
        first = end.find(b"\n") + 1
        # A single line longer than all that is kept is shown by its end.
        end = end[first:] if first < len(end) else end[1:]
    return end.decode("utf-8", "replace").split("\n")[:-1][-MOST_LINES:]
