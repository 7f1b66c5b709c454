"""What tests of every room share: a project folder to build, a bounded wait, the check that nothing stays alive."""

from __future__ import annotations

import os
import signal
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from hypothesis import settings

T = TypeVar("T")

#: In the environment of whatever the tests start, so that a daemon is found whoever has adopted it.
MARK = "LAUNCHER_TEST_SESSION"


class ProjectFolder:
    """A project in a temporary folder: `folder.profile("dev", TEXT)` writes profiles/dev.toml."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        """Write a file, given relative to the project; common indentation goes."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def profile(self, name: str, text: str) -> Path:
        """Write profiles/NAME.toml."""
        return self.write(f"profiles/{name}.toml", text)

    def procfile(self, text: str) -> Path:
        """Write the Procfile."""
        return self.write("Procfile", text)

    def script(self, name: str, text: str) -> Path:
        """Write an executable file; the text begins with its `#!` line."""
        path = self.write(name, text)
        path.chmod(0o755)
        return path


# Some properties start processes, and all tests share the machine: how long an example takes proves nothing.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """An empty project folder."""
    return ProjectFolder(tmp_path)


@pytest.fixture
def eventually() -> Callable[..., object]:
    """`eventually(predicate, timeout=5)`: see `wait_until`."""
    return wait_until


def wait_until(predicate: Callable[[], T], timeout: float = 5.0) -> T:
    """Return the first true value of `predicate`; fail once `timeout` seconds have passed without one.

    For what a process of somebody else does, where there is nothing to wait on: asks after 1 ms and then ever more
    slowly, up to every 50 ms.
    """
    deadline = time.monotonic() + timeout
    pause = 0.001
    while not (value := predicate()):
        if time.monotonic() > deadline:
            pytest.fail(f"not so after {timeout} s: {getattr(predicate, '__name__', predicate)}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return value


@pytest.fixture(scope="session", autouse=True)
def nothing_left_alive() -> Iterator[None]:
    """Fail the session if a process that a test started, or a descendant of one, outlives it."""
    mark = uuid.uuid4().hex
    os.environ[MARK] = mark
    yield
    with suppress(pytest.fail.Exception):
        wait_until(lambda: not left_alive(mark), timeout=2)
    left = left_alive(mark)
    names = [f"pid {process.pid}: {told(process)}" for process in left]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    if names:
        pytest.fail("tests left these processes behind (now killed):\n  " + "\n  ".join(names))


def left_alive(mark: str) -> list[psutil.Process]:
    """Living processes that carry `mark`, and children of this process."""
    me = psutil.Process()
    found = {process.pid: process for process in me.children(recursive=True)}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != me.pid and process.environ().get(MARK) == mark:
                found[process.pid] = process
    return [process for process in found.values() if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs, and is no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def told(process: psutil.Process) -> str:
    """Its command line, for people."""
    try:
        return " ".join(process.cmdline())[:200]
    except psutil.Error:
        return "gone meanwhile"
