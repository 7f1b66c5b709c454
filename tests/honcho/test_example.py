"""examples/procfile does what its page says, under the launcher as under honcho."""

from __future__ import annotations

import shutil
import signal
import socket
import urllib.request

import pytest

from tests.e2e.project import ROOT
from tests.honcho.beside import Beside, same

pytestmark = pytest.mark.slow


def test_the_example_runs_under_both(beside: Beside):
    """The same names, the same lines, its page on the port asked for, and 130 after Ctrl-C."""
    for folder in beside.folders.values():
        shutil.copytree(ROOT / "examples" / "procfile", folder, dirs_exist_ok=True)
    ours, honchos = beside.ends("check")
    assert (ours.err, ours.status) == (honchos.err, honchos.status)
    assert "Valid procfile detected (web, clock)" in ours.err
    ended = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for who in beside.folders:
        running = beside.start(who, "start", "-q", "clock", "-p", str(port)).until(f"http://127.0.0.1:{port}/")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"Good morning from web.1\n"
        ended.append(running.until('"GET / HTTP/1.1" 200 -\n').until("clock.1 started").send(signal.SIGINT).end())
    same(ended[1], ended[0])
    assert ended[0].status == 130
