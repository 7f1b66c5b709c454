"""When the next check is due, and which verdicts the loop hears of."""

from __future__ import annotations

from itertools import pairwise

import pytest

from launcher.orchestrator.events import Verdict
from launcher.probes.pace import is_news, next_delay, phase_of
from launcher.profile.model import Health

PACE = [
    ("just started: not faster than 5 ms", Health(), False, 0.0, 0.005),
    ("half a second: still 5 ms", Health(), False, 0.5, 0.005),
    ("1 % of the time since the start", Health(), False, 2.0, 0.02),
    ("never slower than 250 ms", Health(), False, 600.0, 0.25),
    ("the user's start_interval replaces it", Health(start_interval=1.5), False, 0.0, 1.5),
    ("a start_interval of next to nothing is no busy loop", Health(start_interval=0.001), False, 9.0, 0.005),
    ("once ready: the interval", Health(interval=5.0), True, 0.1, 5.0),
    ("once ready: whatever the start_interval", Health(interval=7.0, start_interval=1.0), True, 0.1, 7.0),
    ("an interval of next to nothing is no busy loop", Health(interval=0.001), True, 100.0, 0.005),
]


@pytest.mark.parametrize(
    ("health", "ready", "elapsed", "delay"), [row[1:] for row in PACE], ids=[row[0] for row in PACE]
)
def test_the_pace(health: Health, ready: bool, elapsed: float, delay: float) -> None:
    """The time to the next check follows from the health keys, the time since the start, and having been ready."""
    assert next_delay(health, ready=ready, elapsed=elapsed) == pytest.approx(delay)


OK, REFUSED, BUSY = (Verdict(ok=ok, answer=answer) for ok, answer in [(True, "fine"), (False, "no"), (False, "503")])

NEWS = [
    ("the first answer", REFUSED, False, None, 0.0, True),
    ("the same answer", REFUSED, False, REFUSED, 0.2, False),
    ("the same answer after a second", REFUSED, False, REFUSED, 1.0, True),
    ("another answer", BUSY, False, REFUSED, 0.0, True),
    ("success", OK, False, REFUSED, 0.0, True),
    ("once ready, the same success", OK, True, OK, 0.0, True),
    ("once ready, the same failure", REFUSED, True, REFUSED, 0.0, True),
]


@pytest.mark.parametrize(
    ("verdict", "ready", "told", "silence", "news"), [row[1:] for row in NEWS], ids=[row[0] for row in NEWS]
)
def test_what_is_news(verdict: Verdict, ready: bool, told: Verdict | None, silence: float, news: bool) -> None:
    """A start-up tells of changes, successes and each second; after it every verdict is told."""
    assert is_news(verdict, ready=ready, told=told, silence=silence) is news


@pytest.mark.parametrize("count", [2, 10, 500])
def test_phases_are_spread_over_the_interval(count) -> None:
    """However many there are, no gap is three times as long as it would be were all the same."""
    phases = sorted(phase_of(number) for number in range(1, count + 1))
    gaps = [after - before for before, after in pairwise([0.0, *phases, 1.0])]
    assert 0 < phases[0] <= phases[-1] <= 1
    assert max(gaps) < 3 / count
