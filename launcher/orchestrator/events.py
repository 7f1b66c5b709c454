"""What can happen: the facts that engines, probes, timers and people post to the loop.

Events are frozen values in the past tense. Those about a process carry the generation of the start they belong to: a
late one of an older generation changes nothing. This module knows no state and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from launcher.errors import LauncherError
from launcher.orchestrator.snapshot import Snapshot
from launcher.plan.model import Plan


class Verdict(Struct, frozen=True, kw_only=True):
    """What one check of a probe found. `answer` is for people: `HTTP 503`, `connection refused`, at most 4 KB."""

    ok: bool
    answer: str
    #: How long the check took, in seconds.
    took: float = 0.0


class Opened(Struct, frozen=True):
    """The engine has told of everything that already ran (`Adopted`); it can be commanded."""

    engine: str


class Adopted(Struct, frozen=True):
    """A process of an earlier launcher still runs. `since` is its start, on the wall clock.

    `is_up`: its host says that it has come up, whoever heard that at the time.
    """

    instance: str
    generation: int
    pid: int
    since: float
    is_up: bool = False


class Spawned(Struct, frozen=True):
    """The process of this generation exists."""

    instance: str
    generation: int
    pid: int


class SpawnRefused(Struct, frozen=True):
    """The process of this generation could not be started at all."""

    instance: str
    generation: int
    error: LauncherError


class Exited(Struct, frozen=True):
    """The process and all of its descendants are gone. `code` is minus the signal's number when one ended it.

    `why`: what ended it, where more is known than the code. `cause`: the component that took the process along
    in which this one ran, itself or another, or that process's own instance, which was ended; empty: it is not known.
    `unshareable`: why it cannot be in the process where it was started, with others; in one of its own it could.
    `spoilt`: it has changed that process for all, and only a new one is as it should be.
    """

    instance: str
    generation: int
    code: int
    why: str = ""
    cause: str = ""
    unshareable: str = ""
    spoilt: bool = False


class Lingered(Struct, frozen=True):
    """The process itself has ended but `count` descendants have not; they were sent the stop signal."""

    instance: str
    generation: int
    code: int
    count: int


class Probed(Struct, frozen=True):
    """A check was made: by http, tcp or exec; or a log line matched; or the service sent READY=1."""

    instance: str
    generation: int
    verdict: Verdict


class Imported(Struct, frozen=True):
    """The host of an app tells how long its import took, in seconds; it is not ready by that."""

    instance: str
    generation: int
    seconds: float


class Meddled(Struct, frozen=True):
    """A component did something to the others of its process; `text` is to be read after its name."""

    instance: str
    generation: int
    text: str


class Renewed(Struct, frozen=True):
    """The next generation began beside this one, and has come in its place; `how` says what was done, if anything was.

    Of a host: so have those of all that were started in it, and the one before has been asked to end.
    """

    instance: str
    generation: int
    how: str


class Risen(Struct, frozen=True):
    """The next generation of a component could serve in the next process of its host; it does not yet."""

    instance: str
    generation: int


class NotRenewed(Struct, frozen=True):
    """The next generation could not come in the place of this one, which goes on; in a new process it could."""

    instance: str
    generation: int
    why: str
    needs_process: bool = False


class Checked(Struct, frozen=True):
    """A check that a command asked for was made; it counts neither for nor against the service."""

    instance: str
    generation: int
    verdict: Verdict


class TimerKind(StrEnum):
    """What the loop itself waits for; every engine has the same timers."""

    GRACE = "grace"
    READY = "ready"
    BACKOFF = "backoff"
    STABLE = "stable"
    COOLDOWN = "cooldown"
    OUTLIVE = "outlive"


class Elapsed(Struct, frozen=True):
    """A timer ran out."""

    instance: str
    generation: int
    timer: TimerKind


class Signalled(Struct, frozen=True):
    """The launcher itself was sent a signal (SIGINT, SIGTERM, SIGHUP)."""

    number: int


class LeaveAsked(Struct, frozen=True):
    """The launcher is to end and leave all that runs as it is: whoever comes next adopts it."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How a command ended: the state reached, never "accepted"."""

    ok: bool
    #: A line for people about each service that the command named.
    lines: tuple[str, ...] = ()
    error: LauncherError | None = None
    #: The instance that the error is about, where it is about one.
    culprit: str = ""
    #: The exit status a terminal command should end with.
    status: int = 0


#: Called once, in the loop's thread, when a command has ended; must return at once.
Reply = Callable[[Outcome], None]


class StartAsked(Struct, frozen=True, kw_only=True):
    """Somebody wants `services` (none: all of the plan), and what they depend on, to run."""

    services: tuple[str, ...] = ()
    by: str
    #: Whether a completed task among those named runs again.
    named: bool = False
    #: Whether what they depend on is left as it is.
    alone: bool = False
    reply: Reply


class StopAsked(Struct, frozen=True, kw_only=True):
    """Somebody wants `services` (none: everything, and then the launcher ends) to stop."""

    services: tuple[str, ...] = ()
    by: str
    reply: Reply


class RestartAsked(Struct, frozen=True, kw_only=True):
    """Somebody wants `services` to be stopped and started again; `force`: with what they depend on."""

    services: tuple[str, ...]
    by: str
    force: bool = False
    reply: Reply


class WaitAsked(Struct, frozen=True, kw_only=True):
    """Somebody wants to hear when `services` (none: all) are ready, completed, or never will be."""

    services: tuple[str, ...] = ()
    reply: Reply


class CheckAsked(Struct, frozen=True, kw_only=True):
    """Somebody wants `services` (none: all) to be checked now, and to hear what each answers."""

    services: tuple[str, ...] = ()
    reply: Reply


class SnapshotAsked(Struct, frozen=True):
    """Somebody wants to see everything as it is now."""

    answer: Callable[[Snapshot], None]


class PlanAsked(Struct, frozen=True):
    """Somebody wants to see the plan by which it goes now."""

    answer: Callable[[Plan], None]


Event = (
    Opened
    | Adopted
    | Spawned
    | SpawnRefused
    | Exited
    | Lingered
    | Probed
    | Imported
    | Meddled
    | Renewed
    | Risen
    | NotRenewed
    | Checked
    | Elapsed
    | Signalled
    | LeaveAsked
    | StartAsked
    | StopAsked
    | RestartAsked
    | WaitAsked
    | CheckAsked
    | SnapshotAsked
    | PlanAsked
)

#: Puts an event into the loop's queue; callable from any thread, returns at once.
Post = Callable[[Event], None]
