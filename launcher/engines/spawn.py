"""Turn a `Launch` into a process, or into the sentence that says why it can't be one.

A program is executed at once, and looked for only when that failed, to say why. Where a shell must stand before it, it
is looked for beforehand, so that a service that could never run is refused and doesn't appear as a shell that exits
with 127. honcho's Popen makes the process: no `preexec_fn`, so that CPython uses vfork (0.4 ms a process here; fork
takes the longer the more memory we have).

Knows the operating system's rules; nothing of runs, generations or what happens later.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from honcho.process import Popen  # type: ignore[import-untyped]  # honcho has no types

from launcher.engines.commandline import program_of, words_of
from launcher.engines.descent import MARK
from launcher.engines.sockets import variables
from launcher.errors import CommandNotFound, FolderMissing, LauncherError, NotExecutable, SpawnFailed
from launcher.plan.limits import limiting

if TYPE_CHECKING:
    import socket

    from launcher.orchestrator.orders import Launch

#: Where a shell looks when the environment has no PATH (dash and bash agree).
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def spawn(launch: Launch, *, mark: str, held: socket.socket | None, label: str) -> subprocess.Popen[bytes]:
    """Start the process, its output in one pipe, a session of its own; raises what makes it impossible."""
    what = f'cannot start "{label}"'
    before = _before(launch)
    words = None if before else launch.argv or words_of(launch.shell)
    program = launch.argv[0] if launch.argv else program_of(launch.shell)

    def make(argv: tuple[str, ...], executable: str | None = None) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = Popen(
            argv,
            shell=False,
            executable=executable,
            stdin=held.fileno() if held is not None else None if launch.as_honcho else _nowhere(),
            env=environment_of(launch, mark),
            cwd=launch.directory,
            bufsize=0,
            **identity_of(launch.user, what),
        )
        return child

    try:
        if words:
            try:
                # Without a PATH subprocess would look in other folders than a shell does.
                return make(words, None if "PATH" in launch.env else _find(program, launch, what))
            except OSError as error:
                # A script without a first line `#!` is run by the shell itself.
                if launch.argv or not (launch.as_honcho or error.errno == errno.ENOEXEC):
                    raise
        try:
            _find(program, launch, what)
        except (CommandNotFound, NotExecutable):
            if not launch.as_honcho:
                raise
            program = None  # the shell says so itself
        return make(_shell_words(launch, before, simple=program is not None))
    except OSError as error:
        _find(program, launch, what)
        raise _refusal(error, program or "/bin/sh", what) from error
    except (ValueError, subprocess.SubprocessError) as error:
        raise SpawnFailed(f"{what}: {error}") from error


@cache
def _nowhere() -> int:
    """/dev/null, opened once for all."""
    return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def environment_of(launch: Launch, mark: str) -> dict[str, str]:
    """The environment of a start as its process gets it, LISTEN_PID apart."""
    return {**launch.env, **variables(launch.sockets), MARK: marked(launch.env, mark)}


def refuse_folder(launch: Launch, what: str) -> None:
    """Raise FolderMissing where it cannot be started in its directory."""
    if not os.path.isdir(launch.directory):  # noqa: PTH112  (pathlib costs 1 MB that nothing else here needs)
        raise FolderMissing(f"{what}: no such directory: {launch.directory}")


def marked(env: Mapping[str, str], mark: str) -> str:
    """The value of MARK: ours after those of the launchers that we ourselves run under."""
    return f"{env.get(MARK, '')} {mark}".strip()


def _before(launch: Launch) -> list[str]:
    """What only a shell can do before the program replaces it: limits, and a held socket at its descriptor."""
    handing_over = ["exec 3<&0 </dev/null", "export LISTEN_PID=$$"] if launch.sockets else []
    return limiting(launch.limits) + handing_over


def _shell_words(launch: Launch, before: list[str], *, simple: bool) -> tuple[str, ...]:
    """A shell that does what comes before, and then becomes the program or runs the command."""
    if launch.argv:
        return ("/bin/sh", "-c", "\n".join([*before, 'exec "$@"']), "sh", *launch.argv)
    command = f"exec {launch.shell.strip()}" if simple else launch.shell
    return ("/bin/sh", "-c", "\n".join([*before, command]))


def identity_of(user: str, what: str) -> dict[str, Any]:
    """Popen's arguments that make the process run as `user`, with all of that user's groups."""
    if not user:
        return {}
    import pwd  # noqa: PLC0415  (few services name a user)

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise SpawnFailed(f"{what}: no such user: {user}") from None
    if os.geteuid() == entry.pw_uid:
        return {}
    if os.geteuid() != 0:
        raise SpawnFailed(f"{what}: only root can run it as user {user}")
    return {
        "user": entry.pw_uid,
        "group": entry.pw_gid,
        "extra_groups": os.getgrouplist(user, entry.pw_gid),
    }


def _find(program: str | None, launch: Launch, what: str) -> str | None:
    """The program's file by the service's own PATH and folder; refused if there is none or nobody may execute it.

    None: the shell will find what it runs; its folder alone can be missing.
    """
    refuse_folder(launch, what)
    if program is None:
        return None
    path = launch.env.get("PATH", _PATH)
    if "/" in program:
        file = os.path.join(launch.directory, program)  # noqa: PTH118  (as above)
        if not os.path.exists(file):  # noqa: PTH110
            raise CommandNotFound(f"{what}: no such file: {program}")
        if _may_execute(file, launch.user):
            return file
        raise NotExecutable(f"{what}: not executable: {program}")
    for folder in path.split(":"):
        file = os.path.join(launch.directory, folder, program)  # noqa: PTH118
        if _may_execute(file, launch.user):
            return file
    raise CommandNotFound(f"{what}: command not found: {program} (PATH of the service: {path})")


def _may_execute(file: str, user: str) -> bool:
    """Whether it is a file that we may execute; of another user's rights the system judges at the start."""
    return os.path.isfile(file) and bool(user or os.access(file, os.X_OK))  # noqa: PTH113


def _refusal(error: OSError, program: str, what: str) -> LauncherError:
    """What the system said, where the program itself was found."""
    if error.errno == errno.ENOENT:
        return CommandNotFound(f"{what}: the interpreter in the first line (#!) of {program} does not exist")
    if error.errno == errno.ENOEXEC:
        return NotExecutable(f"{what}: {program} is neither a program nor a script with an interpreter (#!)")
    if error.errno == errno.EACCES:
        return NotExecutable(f"{what}: permission denied: {error.filename or program}")
    return SpawnFailed(f"{what}: {error.strerror}")
