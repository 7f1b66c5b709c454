"""The redactor: what is secret becomes `***` in everything that services print and that the launcher tells.

It knows values, given to it before the start that uses them, and where they stand in bytes and in texts; what is
secret is decided in `profile/secrets`. Any thread may teach it and use it: what it knows is replaced, never changed.

A batch without a secret, nearly every one, costs one search in C for each value and nothing else: 3 to 18 µs for
64 KiB. (One regular expression over all of them takes five times as long as those of five values.)
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

from msgspec import Struct

from launcher.profile.secrets import MASK, mask_urls, traces_of

_MASK = MASK.encode()


class _Known(Struct, frozen=True):
    """What is looked for. The shorter ones suffice to see that there is something; the longest is replaced."""

    traces: frozenset[str]
    in_bytes: tuple[bytes, ...]
    in_texts: tuple[str, ...]
    bytes_pattern: re.Pattern[bytes]
    texts_pattern: re.Pattern[str]
    longest: int


def _look_for(traces: frozenset[str]) -> _Known:
    raw = {trace.encode("utf-8", "surrogateescape") for trace in traces}
    # What is no UTF-8 stands in a text as it was decoded: replaced.
    texts = traces | {each.decode("utf-8", "replace") for each in raw}
    return _Known(
        traces,
        tuple(each for each in sorted(raw) if not any(other in each for other in raw - {each})),
        tuple(each for each in sorted(texts) if not any(other in each for other in texts - {each})),
        re.compile(b"|".join(map(re.escape, sorted(raw, key=len, reverse=True)))),
        re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True)))),
        max(map(len, raw), default=0),
    )


class Redactor:
    """Replaces every secret it has learnt of; it forgets none, since what was printed before may be shown later."""

    def __init__(self) -> None:
        self._known = _look_for(frozenset())
        self._learning = threading.Lock()

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these values from now on; those too short or too common to be told from other words are left."""
        traces = traces_of(secrets)
        if traces <= self._known.traces:
            return
        with self._learning:
            self._known = _look_for(self._known.traces | traces)

    @property
    def longest(self) -> int:
        """How many bytes the longest value has: so much of a line must be seen before it may be cut."""
        return self._known.longest

    def __call__(self, lines: bytes) -> bytes:
        """Whole lines without secrets."""
        known = self._known
        for secret in known.in_bytes:
            if secret in lines:
                return known.bytes_pattern.sub(_MASK, lines)
        return lines

    def text(self, text: str) -> str:
        """A text without secrets, and without the user part of any URL."""
        text = mask_urls(text)
        known = self._known
        for secret in known.in_texts:
            if secret in text:
                return known.texts_pattern.sub(MASK, text)
        return text
