"""`launcher start` with `engine = "supervisord"`: supervisord in the background, and this command follows its agent.

The profile is exported to the run folder, supervisord is started there under a guard, so that nothing outlives it, and
from then on this is a client like any other: the agent starts, decides and stops.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.cli.join import follow, join, supervisord_of
from launcher.control.running import holder
from launcher.errors import EngineCannot, RunFolderUnusable

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.cli.target import Target

#: How long supervisord and its agent may take to come up, or to end, in seconds; it is a fraction of one.
PATIENCE = 15.0
#: What supervisord keeps open when it begins anew (`cleanup_fds`), and none of its programs inherits.
_GUARDED = 3


def start_supervised(target: Target, args: Namespace) -> int:
    """Have what was asked for started under supervisord; the exit status."""
    folder = target.folder
    _make(folder)
    with _alone(folder):
        _await_the_last(folder)
        joins = holder(folder) is not None
        if not joins:
            _export(target)
            process = _spawn(folder)
            _await_agent(folder, process)
    return join(target, args) if joins else follow(target, args)


def _make(folder: Path) -> None:
    from launcher.cli.export import make_folders  # noqa: PLC0415
    from launcher.errors import OutputUnwritable  # noqa: PLC0415

    try:
        make_folders(folder, "")
    except OutputUnwritable as problem:
        raise RunFolderUnusable(problem.sentence) from problem


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One start at a time: the next one waits, and joins what this one has made."""
    descriptor = os.open(folder / "starting", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _await_the_last(folder: Path) -> None:
    """A supervisord that has no agent is ending, or has one in a moment."""
    deadline = time.monotonic() + PATIENCE
    while holder(folder) is None and _listens(folder, "supervisor.sock"):
        if time.monotonic() > deadline:
            pid = supervisord_of(folder) or "?"
            raise EngineCannot(
                f"supervisord (pid {pid}) runs in {folder}, but its agent does not",
                remedy=f"{folder / 'logs' / 'agent.log'} says why; `kill {pid}` ends supervisord.",
            )
        time.sleep(0.01)  # neither tells who is not its child


def _listens(folder: Path, name: str) -> bool:
    from launcher.control.address import reachable  # noqa: PLC0415

    with socket.socket(socket.AF_UNIX) as sock:
        try:
            with reachable(folder, name) as address:
                sock.connect(address)
        except OSError:
            return False
    return True


def _export(target: Target) -> None:
    """Write the configuration and the plan, secrets and all: for the owner's eyes, in the owner's folder."""
    from launcher.cli.export import AGENT_WORDS, pythons_of  # noqa: PLC0415
    from launcher.cli.run import refuse_taken_ports  # noqa: PLC0415
    from launcher.control.claims import Claims  # noqa: PLC0415
    from launcher.exporters.base import Agent, Options  # noqa: PLC0415
    from launcher.exporters.names import word_of  # noqa: PLC0415
    from launcher.exporters.supervisord import Supervisord  # noqa: PLC0415
    from launcher.files import PRIVATE, write_whole  # noqa: PLC0415
    from launcher.host import SERVE  # noqa: PLC0415
    from launcher.orchestrator.store import FileStore  # noqa: PLC0415

    memory = FileStore(target.folder / "state.json", lambda _note: None).load()
    plan = target.plan(memory=memory, claims=Claims())
    refuse_taken_ports(plan, target.services)
    agent = Agent(
        words=AGENT_WORDS,
        run=str(target.folder.absolute()),
        settings=target.loaded.profile.settings,
        attended=True,
    )
    rendered = Supervisord().render(
        plan,
        Options(
            app=word_of(target.project.root.name),
            pythons=pythons_of(target),
            serve=SERVE,
            with_secrets=True,
            agent=agent,
        ),
    )
    for caution in rendered.cautions():
        print(caution, file=sys.stderr)
    try:
        for file in rendered.files:
            write_whole(target.folder / file.name, file.content.encode(), mode=PRIVATE)
    except OSError as problem:
        raise RunFolderUnusable(f"cannot write to {target.folder}: {problem.strerror}") from problem


def _spawn(folder: Path) -> int:
    """Start supervisord, in a session of its own, with the guard's pipe and mark; its process id."""
    from launcher.engines.descent import MARK  # noqa: PLC0415
    from launcher.engines.guard import fork_guard  # noqa: PLC0415
    from launcher.engines.spawn import marked  # noqa: PLC0415

    guard = fork_guard()
    env = {**os.environ, MARK: marked(os.environ, f"{guard.id}:supervisord:1")}
    words = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--silent"]
    said = str(folder / "logs" / "supervisord.err")
    try:
        process = os.posix_spawn(
            sys.executable,
            [*words, "--configuration", str(folder / "supervisord.conf")],
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, guard.descriptor, _GUARDED),
            ],
            setsid=True,
        )
    except OSError as problem:
        guard.dismiss()
        raise EngineCannot(f"cannot start supervisord: {problem.strerror}") from problem
    guard.await_birth()
    guard.let_go()
    return process


def _await_agent(folder: Path, process: int) -> None:
    """Wait until the agent can be spoken to; what keeps it from that is an error, and ends supervisord."""
    from launcher.control.address import SOCKET_NAME  # noqa: PLC0415

    deadline = time.monotonic() + PATIENCE
    while holder(folder) is None or not _listens(folder, SOCKET_NAME):
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            raise EngineCannot(f"supervisord ended with code {code}: {_last(folder / 'logs' / 'supervisord.err')}")
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGTERM)
            os.waitpid(process, 0)
            raise EngineCannot(f"supervisord's agent does not come up: {_last(folder / 'logs' / 'agent.log')}")
        time.sleep(0.01)  # a name that appears in a folder tells nobody, on all systems


def _last(path: Path) -> str:
    """What a log ends with; of supervisord's own words the error, which it lets a hint follow."""
    with suppress(OSError):
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        errors = [line for line in lines if line.startswith("Error: ")]
        if lines:
            return (errors or lines)[-1]
    return f"{path} says nothing"
