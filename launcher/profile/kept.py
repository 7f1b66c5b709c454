"""The profile of the last start, kept in the run folder, and taken again while nothing that it was made of has changed.

Reading, merging and checking a profile costs a start 20 ms and 1 MB of modules, comparing the dates of its files 0.3
ms. A rim, as `load` is: it looks at files' dates, and asks the machine again what the checks asked. Knows nothing of
what profiles mean; anything odd about what is kept means that it is read anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from launcher import __version__
from launcher.files import PRIVATE, write_whole
from launcher.profile import facts
from launcher.profile.loaded import Loaded
from launcher.profile.machine import Facts, Wanted
from launcher.profile.model import Profile

#: A file changed less than so long ago, in seconds, may change again without its date telling: it is not relied on.
SETTLED = 0.1

#: What of the environment has a say in a profile.
_PREFIX = "LAUNCHER__"


class Stamp(Struct, frozen=True):
    """A file's identity and date, as a compiled Python file keeps them of its source; zeros: there is no file."""

    path: str
    modified: int = 0
    size: int = 0
    inode: int = 0


class Asked(Struct, frozen=True):
    """What was asked for: another profile, project, version, variable or flag is another profile."""

    version: str
    root: str
    name: str
    variables: dict[str, str]
    sets: tuple[str, ...]


class Kept(Struct, frozen=True, kw_only=True):
    """The whole file."""

    asked: Asked
    stamps: tuple[Stamp, ...]
    wanted: Wanted
    facts: Facts
    profile: Profile


def recall(path: Path, root: Path, name: str, *, environ: Mapping[str, str], sets: Iterable[str]) -> Loaded | None:
    """The profile kept in `path`, without origins, if it is what reading it now would give; else None."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if kept.asked != _asked(root, name, environ, sets) or any(_stamp(stamp.path) != stamp for stamp in kept.stamps):
        return None
    if facts.ask(kept.wanted, root=str(root), environ=environ) != kept.facts:
        return None
    return Loaded(
        profile=kept.profile,
        origins={},
        warnings=[],
        files=[Path(stamp.path) for stamp in kept.stamps],
        wanted=kept.wanted,
        facts=kept.facts,
    )


def keep(path: Path, root: Path, name: str, loaded: Loaded, *, environ: Mapping[str, str], sets: Iterable[str]) -> None:
    """Keep a profile in `path`, for its owner only; or none, and the next start reads anew.

    One with warnings is not kept, for they are to be said each time; nor one with secrets, written in it or given by a
    variable or flag, which belong in no further file; nor any where it cannot be written.
    """
    stamps = tuple(_stamp(str(file)) for file in loaded.files)
    now = time.time_ns()
    asked = _asked(root, name, environ, sets)
    if (
        loaded.warnings
        or _holds_secrets(loaded.profile)
        or _has_secret(asked, loaded.profile.settings.secret)
        or any(now - stamp.modified < SETTLED * 1e9 for stamp in stamps)
    ):
        return
    kept = Kept(
        asked=asked,
        stamps=stamps,
        wanted=loaded.wanted,
        facts=loaded.facts,
        profile=loaded.profile,
    )
    with suppress(OSError):
        write_whole(path, msgspec.json.encode(kept), mode=PRIVATE)


def _holds_secrets(profile: Profile) -> bool:
    from launcher.profile.secrets import is_credential, secret_values, userinfo_in  # noqa: PLC0415  (not to recall)

    envs = (profile.env, *(service.env for service in profile.services.values()))
    checks = [service.health for service in profile.services.values() if service.health is not None]
    return (
        any(secret_values(env, profile.settings.secret) for env in envs)
        or any(is_credential(header) for check in checks for header in check.headers)
        or bool(userinfo_in(msgspec.json.encode(profile).decode()))
    )


def _asked(root: Path, name: str, environ: Mapping[str, str], sets: Iterable[str]) -> Asked:
    variables = {variable: value for variable, value in environ.items() if variable.startswith(_PREFIX)}
    return Asked(__version__, str(root), name, variables, tuple(sets))


def _has_secret(asked: Asked, extra: Iterable[str]) -> bool:
    from launcher.profile.secrets import is_secret, mask_urls  # noqa: PLC0415  (for a profile newly read)

    given = [
        *asked.variables.items(),
        *((path, value) for path, _, value in (text.partition("=") for text in asked.sets)),
    ]
    return any(
        is_secret(path.replace("__", ".").rpartition(".")[2], extra) or mask_urls(value) != value
        for path, value in given
    )


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116  (pathlib's is three calls more)
    except OSError:
        return Stamp(path)
    return Stamp(path, found.st_mtime_ns, found.st_size, found.st_ino)
