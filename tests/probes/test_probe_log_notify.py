"""The log and notify probes: told once, by the service itself."""

from __future__ import annotations

import os
import pwd
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.errors import NotifySocketUnavailable
from launcher.orchestrator.events import Imported, Probed, Verdict
from launcher.orchestrator.orders import Run
from launcher.probes.notify import imported_of, parse_datagram
from launcher.profile.model import Health

RUN = Run("api.1", 1)
LOG = Health(log="listening on .*")
NOTIFY = Health(notify=True)


def send(path: str, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(data, path)


def test_a_line_makes_ready(bench) -> None:
    """The first line that the expression finds is the answer; no other line is looked at."""
    assert bench.scheduler.prepare(RUN, LOG) == {}
    bench.watch(LOG, run=RUN)
    bench.taps.prints(RUN, "starting")
    assert bench.posted.empty()
    bench.taps.prints(RUN, "INFO: listening on 80")
    assert bench.next() == Probed("api.1", 1, Verdict(ok=True, answer="INFO: listening on 80"))
    assert bench.posted.empty()


def test_a_line_before_the_watch_waits_for_it(bench) -> None:
    """What a quick service prints before the loop has heard of its start is told when it has."""
    bench.scheduler.prepare(RUN, LOG)
    bench.taps.prints(RUN, "listening on 80")
    assert bench.posted.empty()
    bench.watch(LOG, run=RUN)
    assert bench.verdict().answer == "listening on 80"
    assert bench.posted.empty()


def test_an_unwatched_log_is_silent(bench) -> None:
    """After unwatch a line that was found, or comes late, is not told."""
    bench.scheduler.prepare(RUN, LOG)
    _, matched = bench.taps.tapped[RUN]
    bench.taps.prints(RUN, "listening on 80")
    bench.scheduler.unwatch(RUN)
    assert bench.taps.tapped == {}
    matched("listening on 81")
    assert bench.posted.empty()


def test_a_run_that_was_not_prepared_is_tapped_when_watched(bench) -> None:
    """An adopted run had no launch to prepare for."""
    bench.watch(LOG, run=RUN)
    bench.taps.prints(RUN, "listening on 80")
    assert bench.verdict().ok


DATAGRAMS = [
    (b"READY=1", (True, None)),
    (b"READY=1\n", (True, None)),
    (b"STATUS=loading\nREADY=1\nMAINPID=7", (True, "loading")),
    (b"STATUS=\x1b[1mloading", (False, "loading")),
    (b"READY=0\nSTOPPING=1\nEXTEND_TIMEOUT_USEC=9\nNOTREADY=1", (False, None)),
    (b"\xff\xfe\n\n=", (False, None)),
    (b"", (False, None)),
]


@pytest.mark.parametrize(("data", "parsed"), DATAGRAMS)
def test_datagrams(data, parsed) -> None:
    """READY=1 and STATUS are taken from lines in any order; all else is left."""
    assert parse_datagram(data) == parsed


@pytest.mark.parametrize(
    ("data", "imported"),
    [
        (b"X_LAUNCHER_IMPORT_SECONDS=1.25", 1.25),
        (b"X_LAUNCHER_IMPORT_SECONDS=0\nSTATUS=x\n", 0.0),
        (b"X_LAUNCHER_IMPORT_SECONDS=soon", None),
        (b"X_LAUNCHER_IMPORT_SECONDS=-1", None),
        (b"X_LAUNCHER_IMPORT_SECONDS=inf", None),
        (b"X_LAUNCHER_IMPORT_SECONDS=nan", None),
        (b"READY=1", None),
    ],
)
def test_what_a_host_says_of_an_import(data, imported) -> None:
    """A number of seconds that can be one; all else says nothing."""
    assert imported_of(data) == imported


def test_an_import_is_told_and_is_no_verdict(bench) -> None:
    """Whatever the check is; where it is another one, READY=1 says nothing."""
    path = bench.scheduler.prepare(RUN, NOTIFY, hosted=True)["NOTIFY_SOCKET"]
    bench.watch(NOTIFY, run=RUN)
    send(path, b"X_LAUNCHER_IMPORT_SECONDS=0.5")
    assert bench.posted.get(timeout=10) == Imported(RUN.instance, RUN.generation, 0.5)
    send(path, b"X_LAUNCHER_IMPORT_SECONDS=0.6")  # once is all that a host does
    send(path, b"READY=1")
    assert bench.verdict() == Verdict(ok=True, answer="READY=1")


def test_a_hosted_run_with_another_check_may_tell_of_its_import(bench) -> None:
    """Its socket is there from before the start until it is watched no more; READY=1 makes nothing ready."""
    path = bench.scheduler.prepare(RUN, LOG, hosted=True)["NOTIFY_SOCKET"]
    bench.watch(LOG, run=RUN)
    send(path, b"X_LAUNCHER_IMPORT_SECONDS=0.5")
    assert bench.posted.get(timeout=10) == Imported(RUN.instance, RUN.generation, 0.5)
    send(path, b"READY=1")
    bench.silence()
    bench.scheduler.unwatch(RUN)
    assert not Path(path).exists()


def test_a_hosted_run_with_another_check_starts_without_that_socket(bench) -> None:
    """A run folder that cannot be used costs the timeline a figure, and nobody a start."""
    (bench.folder / f"notify-{RUN.instance}-{RUN.generation}").mkdir(parents=True)
    assert bench.scheduler.prepare(RUN, LOG, hosted=True) == {}


def test_ready_is_told_once(bench) -> None:
    """STATUS is told while starting, READY=1 once, and later words are read but not told."""
    path = bench.scheduler.prepare(RUN, NOTIFY)["NOTIFY_SOCKET"]
    bench.watch(NOTIFY, run=RUN)
    send(path, b"STATUS=loading\nEXTEND_TIMEOUT_USEC=1")
    assert bench.verdict() == Verdict(ok=False, answer="no READY=1 yet\nloading")
    send(path, b"MAINPID=1\nREADY=1\n")
    assert bench.verdict() == Verdict(ok=True, answer="READY=1\nloading")
    for _ in range(100):  # more than the kernel queues: they are read
        send(path, b"WATCHDOG=1\nSTOPPING=1\nREADY=1")
    bench.silence()


def test_ready_before_the_watch_waits_for_it(bench) -> None:
    """A datagram sent at once stays in the socket until the run is watched."""
    path = bench.scheduler.prepare(RUN, NOTIFY)["NOTIFY_SOCKET"]
    send(path, b"READY=1")
    bench.silence()
    bench.watch(NOTIFY, run=RUN)
    assert bench.verdict() == Verdict(ok=True, answer="READY=1")


def test_each_generation_has_its_own_socket(bench) -> None:
    """The old run's word does not make the new run ready; after unwatch it has nowhere to send to."""
    old = Run("api.1", 1)
    new = Run("api.1", 2)
    old_path = bench.scheduler.prepare(old, NOTIFY)["NOTIFY_SOCKET"]
    bench.watch(NOTIFY, run=old)
    new_path = bench.scheduler.prepare(new, NOTIFY)["NOTIFY_SOCKET"]
    bench.watch(NOTIFY, run=new)
    send(old_path, b"READY=1")
    assert bench.next().generation == 1
    bench.scheduler.unwatch(old)
    with pytest.raises(FileNotFoundError):
        send(old_path, b"READY=1")
    bench.silence()
    send(new_path, b"READY=1")
    assert bench.next().generation == 2


def test_the_socket_is_the_owners(bench) -> None:
    """Only the owner can reach the socket, and nothing of it is left at the end."""
    path = Path(bench.scheduler.prepare(RUN, NOTIFY)["NOTIFY_SOCKET"])
    assert path.parent == bench.folder
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    bench.scheduler.close()
    assert list(bench.folder.iterdir()) == []


#: Says READY=1 as another user.
SAY = """import os, pwd, socket, sys
entry = pwd.getpwnam(sys.argv[1])
os.setgroups([])
os.setgid(entry.pw_gid)
os.setuid(entry.pw_uid)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.sendto(b"READY=1", sys.argv[2])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
def test_the_socket_of_another_users_run_is_that_users(bench) -> None:
    """It gets in where nobody else does, its word counts, and nothing is left of it."""
    path = Path(bench.scheduler.prepare(RUN, NOTIFY, user="nobody")["NOTIFY_SOCKET"])
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (pwd.getpwnam("nobody").pw_uid, 0o600)
    assert (path.parent.stat().st_uid, stat.S_IMODE(path.parent.stat().st_mode)) == (0, 0o711)
    bench.watch(NOTIFY, run=RUN)
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run([sys.executable, "-c", SAY, "daemon", path], check=True, stderr=subprocess.DEVNULL)
    bench.silence()
    subprocess.run([sys.executable, "-c", SAY, "nobody", path], check=True)
    assert bench.verdict() == Verdict(ok=True, answer="READY=1")
    bench.scheduler.unwatch(RUN)
    assert not path.parent.exists()


@pytest.mark.skipif(not hasattr(socket, "SO_PASSCRED"), reason="the sender is known on Linux only")
def test_a_strangers_word_does_not_count(bench, monkeypatch) -> None:
    """Another user's READY=1 makes nothing ready."""
    path = bench.scheduler.prepare(RUN, NOTIFY)["NOTIFY_SOCKET"]
    bench.watch(NOTIFY, run=RUN)
    mine = os.geteuid()
    if mine == 0:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            credentials = (os.getpid()).to_bytes(4, "little") + (4242).to_bytes(4, "little") * 2
            sock.connect(path)
            sock.sendmsg([b"READY=1"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)])
    else:
        monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
        send(path, b"READY=1")
    bench.silence()


def test_a_path_too_long_for_a_socket(bench, tmp_path) -> None:
    """A run folder whose path is too long gives way to a private folder, which is removed in the end."""
    bench.scheduler._notices._folder = tmp_path / ("x" * 100) / ("y" * 100)
    path = Path(bench.scheduler.prepare(RUN, NOTIFY)["NOTIFY_SOCKET"])
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    bench.watch(NOTIFY, run=RUN)
    send(str(path), b"READY=1")
    assert bench.verdict().ok
    bench.scheduler.unwatch(RUN)
    assert not path.parent.exists()


def test_a_folder_that_is_none(bench) -> None:
    """Where no socket can be bound, the start is refused with the reason."""
    bench.folder.write_text("a file")
    with pytest.raises(NotifySocketUnavailable, match=r'cannot start "api.1": no socket for its READY=1 in '):
        bench.scheduler.prepare(RUN, NOTIFY)


def test_a_run_without_a_socket_is_told_so(bench) -> None:
    """A run that was started without the variable can never say READY=1."""
    bench.watch(NOTIFY, run=RUN)
    assert bench.verdict() == Verdict(ok=False, answer="the service was started without a NOTIFY_SOCKET")
