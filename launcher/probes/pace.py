"""When the next check is due and which verdicts are worth telling: pure functions of a few numbers.

Knows no clock, no thread and no socket.
"""

from __future__ import annotations

from launcher.orchestrator.events import Verdict
from launcher.profile.model import Health

#: While starting, a check comes after this share of the time since the start, within these bounds in seconds: what is
#: ready is noticed at most 1 % late, and a slow start costs 400 checks in its first half minute and 4 a second then.
SHARE = 0.01
SHORTEST = 0.005
LONGEST = 0.25

#: While starting, an answer that stays the same is told once in so many seconds.
REMINDER = 1.0


#: Multiples of it fall evenly into an interval, however many there are (the golden ratio's fraction).
_GOLDEN = 0.6180339887498949


def phase_of(number: int) -> float:
    """Where in the interval the checks of a run come, the runs being numbered: above 0, up to 1.

    Those of many that became ready together would otherwise come together for ever.
    """
    return 1.0 - number * _GOLDEN % 1.0


def next_delay(health: Health, *, ready: bool, elapsed: float) -> float:
    """Seconds from the end of one check to the next.

    `ready`: a check of this run has succeeded before, whatever came later; `elapsed`: seconds since the run's start.
    An interval of the user's is kept down to `SHORTEST`: less would check all but without pause.
    """
    if ready:
        return max(SHORTEST, health.interval)
    if health.start_interval is not None:
        return max(SHORTEST, health.start_interval)
    return min(LONGEST, max(SHORTEST, SHARE * elapsed))


def is_news(verdict: Verdict, *, ready: bool, told: Verdict | None, silence: float) -> bool:
    """Whether the loop has to hear of a verdict.

    Every one once the run has been ready; before that a success, an answer other than the one `told` last, and a
    reminder after `silence` seconds. A start-up would otherwise flood the loop with 200 refusals a second.
    """
    return ready or verdict.ok or told is None or verdict.answer != told.answer or silence >= REMINDER
