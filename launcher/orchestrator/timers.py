"""The loop's timers: one per instance and kind, armed anew by arming again. No thread: the loop asks what is due."""

from __future__ import annotations

import heapq
from collections.abc import Container

from launcher.orchestrator.events import TimerKind

_KINDS = tuple(TimerKind)


class Timers:
    """Deadlines on the caller's clock.

    A disarmed or re-armed entry stays in the heap until its time, and is then passed over.
    """

    def __init__(self) -> None:
        self._due: dict[tuple[str, TimerKind], float] = {}
        self._heap: list[tuple[float, str, TimerKind]] = []

    def arm(self, instance: str, kind: TimerKind, at: float) -> None:
        """Let it run out at `at`, instead of when it was to."""
        self._due[instance, kind] = at
        heapq.heappush(self._heap, (at, instance, kind))

    def is_armed(self, instance: str, kind: TimerKind) -> bool:
        return (instance, kind) in self._due

    def keep_only(self, instance: str, kinds: Container[TimerKind]) -> None:
        """Disarm all of an instance's timers but those of `kinds`."""
        for kind in _KINDS:
            if kind not in kinds:
                self._due.pop((instance, kind), None)

    def next_at(self) -> float | None:
        """When the next one runs out."""
        while self._heap:
            at, instance, kind = self._heap[0]
            if self._due.get((instance, kind)) == at:
                return at
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> tuple[str, TimerKind] | None:
        """Take one that has run out."""
        at = self.next_at()
        if at is None or at > now:
            return None
        _, instance, kind = heapq.heappop(self._heap)
        del self._due[instance, kind]
        return instance, kind
