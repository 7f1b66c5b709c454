"""What the loop orders from engines and probers, as values: a start complete to the last variable, a stop, a watch.

Who carries them out is said by `protocols`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from msgspec import Struct

from launcher.profile.model import Health, Limits


class Can(StrEnum):
    """What an engine offers beyond start and stop; a command outside it is refused (5xxx)."""

    KILL = "kill"
    SIGNAL = "signal"
    HOLD_SOCKETS = "hold-sockets"
    ATTACH = "attach"
    #: Takes in, as a process, what was a component of another: it needs nothing written down beforehand.
    TAKE_IN = "take-in"
    #: The next generation of an instance may be started while this one runs.
    OVERLAP = "overlap"


class StopLevel(IntEnum):
    """How strongly an instance is asked to end; may be called again, stronger."""

    DRAIN = 1
    SIGNAL = 2
    KILL = 3


class Run(Struct, frozen=True):
    """One start of one instance."""

    instance: str
    generation: int


class Stop(Struct, frozen=True, kw_only=True):
    """How to end a run: the level, the signal's name (`TERM`), or a command to run instead of it."""

    level: StopLevel
    signal: str = "TERM"
    command: str = ""


class HeldSocket(Struct, frozen=True):
    """A TCP socket that the engine binds once, keeps through restarts, and hands over from descriptor 3 on."""

    name: str
    host: str
    port: int


class App(Struct, frozen=True, kw_only=True):
    """An app that is to be served in a process that runs already, its group's host.

    `paths` come first on the module path; `stop_timeout` is how long its lifespan may take to end, in seconds.
    """

    target: str
    group: str
    paths: tuple[str, ...]
    drain: float
    stop_timeout: float
    #: How long it may take to be ready, where it starts beside itself, in seconds.
    ready_timeout: float = 60.0
    #: Where it is mounted on its port, which it then may share with others of its group; None: the port is its own.
    prefix: str | None = None
    strip_prefix: bool = False
    #: Whether it starts in the process that is to come in the place of its group's host, and answers nobody before.
    is_beside: bool = False


class Launch(Struct, frozen=True, kw_only=True):
    """A start, complete: the engine adds nothing. Exactly one of `argv`, `shell` and `app` is set."""

    instance: str
    generation: int
    argv: tuple[str, ...] = ()
    shell: str = ""
    app: App | None = None
    directory: str
    env: Mapping[str, str]
    sockets: tuple[HeldSocket, ...] = ()
    user: str = ""
    limits: Limits = Limits()
    #: As honcho starts it: its input is the launcher's, and of a command that is nowhere the shell complains.
    as_honcho: bool = False

    @property
    def run(self) -> Run:
        return Run(self.instance, self.generation)


class Watch(Struct, frozen=True, kw_only=True):
    """What a prober must check: one run, its health check with all references resolved, its port and environment."""

    run: Run
    health: Health
    port: int | None
    directory: str
    env: Mapping[str, str]
