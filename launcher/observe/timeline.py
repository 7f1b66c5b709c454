"""The timeline of a start-up as frozen values: what `timeline --json` prints.

`recorder` makes it, `critical` says what decided how long it took, `waterfall` and `drawing` show it. Times are in
seconds since the start-up began, on the monotonic clock. Lean: whoever speaks to a launcher imports this.
"""

from __future__ import annotations

from msgspec import Struct

from launcher.orchestrator.snapshot import State

#: An end that a start-up is about.
UP = frozenset({State.READY, State.COMPLETED})


class Gate(Struct, frozen=True, kw_only=True):
    """One dependency that had to be met; `opened` is when it was, None: it never was."""

    dependency: str
    condition: str
    opened: float | None


class Row(Struct, frozen=True, kw_only=True):
    """One instance's start. Times are in seconds since the start-up began; None: that has not happened."""

    instance: str
    service: str
    label: str
    state: State
    asked: float
    #: The gate that opened last, if it had to be waited for: the label of the dependency.
    waited_for: str = ""
    launched: float | None = None
    spawned: float | None = None
    #: When it was ready or completed, or had failed.
    ended: float | None = None
    #: How long the import of its app took, where its host has told.
    imported: float | None = None
    #: How often it was launched in the course of this start-up.
    attempts: int = 0
    gates: tuple[Gate, ...] = ()


class Timeline(Struct, frozen=True, kw_only=True):
    """A start-up: its rows in the order of the launches, and what decided how long it took."""

    version: int = 1
    profile: str
    #: When it began, on the wall clock.
    began: float
    #: Seconds until the last instance was up or lost, or until now.
    took: float
    #: Whether every start has ended.
    over: bool
    rows: tuple[Row, ...]
    #: The labels of the instances of which each had to wait for the one before it, up to the last one ready.
    critical: tuple[str, ...] = ()
    #: Sentences about what would make it shorter, the greatest gain first.
    advice: tuple[str, ...] = ()

    def row(self, label: str) -> Row | None:
        """The row of an instance, by its label."""
        return next((row for row in self.rows if row.label == label), None)
