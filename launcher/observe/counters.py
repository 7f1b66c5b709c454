"""What is counted while a launcher runs, for `metrics` to tell: starts, their lengths, checks, lines and bytes.

Cheap enough to be kept always: each count is written by one thread (the loop's, the reader's or the probing one), and
read by any. Knows nothing of Prometheus.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeVar

from launcher.observe.hub import Batch
from launcher.orchestrator.events import Verdict
from launcher.orchestrator.snapshot import Changed, Noted, State
from launcher.plan.names import service_of

Key = TypeVar("Key")

#: Upper bounds in seconds. A start takes from milliseconds to minutes, a check from a fraction of one to `timeout`.
START_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
CHECK_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

#: How a start went, by the state that it led to; what is not here was stopped before it was up.
OUTCOMES = {
    State.READY: "ready",
    State.COMPLETED: "completed",
    State.BACKOFF: "failed",
    State.FAILED: "failed",
}
_UNDER_WAY = frozenset({State.STARTING, State.STOPPING})


class Histogram:
    """How many values fell under each bound; the last count is of those above all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value; a bound counts as below itself, as Prometheus has it (`le`)."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """For each bound, `+Inf` at last, how many values are not above it."""
        names = [*map(str, self.bounds), "+Inf"]
        running, found = 0, []
        for name, count in zip(names, list(self.counts), strict=True):
            running += count
            found.append((name, float(running)))
        return found


class Counters:
    """An observer of the loop (`__call__`), a consumer of the hub (`printed`), and told of every check (`checked`)."""

    def __init__(self) -> None:
        #: Starts by instance and outcome.
        self.starts: dict[tuple[str, str], int] = {}
        #: Launch until ready or completed, and asked for until launched, by service.
        self.startup: dict[str, Histogram] = {}
        self.gate: dict[str, Histogram] = {}
        #: Checks by service and by whether they passed.
        self.checks: dict[tuple[str, bool], Histogram] = {}
        #: Lines and bytes of output, by instance.
        self.output: dict[str, list[int]] = {}
        self._waiting: dict[str, float] = {}
        self._starting: dict[str, float] = {}

    def __call__(self, news: Changed | Noted) -> None:
        """Count what a transition ends; in the loop's thread."""
        if isinstance(news, Noted) or news.state is news.before:
            return
        name, now = news.instance, news.at_monotonic
        if news.state is State.WAITING:
            self._waiting[name] = now
        elif news.state is State.STARTING:
            asked = self._waiting.pop(name, None)
            if asked is not None:
                _of(self.gate, news.service, START_BOUNDS).observe(now - asked)
                self._starting[name] = now
        if news.state not in _UNDER_WAY and (began := self._starting.pop(name, None)) is not None:
            outcome = OUTCOMES.get(news.state, "stopped")
            self.starts[name, outcome] = self.starts.get((name, outcome), 0) + 1
            if news.state is State.READY or news.state is State.COMPLETED:
                _of(self.startup, news.service, START_BOUNDS).observe(now - began)

    def printed(self, batch: Batch) -> None:
        """Count lines and bytes; in the reader's thread."""
        counts = self.output.get(batch.run.instance)
        if counts is None:
            counts = self.output[batch.run.instance] = [0, 0]
        counts[0] += batch.lines.count(b"\n")
        counts[1] += len(batch.lines)

    def checked(self, instance: str, verdict: Verdict) -> None:
        """Count a check; in the probing thread."""
        _of(self.checks, (service_of(instance), verdict.ok), CHECK_BOUNDS).observe(verdict.took)


def _of(histograms: dict[Key, Histogram], key: Key, bounds: tuple[float, ...]) -> Histogram:
    found = histograms.get(key)
    if found is None:
        found = histograms[key] = Histogram(bounds)
    return found
