"""The words that keys of a profile take: the closed vocabularies, and the kinds of numbers with their units.

Knows no key; `model` says which key takes which.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta


def says(text: str, *, unit: str = "", **limits: Any) -> Meta:
    """A key's description, the unit of its value and the limits on it, for the checks, the schema and the docs."""
    return Meta(description=text, extra={"unit": unit} if unit else None, **limits)


#: Seconds. In TOML a number of seconds, or "500ms", "2s", "1m30s": `profile/durations` reads it.
Seconds = Annotated[float, Meta(ge=0, extra={"unit": "s", "duration": True})]

#: The same where none at all would make no sense: a check in no time always fails, one after no time never pauses.
SomeSeconds = Annotated[float, Meta(gt=0, extra={"unit": "s", "duration": True})]


#: Bytes. In TOML a number, or "512MB": `profile/sizes` reads it.
Size = Annotated[int, Meta(gt=0, extra={"unit": "bytes", "size": True})]

#: msgspec takes a limit on a number only, not on a union with one.
Positive = Annotated[int, Meta(ge=1)]


class EngineName(StrEnum):
    """What runs the processes."""

    LOCAL = "local"
    SUPERVISORD = "supervisord"
    #: Components of a host's process, which another engine runs.
    MERGED = "merged"
    #: Processes forked from a host's.
    FORKED = "forked"


class Mode(StrEnum):
    """How `app` services are spread over processes."""

    MULTI = "multi"
    SINGLE = "single"
    FORKED = "forked"
    AUTO = "auto"


class OnExit(StrEnum):
    """What the end of one service means for the others."""

    KEEP = "keep"
    STOP = "stop"


class Kind(StrEnum):
    """A service runs on; a task runs to completion."""

    SERVICE = "service"
    TASK = "task"


class Condition(StrEnum):
    """What a dependency must have reached before its dependent starts."""

    STARTED = "started"
    HEALTHY = "healthy"
    COMPLETED = "completed"
    EXITED = "exited"


class OnLoss(StrEnum):
    """What a dependent does when a dependency leaves ready for good."""

    IGNORE = "ignore"
    STOP = "stop"
    RESTART = "restart"


class OnFailure(StrEnum):
    """What happens to a service that has become unhealthy."""

    IGNORE = "ignore"
    RESTART = "restart"
    STOP = "stop"


class Notice(StrEnum):
    """A change of an instance that somebody may want to be told of."""

    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    #: Failed, because it kept failing.
    CIRCUIT = "circuit"
    #: Ready again after it was unhealthy, in back-off or failed.
    RECOVERED = "recovered"


class Policy(StrEnum):
    """After which ends a service is started again."""

    NO = "no"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"


class LogFormat(StrEnum):
    """How what the launcher prints is written."""

    TEXT = "text"
    JSON = "json"


class Level(StrEnum):
    """How much an entry of the launcher's own log matters; from the least to the most."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
