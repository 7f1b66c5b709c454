"""Who runs in a project is who holds a lock: real processes, real locks."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from launcher.control import running
from launcher.control.running import Lock, Running, choose, holder, run_folder
from launcher.errors import NothingRunning, RunFolderUnusable, SeveralRunning

HOLDS = """
import sys
from pathlib import Path
from launcher.control.running import Lock
lock = Lock(Path(sys.argv[1]))
print(lock.acquire("dev"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def another():
    """Start processes that take the lock of a folder and keep it until they are killed."""
    made = []

    def take(folder) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLDS, str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        made.append(process)
        assert process.stdout.readline() == "True\n"
        return process

    yield take
    for process in made:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_lock_ends_with_its_process_however_that_ends(tmp_path, another):
    folder = run_folder(tmp_path, "dev")
    process = another(folder)
    assert holder(folder) == Running("dev", folder, process.pid)
    assert not Lock(folder).acquire("dev")
    process.kill()
    process.wait()
    assert holder(folder) is None
    lock = Lock(folder)
    assert lock.acquire("dev")
    lock.release()


def test_the_run_folder_is_its_owners(tmp_path):
    lock = Lock(run_folder(tmp_path, "dev"))
    assert lock.acquire("dev")
    assert stat.S_IMODE((tmp_path / ".launcher" / "dev").stat().st_mode) == 0o700
    assert (tmp_path / ".launcher" / "dev" / "lock").read_text() == f"{os.getpid()} dev\n"
    lock.release()


def test_looking_never_makes_a_start_fail(tmp_path):
    """A look shares the lock for an instant; a start that meets one must not take it for a launcher."""
    folder = run_folder(tmp_path, "dev")
    first = Lock(folder)
    assert first.acquire("dev")
    first.release()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            assert not (found := holder(folder)) or found.pid in {0, os.getpid()}

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    taken = []
    for _ in range(100):
        lock = Lock(folder)
        taken.append(lock.acquire("dev"))
        lock.release()
    done.set()
    for looker in lookers:
        looker.join(10)
    assert all(taken)


def test_a_file_in_the_place_of_the_run_folder_is_told(tmp_path):
    (tmp_path / ".launcher").write_text("")
    with pytest.raises(RunFolderUnusable, match=r"cannot use .*dev"):
        Lock(run_folder(tmp_path, "dev")).acquire("dev")


def test_what_a_command_means(tmp_path):
    """The profile named; else the only one that runs; several are listed, none is exit status 3."""
    locks = {name: Lock(run_folder(tmp_path, name)) for name in ("dev", "full", "old")}
    for name, lock in locks.items():
        assert lock.acquire(name)
    locks["old"].release()
    with pytest.raises(SeveralRunning, match=r"2 launchers .* dev \(pid \d+\), full \(pid \d+\)"):
        choose(tmp_path, None)
    assert choose(tmp_path, "full").profile == "full"
    with pytest.raises(NothingRunning, match=r"profile old is not running \(running: dev, full\)"):
        choose(tmp_path, "old")
    locks["full"].release()
    assert choose(tmp_path, None).profile == "dev"
    locks["dev"].release()
    with pytest.raises(NothingRunning) as raised:
        choose(tmp_path, None)
    assert raised.value.status == 3
    assert running.running(tmp_path) == []
