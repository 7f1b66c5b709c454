"""What all probes share: a finding, the shape of a check, and text made fit for people.

A probe is built once for a run and begins a check again and again; a check tells its finding exactly once, or is
dropped and then tells nothing. Knows nothing of time, runs or events: `rounds` makes verdicts of findings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

#: Of an answer this many characters are kept.
ANSWER_LIMIT = 4096

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Finding(NamedTuple):
    """How a check ended. The answer's first line is a summary; what the service itself said follows it."""

    ok: bool
    answer: str


#: Takes the finding of a check; called in the probing thread.
Done = Callable[[Finding], None]


class Check(Protocol):
    """One check under way."""

    def drop(self) -> None:
        """Let go of what it holds; nothing is told of it any more. Of a check that has ended: nothing happens."""
        ...


class Probe(Protocol):
    """How one run is checked."""

    def begin(self, done: Done) -> Check:
        """Begin a check that keeps its own deadline; `done` may be called before this returns."""
        ...


class CannotCheck(Exception):
    """The health check is one that can never succeed: no port, a malformed URL. Its text is a sentence."""


def printable(data: bytes) -> str:
    """Decode what a service said; what could move a terminal's cursor or change its colours is taken out."""
    return _CONTROL.sub("", _ESCAPE_SEQUENCE.sub("", data.decode("utf-8", "replace"))).strip()


def with_text(summary: str, said: bytes, *, last: bool = False) -> str:
    """Put what a service said below the summary, cut to its first (or `last`) characters."""
    text = printable(said)
    room = ANSWER_LIMIT - len(summary) - 1
    text = text[-room:] if last else text[:room]
    return f"{summary}\n{text}" if text else summary


def no_answer_within(seconds: float, how_far: str) -> str:
    """Say that the deadline of a check has passed, and how far it had come by then."""
    return f"no answer within {seconds:g} s ({how_far})"


def said_by_system(number: int) -> str:
    """The operating system's words for an error number, as part of a sentence: `connection refused`."""
    words = os.strerror(number)
    return words[:1].lower() + words[1:]
