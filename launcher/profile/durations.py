"""Durations as people write them: a number of seconds, "500ms", "2s", "1m30s".

Knows text and numbers only.
"""

from __future__ import annotations

import re

from launcher.errors import WrongType

#: Largest first: parts stand in this order, each at most once. "m" must not eat the head of "ms".
_DURATION = (
    r"(?:(?P<d>\d+(?:\.\d+)?)d)?"
    r"(?:(?P<h>\d+(?:\.\d+)?)h)?"
    r"(?:(?P<m>\d+(?:\.\d+)?)m(?!s))?"
    r"(?:(?P<s>\d+(?:\.\d+)?)s)?"
    r"(?:(?P<ms>\d+(?:\.\d+)?)ms)?"
)
_NUMBER = r"\d+(?:\.\d+)?"
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
#: A hundred years: more than any timer of the system takes, and surely a slip of the pen.
LONGEST = 100 * 365 * 86400.0

#: The same grammar for the JSON Schema.
PATTERN = r"^\s*(?=\d)(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s?)?(\d+(\.\d+)?ms)?\s*$"


def parse_duration(value: object) -> float:
    """Seconds from a number or a text; raises WrongType for anything else, and for what is negative or endless."""
    seconds = _seconds(value)
    if seconds is None:
        raise WrongType(
            f"expected a duration, got {_shown(value)}",
            remedy='Write seconds as a number, or a text such as "500ms", "2s" or "1m30s".',
        )
    if not 0 <= seconds <= LONGEST:  # NaN is refused here too
        raise WrongType(f"a duration is at least 0 and finite, got {_shown(value)}")
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if re.fullmatch(_NUMBER, text, re.ASCII):
        return float(text)
    match = re.fullmatch(_DURATION, text, re.ASCII)
    if not text or match is None:
        return None
    # One rounding only, so that "1m30s" and 90 are the same value.
    return round(sum(float(number) * _UNITS[unit] for unit, number in match.groupdict("0").items()), 9)


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
