"""Who ended a process of many components is written down, where it can be told."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from launcher.host import channel_of
from launcher.host.blame import Blame, blame_of, read_blame
from tests.host.hosted import Host, hello

pytestmark = pytest.mark.slow  # each test starts an interpreter with uvicorn


@pytest.fixture
def host():
    """A host with a calm component, in a short path, for a Unix socket's address holds 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="lh-"))
    made = Host(folder)
    made.start_ready("calm", hello("'calm'"))
    yield made
    made.close()
    shutil.rmtree(folder)


def ended_by(host, source):
    """Start this component and ask it; who is to blame when the process is gone."""
    bad = host.start("bad", source)
    with contextlib.suppress(OSError, http.client.HTTPException):
        bad.ask("/")
    assert host.is_lost()
    return read_blame(channel_of(str(host.folder), "apps"))


CAUSES = {
    "at its import": ("import os\nos._exit(3)\n", "when it called os._exit(3)"),
    "by a crash of C code at its import": ("import ctypes\nctypes.string_at(0)\n", "while it was imported"),
    "in a request": ("import os\n" + hello("os._exit(4)"), "when it called os._exit(4)"),
    "in a thread": (
        "import os, threading\n" + hello("threading.Thread(target=os._exit, args=(5,)).start()"),
        "when it called os._exit(5)",
    ),
}


@pytest.mark.parametrize(("source", "when"), CAUSES.values(), ids=CAUSES)
def test_it_can_be_read_when_the_process_is_gone(host, source, when):
    assert ended_by(host, source) == ("bad", when)


def test_a_crash_in_a_request_is_nobodys(host):
    """It could be anybody's."""
    assert ended_by(host, "import ctypes\n" + hello("ctypes.string_at(0)")) == ("", "")


def test_a_fork_that_ends_is_nothing_to_the_process(host):
    """What ends the process later is another thing."""
    forks = (
        "import os\ndef fork():\n    if not (pid := os.fork()): os._exit(3)\n    return str(os.waitpid(pid, 0)[1])\n"
    )
    bad = host.start_ready("bad", forks + hello("fork()"))
    assert bad.ask("/").text == "768"
    host.process.kill()
    assert host.is_lost()
    assert read_blame(channel_of(str(host.folder), "apps")) == ("", "")


CODES = {
    "by a crash": (-signal.SIGSEGV, True),
    "by an abort": (-signal.SIGABRT, True),
    "by itself": (3, True),
    "by a kill": (-signal.SIGKILL, False),
    "by being asked": (-signal.SIGTERM, False),
    "not known": (None, True),
}


@pytest.mark.parametrize(("code", "is_blamed"), CODES.values(), ids=CODES)
def test_what_ends_a_process_from_outside_is_nobodys_doing(folder, code, is_blamed):
    channel = channel_of(str(folder), "apps")
    with Blame(channel).on("bad", "while it was imported"):
        assert read_blame(channel, code) == (("bad", "while it was imported") if is_blamed else ("", ""))


def test_who_is_imported_for_too_long_when_the_process_is_to_end_is_not_why_it_does():
    """It is cut off; but it was SIGTERM that came first."""
    folder = Path(tempfile.mkdtemp(prefix="lh-"))
    host = Host(folder, grace=0.2)
    try:
        bad = host.start("bad", "import threading\nprint('begun')\nthreading.Event().wait()\n")
        bad.says("begun")
        assert read_blame(channel_of(str(folder), "apps"))[0] == "bad"
        assert host.end() == 1
        assert read_blame(channel_of(str(folder), "apps")) == ("", "")
    finally:
        host.close()
        shutil.rmtree(folder)


def test_nobody_is_to_blame_for_an_end_in_good_order(host):
    assert host.end() == 0
    assert not Path(blame_of(channel_of(str(host.folder), "apps"))).exists()
