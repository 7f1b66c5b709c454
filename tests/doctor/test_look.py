"""What the doctor sees of a real machine: processes, sockets, ports and interpreters that the test has put there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from launcher.control.running import Lock
from launcher.doctor.look import look
from launcher.plan.build import build
from launcher.profile.project import find_project
from launcher.testing import profile_of

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the environment of a process")


@contextmanager
def marked(mark):
    """A process that carries a launcher's mark."""
    process = subprocess.Popen(["sleep", "600"], env={**os.environ, "LAUNCHER_MARK": mark})
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def gone():
    """The number of a process that is there no more."""
    done = subprocess.Popen(["true"])
    done.wait()
    return done.pid


@pytest.fixture
def see(tmp_path):
    """Look at a project with these services."""
    (tmp_path / "profiles").mkdir()
    folder = tmp_path / ".launcher" / "dev"

    def look_at(services=None, *, problems=(), **settings):
        profile = profile_of(services or {"api": {}}, **settings)
        plan = None if problems else build(profile, is_free=lambda _port: True)
        project = find_project(tmp_path)
        return look(
            project, folder=folder, profile="dev", plan=plan, problems=problems, memory=None, environ=os.environ
        )

    look_at.folder = folder
    look_at.root = tmp_path
    return look_at


@linux_only
@pytest.mark.parametrize(
    ("launcher", "made", "is_orphan"),
    [
        (os.getpid, time.time_ns, False),
        (gone, time.time_ns, True),
        (os.getpid, lambda: 1_000_000_000 * 10**9, True),  # its number is another process's by now
    ],
    ids=["alive", "gone", "recycled"],
)
def test_an_orphan_is_a_process_whose_launcher_is_gone(see, launcher, made, is_orphan):
    """By the mark in its environment, which tells the launcher's number and when it began."""
    with marked(f"{launcher():x}-{made():x}:api.1:3") as pid:
        found = {orphan.pid: orphan for orphan in see().orphans}
    assert (pid in found) == is_orphan
    if is_orphan:
        assert (found[pid].instance, found[pid].command) == ("api.1", "sleep 600")


@linux_only
@pytest.mark.parametrize("mark", ["guard", "", "x:y", "zz-1:api.1:1:2", "nonsense"])
def test_other_marks_make_no_orphan(see, mark):
    """The guard's own, and what is none."""
    with marked(mark) as pid:
        assert pid not in {orphan.pid for orphan in see().orphans}


@linux_only
def test_a_process_below_two_launchers_is_no_orphan_while_one_lives(see):
    """A launcher that was a service: the outer one still looks after it."""
    with marked(f"{os.getpid():x}-{time.time_ns():x}:ci.1:1 {gone():x}-{time.time_ns():x}:api.1:1") as pid:
        assert pid not in {orphan.pid for orphan in see().orphans}


def test_sockets_are_stale_where_no_launcher_holds_the_folder(see):
    """Those of a launcher that runs are its own, and other files are none."""
    see.folder.mkdir(parents=True)
    (see.folder / "state.json").touch()
    with socket.socket(socket.AF_UNIX) as left:
        cwd = Path.cwd()
        os.chdir(see.folder)  # the path of a test is longer than an address
        try:
            left.bind("control.sock")
        finally:
            os.chdir(cwd)
    assert see().stale_sockets == (str(see.folder / "control.sock"),)
    lock = Lock(see.folder)
    assert lock.acquire("dev")
    try:
        assert see().stale_sockets == ()
    finally:
        lock.release()


@pytest.mark.slow
def test_a_port_is_seen_with_its_holder(see):
    """And our own launcher is told from a stranger by holding the run folder."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        services = {"api": {"port": listener.getsockname()[1]}}
        (port,) = see(services).ports
        assert f"pid {os.getpid()} (" in port.holder
        assert not port.is_ours
        lock = Lock(see.folder)
        assert lock.acquire("dev")
        try:
            assert see(services).ports[0].is_ours
        finally:
            lock.release()
    assert see(services).ports[0].holder == ""


@pytest.mark.slow
def test_interpreters_of_apps_are_asked_what_they_have(see):
    """Each once; one that is missing or no Python says why."""
    lacks = see.root / "lacks"
    lacks.write_text("#!/bin/sh\necho no such thing >&2\nexit 3\n")
    lacks.chmod(0o755)
    machine = see(
        {
            "web": {"app": "a:b", "command": None, "python": sys.executable},
            "api": {"app": "a:b", "command": None, "python": sys.executable},
            "odd": {"app": "a:b", "command": None, "python": str(lacks)},
            "old": {"app": "a:b", "command": None, "python": "/nowhere/python"},
        }
    )
    ours, odd, old = machine.interpreters
    assert (ours.services, ours.version, bool(ours.uvicorn)) == (
        ("web", "api"),
        "{}.{}.{}".format(*sys.version_info[:3]),
        True,
    )
    assert odd.error == "no such thing"
    assert old.error == "No such file or directory"


def test_secrets_and_open_env_files_are_found_in_the_project(see):
    """In every profile, whichever is asked for."""
    (see.root / "profiles" / "prod.toml").write_text('[env]\nDB_PASSWORD = "x"\n')
    for name, mode in (("open.env", 0o644), ("closed.env", 0o600)):
        (see.root / name).touch()
        (see.root / name).chmod(mode)
    machine = see(env_file=["open.env", "closed.env", "missing.env"])
    assert [secret.place for secret in machine.written_secrets] == ["profiles/prod.toml:2"]
    assert machine.open_env_files == ("open.env",)


def test_a_profile_that_cannot_be_loaded_leaves_the_rest_to_be_seen(see):
    machine = see(problems=["E1004 no key"])
    assert machine.profile_problems == ("E1004 no key",)
    assert machine.disk_free
    assert machine.python == sys.version_info[:3]
    assert abs(machine.clock_step) < 0.05
