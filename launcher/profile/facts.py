"""Asks the machine, once, what a profile needs to be known: the rim of the checks.

Knows the file system, the users and the signals; judges nothing.
"""

# os.path answers False where pathlib raises: no permission, a NUL in the name.
# ruff: noqa: PTH112, PTH113, PTH118

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from launcher.profile.machine import Facts, Wanted


def ask(wanted: Wanted, *, root: str, environ: Mapping[str, str]) -> Facts:
    """Look up everything wanted; paths are relative to `root`, bare programs are sought on the PATH of `environ`."""
    return Facts(
        folders=frozenset(path for path in wanted.folders if os.path.isdir(os.path.join(root, path))),
        files=frozenset(path for path in wanted.files if _is_readable(os.path.join(root, path))),
        programs=frozenset(name for name in wanted.programs if _is_program(name, root, environ)),
        users=frozenset(name for name in wanted.users if _is_user(name)),
        user=_own_name() if wanted.users else "",
        is_root=os.geteuid() == 0,
        signals=frozenset(known.name.removeprefix("SIG") for known in signal.Signals),
    )


def _is_readable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.R_OK)


def _is_program(name: str, root: str, environ: Mapping[str, str]) -> bool:
    folders = [root] if "/" in name else environ.get("PATH", os.defpath).split(os.pathsep)
    candidates = (os.path.join(folder, name) for folder in folders)
    return any(os.path.isfile(path) and os.access(path, os.X_OK) for path in candidates)


def _is_user(name: str) -> bool:
    import pwd  # noqa: PLC0415  (few profiles name users)

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _own_name() -> str:
    import pwd  # noqa: PLC0415  (few profiles name users)

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run under a number without a name
        return str(os.geteuid())
