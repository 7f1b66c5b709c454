"""What a profile asks of the machine, and what the machine answered: two frozen values, and nothing else."""

from __future__ import annotations

from msgspec import Struct


class Wanted(Struct, frozen=True, kw_only=True):
    """What to look up; paths as the profile has them, relative to the project."""

    folders: frozenset[str]
    files: frozenset[str]
    programs: frozenset[str]
    users: frozenset[str]


class Facts(Struct, frozen=True, kw_only=True):
    """What of the wanted there is: folders, files that can be read, programs that can be run, users."""

    folders: frozenset[str]
    files: frozenset[str]
    programs: frozenset[str]
    users: frozenset[str]
    #: Who runs the launcher, and whether it may become somebody else.
    user: str
    is_root: bool
    #: Names of signals without `SIG`.
    signals: frozenset[str]
