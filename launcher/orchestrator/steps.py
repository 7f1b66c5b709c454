"""How long the steps of the loop take: the longest one of the last while, for whoever wants to know how late it may be.

Two numbers, so that noting a step costs next to nothing.
"""

from __future__ import annotations

#: So many seconds, and up to twice as many, does a long step count.
SPAN = 10.0


class Steps:
    """The longest step of the present span and of the one before, in seconds."""

    __slots__ = ("_before", "_ends", "_longest")

    def __init__(self) -> None:
        self._before = 0.0
        self._longest = 0.0
        self._ends = 0.0

    def note(self, began: float, ended: float) -> None:
        """Take down a step."""
        if ended >= self._ends:
            self._turn(ended)
        took = ended - began
        if took > self._longest:  # noqa: PLR1730  (`max` takes three times as long, at every step)
            self._longest = took

    def longest(self, now: float) -> float:
        """The longest one within the last 10 s, or a few more."""
        if now >= self._ends:
            self._turn(now)
        return max(self._before, self._longest)

    def _turn(self, now: float) -> None:
        """A new span begins; a whole one without any step leaves nothing of the last."""
        self._before = self._longest if now < self._ends + SPAN else 0.0
        self._longest = 0.0
        self._ends = now + SPAN
