"""Entries: what happened as one JSON object a line, for programs that read logs.

    {"time":"2026-11-24T04:05:06.123Z","level":"info","event":"ready","service":"api","instance":"api.1", …}

The launcher's own log consists of them, and the terminal where JSON is asked for. Pure: from news and lines to bytes.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache

from msgspec import Struct, json

from launcher.errors import LauncherError, ProblemsFound
from launcher.observe.hub import Batch
from launcher.orchestrator.events import Checked, Probed
from launcher.orchestrator.snapshot import Changed, Noted, State
from launcher.plan.names import service_of
from launcher.profile.model import Level, Log

#: Where an entry comes from; each may have a level of its own.
LOOP, PROBES, CONTROL = "loop", "probes", "control"

_RANK = {level: rank for rank, level in enumerate(Level)}
_LEVELS = {
    State.FAILED: Level.ERROR,
    State.SKIPPED: Level.ERROR,
    State.BACKOFF: Level.WARNING,
    State.UNHEALTHY: Level.WARNING,
}
#: How a reason begins that is an error of ours.
_CODE = re.compile(r"E(\d{4}) ")


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a log. What does not apply is left out."""

    time: str
    level: Level
    event: str
    component: str = ""
    service: str = ""
    instance: str = ""
    generation: int = 0
    code: str = ""
    pid: int | None = None
    exit_code: int | None = None
    message: str = ""
    #: What to do, of an error.
    remedy: str = ""
    #: How long a check took, in seconds.
    took: float | None = None


_encoder = json.Encoder()


def encode(entry: Struct) -> bytes:
    """The entry as a line."""
    return _encoder.encode(entry) + b"\n"


def matters(entry: Entry, settings: Log) -> bool:
    """Whether the log takes it."""
    return _RANK[entry.level] >= _RANK[settings.level_of(entry.component or LOOP)]


def is_taken(level: Level, component: str, settings: Log) -> bool:
    """Whether the log takes what a component tells at this level."""
    return _RANK[level] >= _RANK[settings.level_of(component)]


def utc(at: float) -> str:
    """A time on the wall clock, to the millisecond."""
    second, rest = divmod(int(at * 1000), 1000)
    return f"{_to_the_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=4)
def _to_the_second(second: int) -> str:
    # Kept: a start-up of a hundred services tells of them four hundred times within a second.
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def is_start(news: Changed) -> bool:
    """Whether nothing changed but that the process exists now; one that is ready, and stays so, has long existed."""
    return news.state is news.before and news.pid is not None and news.state is not State.READY


def of_start(news: Changed) -> Entry:
    """That the process of an instance exists now."""
    return Entry(
        time=utc(news.at),
        level=Level.INFO,
        event="spawned",
        component=LOOP,
        service=news.service,
        instance=news.instance,
        generation=news.generation,
        pid=news.pid,
    )


def of_change(news: Changed) -> Entry:
    """A transition, or that a process was started."""
    if is_start(news):
        return of_start(news)
    code = _CODE.match(news.reason.text)
    return Entry(
        time=utc(news.at),
        level=_LEVELS.get(news.state, Level.INFO),
        event=news.state.value,
        component=LOOP,
        service=news.service,
        instance=news.instance,
        generation=news.generation,
        code=f"E{code[1]}" if code else "",
        pid=news.pid,
        exit_code=news.exit_code if news.is_move else None,
        message=news.reason.text,
    )


def of_note(news: Noted, at: float) -> Entry:
    """Words of the launcher's own."""
    return Entry(
        time=utc(at),
        level=Level.WARNING if news.warning else Level.INFO,
        event="note",
        component=LOOP,
        service=service_of(news.instance) if news.instance else "",
        instance=news.instance,
        message=news.text,
    )


def of_error(error: LauncherError, at: float) -> list[Entry]:
    """What a command or a start-up ended with; each of several."""
    if isinstance(error, ProblemsFound):
        return [entry for problem in error.problems for entry in of_error(problem, at)]
    return [
        Entry(
            time=utc(at),
            level=Level.ERROR,
            event="error",
            component=LOOP,
            code=f"E{error.code}" if error.code else "",
            message=str(error),
            remedy=error.remedy,
        )
    ]


def of_verdict(news: Probed | Checked, at: float) -> Entry:
    """What a check found."""
    return Entry(
        time=utc(at),
        level=Level.DEBUG,
        event="passed" if news.verdict.ok else "failed",
        component=PROBES,
        service=service_of(news.instance),
        instance=news.instance,
        generation=news.generation,
        message=news.verdict.answer,
        took=round(news.verdict.took, 6),
    )


class _Printed(Struct, frozen=True, omit_defaults=True):
    """A line that a service printed; of one read from a file the generation is not known."""

    time: str
    level: Level
    event: str
    service: str
    instance: str
    message: str
    generation: int = 0


def of_line(instance: str, at: float, text: str) -> bytes:
    """One line of a log file."""
    return encode(_Printed(utc(at), Level.INFO, "output", service_of(instance), instance, text))


def of_output(batch: Batch) -> bytes:
    """Every line of a batch as an object of its own."""
    run, at = batch.run, utc(batch.at)
    service = service_of(run.instance)
    texts = batch.lines.decode("utf-8", "replace").split("\n")
    del texts[-1]
    return _encoder.encode_lines(
        [_Printed(at, Level.INFO, "output", service, run.instance, text, run.generation) for text in texts]
    )
