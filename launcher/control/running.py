"""Which launchers run in a project: each holds the flock of RUN/lock for as long as it lives.

The kernel drops the lock with the process, however that ends, so there are no stale ones to judge. What stands in the
file (process id and profile) is for people; only the lock itself counts. A process forked from the launcher without an
exec shares the lock and must close its copy (`descriptor`).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from msgspec import Struct

from launcher.errors import NothingRunning, RunFolderUnusable, SeveralRunning

FOLDER: Final = ".launcher"
LOCK_NAME: Final = "lock"


class Running(Struct, frozen=True):
    """A launcher that runs: its profile, its run folder and its process (0 while it is just starting)."""

    profile: str
    folder: Path
    pid: int


def run_folder(root: Path, profile: str) -> Path:
    """RUN of a profile, unless --run-dir says otherwise."""
    return root / FOLDER / profile


class Lock:
    """The lock of one run folder: one launcher per profile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1
        self._profile = ""

    @property
    def descriptor(self) -> int:
        """The open descriptor that holds the lock, -1 when it is not held."""
        return self._descriptor

    def acquire(self, profile: str) -> bool:
        """Take the lock, making the folder (0700) if need be; False: another launcher has it."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            descriptor = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise RunFolderUnusable(f"cannot use {self._folder}: {problem.strerror}") from problem
        try:
            if not _take(descriptor):
                os.close(descriptor)
                return False
        except OSError as problem:
            os.close(descriptor)
            raise RunFolderUnusable(f"cannot lock {self._folder}: {problem.strerror}") from problem
        self._descriptor, self._profile = descriptor, profile
        try:
            self.sign()
        except RunFolderUnusable:
            self.release()
            raise
        return True

    def sign(self) -> None:
        """Write into it that this process holds it; after a fork, for the process that goes on with it."""
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()} {self._profile}\n".encode(), 0)
        except OSError as problem:
            raise RunFolderUnusable(f"cannot write to {self._folder}: {problem.strerror}") from problem

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two launchers lock two files of one name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _take(descriptor: int) -> bool:
    """Lock it exclusively; False when a launcher has it.

    `holder` locks it in shared mode for an instant, which is no launcher: whoever can share the lock tries again.
    """
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        else:
            return True


def holder(folder: Path) -> Running | None:
    """The launcher that runs in this run folder, if one does."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pid, _, profile = os.pread(descriptor, 4096, 0).decode("utf-8", "replace").strip().partition(" ")
        return Running(profile or folder.name, folder, int(pid) if pid.isdigit() else 0)
    else:
        return None
    finally:
        os.close(descriptor)


def await_release(folder: Path) -> None:
    """Wait until no launcher runs in this run folder; the kernel tells."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def running(root: Path) -> list[Running]:
    """The launchers that run in this project, by profile."""
    folders = sorted(lock.parent for lock in (root / FOLDER).glob(f"*/{LOCK_NAME}"))
    return [found for found in map(holder, folders) if found is not None]


def choose(root: Path, named: str | None) -> Running:
    """The launcher that a command means: of the profile named, else the only one that runs."""
    if named is not None:
        found = holder(run_folder(root, named))
        if found is None:
            others = ", ".join(other.profile for other in running(root))
            raise NothingRunning(
                f"profile {named} is not running" + (f" (running: {others})" if others else ""),
                remedy=f"Start it: launcher start --profile {named}.",
            )
        return found
    candidates = running(root)
    if not candidates:
        raise NothingRunning(f"nothing is running in {root}")
    if len(candidates) > 1:
        listed = ", ".join(f"{one.profile} (pid {one.pid})" for one in candidates)
        raise SeveralRunning(f"{len(candidates)} launchers are running here: {listed}")
    return candidates[0]
