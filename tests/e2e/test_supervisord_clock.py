"""The wall clock jumps by an hour, for supervisord and agent: nothing is put off, killed early or started twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.e2e.project import PATIENCE, eventually
from tests.e2e.supervisord import BIN, LADDER, UP

pytestmark = pytest.mark.slow

#: Python imports this at its start: `time.time` then goes by a file.
CLOCK = """
import os, time
_path, _real = os.environ.get("FAKE_CLOCK", ""), time.time
def _time():
    try:
        with open(_path) as file:
            return _real() + float(file.read() or 0)
    except OSError:
        return _real()
if _path:
    time.time = _time
"""


class Clock:
    """The wall clock of all that runs in a project."""

    def __init__(self, project) -> None:
        self._file = project.root / "offset"
        project.file("clock/sitecustomize.py", CLOCK)
        project.environ["PYTHONPATH"] += f"{os.pathsep}{project.root / 'clock'}"
        project.environ["FAKE_CLOCK"] = str(self._file)

    def jump(self, seconds: float) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.rename(self._file)


@pytest.fixture
def clock(project) -> Clock:
    return Clock(project)


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_an_hour_more_or_less(clock, server, project, seconds):
    """Restart delays, the agent's adoption and its starts, an operator's stop and the grace go on as ever."""
    project.profile(LADDER)
    server.start()
    eventually(lambda: server.states() == UP)
    clock.jump(seconds)
    began = time.monotonic()
    before = server.pid("api")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: server.pid("api") not in (0, before) and server.states() == UP)
    written = json.loads((server.run_folder / "state.json").read_text())["written"]
    assert abs(written - time.time() - seconds) < 60
    pids = {name: server.pid(name) for name in ("db", "api", "worker")}
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: server.pid("launcher") not in (0, agent) and server.states() == UP)
    assert {name: server.pid(name) for name in pids} == pids
    assert server.ctl("stop", "worker").returncode == 0
    eventually(lambda: server.states().get("worker") == "stopped")
    clock.jump(0)
    assert server.ctl("start", "worker").returncode == 0
    eventually(lambda: server.states() == UP)
    assert time.monotonic() - began < 20
    assert server.pid("launcher") > 0


#: Takes half a second to end, and tells that it could.
SLOWLY = """
import signal, sys, time
def end(*_):
    open("ending", "w").close()
    time.sleep(0.5)
    open("ended", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open("up", "w").close()
while True: signal.pause()
"""


@pytest.mark.parametrize("seconds", [-3600, 3600])
@pytest.mark.parametrize("with_agent", [True, False])
def test_a_program_has_its_grace_whatever_the_clock_says(clock, server, project, seconds, with_agent):
    """Supervisord would kill it at once when its clock jumps ahead."""
    project.file("slowly.py", SLOWLY)
    project.profile(
        f'[services.web]\ncommand = ["{sys.executable}", "slowly.py"]\nhealth = {{ exec = "test -e up" }}\n'
    )
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    if not with_agent:
        assert server.ctl("stop", "launcher").returncode == 0
    stop = subprocess.Popen(
        [BIN / "supervisorctl", "-c", "deploy/supervisord.conf", "stop", "web"],
        cwd=project.root,
        env=project.environ,
        stdout=subprocess.DEVNULL,
    )
    eventually((project.root / "ending").exists)
    clock.jump(seconds)
    assert stop.wait(PATIENCE) == 0
    assert (project.root / "ended").exists()
