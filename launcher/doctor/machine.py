"""What there is to know before judging: one frozen `Machine`, and the `Finding` that a judgement is.

Plain values. `look` fills them in, `findings` judges them.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Grade(StrEnum):
    """`warn`: it works, and will hurt one day. `bad`: something does not work, or is not safe."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


class Finding(Struct, frozen=True):
    """One thing looked at: how it stands, and, where that is not well, what to do."""

    grade: Grade
    what: str
    remedy: str = ""


class Interpreter(Struct, frozen=True, kw_only=True):
    """The Python that serves the apps of some services; without uvicorn that is empty, mute it has an `error`."""

    path: str
    services: tuple[str, ...]
    version: str = ""
    uvicorn: str = ""
    error: str = ""


class Port(Struct, frozen=True, kw_only=True):
    """A port that an instance asks for, and who listens on it: nobody, our own launcher, or a stranger."""

    label: str
    number: int
    drawn: bool = False
    holder: str = ""
    is_ours: bool = False


class Orphan(Struct, frozen=True, kw_only=True):
    """A process that a launcher started which is gone."""

    pid: int
    instance: str
    command: str


class WrittenSecret(Struct, frozen=True, kw_only=True):
    """A secret whose value stands in a file that is kept and shared: where, and the name of the key."""

    place: str
    key: str


class Machine(Struct, frozen=True, kw_only=True):
    """Everything looked at. Sizes in bytes, times in seconds; None: the system does not tell."""

    python: tuple[int, int, int]
    executable: str
    in_venv: bool
    #: Distributions that launcher stands on, with their versions; empty: not installed.
    versions: dict[str, str] = {}
    #: Why the profile cannot be loaded; what follows from it is then empty.
    profile: str = ""
    profile_problems: tuple[str, ...] = ()
    interpreters: tuple[Interpreter, ...] = ()
    ports: tuple[Port, ...] = ()
    instances: int = 0
    written_secrets: tuple[WrittenSecret, ...] = ()
    #: Env files that others than their owner may read.
    open_env_files: tuple[str, ...] = ()
    #: Sockets in run folders that no launcher holds.
    stale_sockets: tuple[str, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    #: How many files a process may have open: the soft and the hard limit.
    open_files: tuple[int, int] | None = None
    inotify_watches: int | None = None
    #: How far the wall clock moved against the monotonic one while it was looked at.
    clock_step: float = 0.0
    #: How far in the future the newest file of .launcher was written.
    from_the_future: float = 0.0
    #: The year on the wall clock.
    year: int = 0
    folder: str = ""
    disk_free: int | None = None
    inodes_free: int | None = None
    is_writable: bool = True
