"""A start-up is a transaction.

Each step it takes pushes its undo, and when a required service fails its gate, what this start-up did is undone in
reverse order. What ran before is as it was.

Steps are values; the loop takes them and undoes them. The module knows neither engines nor time.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class StepKind(StrEnum):
    """What was done to an instance. `swap` puts a new version in the place of a running one, `restore` the old one."""

    START = "start"
    STOP = "stop"
    SWAP = "swap"
    RESTORE = "restore"


_INVERSE = {
    StepKind.START: StepKind.STOP,
    StepKind.STOP: StepKind.START,
    StepKind.SWAP: StepKind.RESTORE,
    StepKind.RESTORE: StepKind.SWAP,
}


class Step(Struct, frozen=True):
    """One step taken, or to take."""

    kind: StepKind
    instance: str

    @property
    def undo(self) -> Step:
        """The step that takes this one back."""
        return Step(_INVERSE[self.kind], self.instance)


class UndoStack:
    """The steps of one start-up, in the order they were taken."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def push(self, kind: StepKind, instance: str) -> None:
        """Remember a step, once: a restart within the same start-up is undone by the same stop."""
        step = Step(kind, instance)
        if step not in self._steps:
            self._steps.append(step)

    def undo(self, *, leaving: Iterable[str] = ()) -> tuple[Step, ...]:
        """What takes everything back, last step first, but for the instances in `leaving`."""
        spared = set(leaving)
        return tuple(step.undo for step in reversed(self._steps) if step.instance not in spared)
