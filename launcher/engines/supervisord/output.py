"""What programs print, on its way to the sink.

Supervisord cannot be held back as a pipe can, for its other programs would wait: what is too much for the sink is left
out, and told; all of it is in the program's own log. Lives in the reader's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from launcher.orchestrator.orders import Run

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Sink


class Output:
    """Of all programs; `names` is what each instance is called in supervisord."""

    def __init__(self, sink: Sink, names: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._sink = sink
        self._names = names
        self._say = say
        self._is_full = False
        self._unseen: set[str] = set()

    def write(self, run: Run, data: bytes) -> None:
        """Pass on what a run has printed, where there is room for it."""
        if self._is_full:
            self._unseen.add(run.instance)
        elif not self._sink.write(run, data):
            self._is_full = True

    def end(self, run: Run) -> None:
        """Nothing more comes of a run."""
        self._sink.end(run)

    def go_on(self) -> None:
        """There is room again."""
        self._is_full = False
        for instance in sorted(self._unseen):
            self.tell_unseen(instance)
        self._unseen.clear()

    def tell_unseen(self, instance: str) -> None:
        """Tell that something of an instance was left out."""
        self._say(f"{instance} printed faster than could be taken in: all of it is in {self._names.get(instance)}.out")
