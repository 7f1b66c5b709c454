"""What the loop shows of itself: frozen values that any thread may keep and read.

`Snapshot` is everything now; `Changed` is one transition. Both are made by the loop alone. They serialise with msgspec
as they are: what `status --json` prints is a Snapshot.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """Where an instance is in its life, as people see it (`orchestrator/lifecycle` has the machine)."""

    PENDING = "pending"
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Reason(Struct, frozen=True, kw_only=True):
    """Why a state came about: a sentence, and the instances (or services) that are its cause, for `why`."""

    text: str
    causes: tuple[str, ...] = ()


class Health(Struct, frozen=True, kw_only=True):
    """The last check of a probe. `at` is on the wall clock."""

    ok: bool
    answer: str
    at: float
    #: How long it took, in seconds.
    took: float = 0.0
    #: Consecutive failures up to now.
    failures: int = 0


class InstanceView(Struct, frozen=True, kw_only=True):
    """One instance as it is now. Times are on the wall clock, in seconds since 1970."""

    name: str
    service: str
    label: str
    state: State
    reason: Reason
    #: When it came into this state.
    since: float
    generation: int
    #: Starts after the first one that were not asked for.
    restarts: int = 0
    wish: str = "down"
    pid: int | None = None
    #: The instance in whose process it runs, as one component of several; empty: the process is its own.
    host: str = ""
    #: When the running process was started.
    started: float | None = None
    port: int | None = None
    url: str = ""
    exit_code: int | None = None
    #: The check that tells whether it is ready: `http /healthz`; empty: it is when it has started.
    check: str = ""
    health: Health | None = None
    #: The services it waits for, with what of each: `db (healthy)`.
    waits_for: tuple[str, ...] = ()


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything now: the launcher and its instances in the plan's order."""

    version: int
    profile: str
    root: str
    pid: int
    since: float
    at: float
    instances: tuple[InstanceView, ...]
    #: The longest step that the loop took in the last 10 s or more, in seconds: so late may an event have been heard.
    longest_step: float = 0.0

    def of(self, service: str) -> list[InstanceView]:
        """The instances of `service`, or the one instance of that name."""
        return [view for view in self.instances if service in (view.service, view.name, view.label)]


class Changed(Struct, frozen=True, kw_only=True):
    """One transition of one instance, told to observers in the loop's thread when it has happened."""

    instance: str
    service: str
    label: str
    generation: int
    before: State
    state: State
    reason: Reason
    at: float
    pid: int | None = None
    exit_code: int | None = None
    #: When, on the monotonic clock: lengths of time are told by this one, for the other may jump.
    at_monotonic: float = 0.0
    #: How long the import of its app took in seconds, where its host has told.
    imported: float | None = None

    @property
    def is_move(self) -> bool:
        """Whether the state is another one than before; else only its reason or its process is."""
        return self.before is not self.state


class Noted(Struct, frozen=True, kw_only=True):
    """Something people should hear that is no change of state: a line of the launcher's own, as `system` prints it."""

    text: str
    instance: str = ""
    warning: bool = False
