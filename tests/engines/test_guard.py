"""No orphans: a launcher killed with -9 takes everything it started with it, one that says goodbye nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from launcher.engines.guard import Guard
from tests.engines.world import alive, wait_gone

#: A process with the engine and the guard, and services of every kind; it prints the numbers of all processes when the
#: guard has been told of a session that is no service's.
LAUNCHER = """
import os, sys, threading
from launcher.engines.guard import Guard, fork_guard
told = threading.Event()
class Telling(Guard):
    def watch(self, *sessions):
        super().watch(*sessions)
        if any(not pipe for _, pipe in sessions):
            told.set()
guard = fork_guard()
guard.__class__ = Telling
from launcher.engines.local import LocalEngine
from launcher.engines.reader import Reader
from launcher.orchestrator.orders import Run
from tests.engines import test_faults
from tests.engines.world import PATIENCE, Events, Memory, launch, plan_of, python

end, *kinds = sys.argv[1:]
events, sink = Events(), Memory()
engine = LocalEngine(reader=Reader(), guard=guard)
engine.open(plan_of("deaf", "shell", *kinds), events.post, sink)
engine.start(launch("deaf.1", argv=python(test_faults.DEAF)))
engine.start(launch("shell.1", shell="sleep 1000 & setsid sleep 1000 & echo up; wait"))
for kind in kinds:
    code = test_faults.DAEMON.format(become=getattr(test_faults, kind), then=test_faults.PAUSE)
    engine.start(launch(f"{kind}.1", argv=python(code)))
for name in ("deaf", "shell", *kinds):
    sink.wait_for(Run(f"{name}.1", 1), b"up")
daemons = [test_faults.number_after(b"daemon", sink, Run(f"{kind}.1", 1)) for kind in kinds]
assert told.wait(PATIENCE)
print(*events.left_running(), *daemons, flush=True)
if end == "bye":
    engine.close()
    guard.dismiss()
    os._exit(0)
sys.stdin.read()
"""


def children_of(pids: list[int]) -> list[int]:
    """Their children, as the table of processes has them now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) in pids:
            found.append(int(path.parent.name))
    return found


def start_launcher(*words: str) -> tuple[subprocess.Popen[bytes], list[int]]:
    """The launcher's process, and all processes it says it has started, with their children."""
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    return process, sorted({*pids, *children_of(pids)})


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("SLEEP", "CLEARED"), ("SILENT",)], ids=["daemons", "one-that-nothing-betrays"])
def test_kill_9_of_the_launcher_leaves_nothing_alive(kinds: tuple[str, ...]) -> None:
    """Deaf ones, workers, other sessions, daemons without environment or output: gone within a second."""
    process, pids = start_launcher("wait", *kinds)
    assert len(alive(pids)) == 4 + 2 * len(kinds)
    process.kill()
    killed = time.monotonic()
    wait_gone(*pids)
    assert time.monotonic() - killed < 1
    process.communicate()


@pytest.mark.slow
def test_a_launcher_that_says_goodbye_leaves_everything_alone() -> None:
    """What still runs at an orderly end is meant to."""
    process, pids = start_launcher("bye", "SLEEP")
    process.communicate()
    try:
        assert set(pids) == set(alive(pids))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def guard_in_a_child(tell: str, **options: Any) -> tuple[int, subprocess.Popen[bytes]]:
    """A child with a guard that executes `tell`, waits for a line and dies by -9; the guard's number."""
    code = (
        "import os, sys; sys.path.insert(0, os.getcwd()); from launcher.engines.guard import fork_guard; "
        f"guard = fork_guard(); guard.await_birth(); print(guard.id, flush=True); {tell or 'pass'}; "
        "sys.stdin.readline(); os.kill(os.getpid(), 9)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    assert child.stdout is not None
    identity = child.stdout.readline().strip()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().endswith(b"launcher-guard\0" + identity + b"\0"):
                return int(path.parent.name), child
        except OSError:
            continue
    raise AssertionError("no guard runs")


def sleeper(**options: Any) -> subprocess.Popen[bytes]:
    """A process in a session of its own that has been told of to nobody."""
    return subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True, **options)


def test_a_forgotten_session_is_spared() -> None:
    """What is gone is struck out, among others, so that its number may be somebody else's."""
    told, forgotten = sleeper(), sleeper()
    watch = "; ".join(f"guard.watch(({pid}, 7))" for pid in (1 << 22, forgotten.pid, told.pid))
    tell = f"{watch}; guard.forget({forgotten.pid}, 7)"
    guard, child = guard_in_a_child(tell)
    child.communicate(b"\n")
    wait_gone(told.pid, guard)
    assert alive([forgotten.pid]) == [forgotten.pid]
    forgotten.kill()
    told.wait()
    forgotten.wait()


def test_a_process_that_hides_is_found_by_its_pipe() -> None:
    """Neither session nor environment betrays it, but it still writes where the launcher read."""
    reading, writing = os.pipe()
    hidden = sleeper(stdout=writing, env={})
    guard, child = guard_in_a_child(f"guard.watch((1 << 22, {os.fstat(reading).st_ino}))")
    os.close(writing)
    child.communicate(b"\n")
    wait_gone(hidden.pid, guard)
    os.close(reading)
    hidden.wait()


def held_by(pid: int) -> set[Path]:
    """What a process's descriptors lead to; the shell may be closing one while we look."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            held.add(descriptor.readlink())
    return held


def test_the_guard_keeps_nothing_of_ours(eventually) -> None:
    """Neither our child, nor in our session, nor holding a descriptor, nor deterred by a signal."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    guard, child = guard_in_a_child("", pass_fds=(writing,))
    os.close(writing)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(guard, number)
    fields = Path(f"/proc/{guard}/stat").read_bytes().rpartition(b")")[2].split()
    assert fields[0] in (b"S", b"R")
    assert int(fields[1]) != child.pid
    assert int(fields[3]) != os.getsid(0)
    assert Path(f"/proc/{guard}/cwd").readlink() == Path("/")
    assert eventually(lambda: len(held_by(guard)) == 2), "its own pipe and /dev/null"
    assert Path(f"pipe:[{os.fstat(reading).st_ino}]") not in held_by(guard)
    os.close(reading)
    child.communicate(b"\n")
    wait_gone(guard)


def test_a_guard_that_is_gone_is_nothing_to_die_of() -> None:
    """Telling it anything is harmless, after its end and after ours."""
    reading, writing = os.pipe()
    os.close(reading)
    guard = Guard("x", writing)
    guard.watch((1 << 22, 0))
    guard.dismiss()
    guard.forget(1 << 22)
