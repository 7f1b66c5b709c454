"""First that a process was started, then what it printed: the loop brings the one, the reader's thread the other.

A service may print before the loop has heard that its process exists. Its lines wait here for that moment, a fraction
of a millisecond, so that what people read is in order. Knows runs and batches, and nothing of how they are shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from launcher.observe.hub import Batch


class Announced:
    """Shows each run's batches, by `show`, once the run is announced; generation 0 needs no announcement."""

    def __init__(self, show: Callable[[Batch], None]) -> None:
        self._show = show
        #: The latest generation announced, by instance; and what came too early.
        self._latest: dict[str, int] = {}
        self._early: dict[str, list[Batch]] = {}
        self._ordering = threading.Lock()

    def __call__(self, batch: Batch) -> None:
        """Show a batch now, or as soon as its run is announced; in the reader's thread."""
        with self._ordering:
            if batch.run.generation > self._latest.get(batch.run.instance, 0):
                self._early.setdefault(batch.run.instance, []).append(batch)
            else:
                self._show(batch)

    def announce(self, instance: str, generation: int, say: Callable[[], None]) -> None:
        """Call `say` if this run was not announced before, then show what waits for it; in the loop's thread."""
        if self._latest.get(instance, 0) >= generation:
            return
        with self._ordering:
            self._latest[instance] = generation
            say()
            for batch in self._early.pop(instance, ()):
                self._show(batch)

    def finish(self) -> None:
        """Show what still waits: nothing is announced any more."""
        with self._ordering:
            for batches in self._early.values():
                for batch in batches:
                    self._show(batch)
            self._early.clear()
