"""The real supervisord and what can go wrong with it: an agent that dies, hangs or does not come up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.project import eventually
from tests.e2e.supervisord import UP

pytestmark = pytest.mark.slow

NAMES = ("db", "api", "worker")


def pids_of(up) -> dict[str, int]:
    return {name: up.pid(name) for name in NAMES}


def has_another_agent(up, agent: int) -> bool:
    return up.pid("launcher") not in (0, agent)


def test_an_agent_that_hangs_holds_up_nobody_and_is_replaced(up):
    """Supervisord goes on, supervisorctl tells how old is what it knows; the watchdog kills the agent."""
    pids = pids_of(up)
    agent = up.pid("launcher")
    os.kill(agent, signal.SIGSTOP)
    assert "RUNNING" in up.ctl("status", "db").stdout
    assert up.ctl("stop", "worker").returncode == 0
    for words in (["why", "db"], ["health"], ["wait", "db"], ["timeline"]):
        answer = up.ctl(*words)
        assert answer.returncode != 0
        assert "has not answered for 2 s" in answer.stdout
        assert words == ["timeline"] or "What it told" in answer.stdout
    assert "db is ready" in up.ctl("why", "db").stdout
    assert up.ctl("start", "worker").returncode == 0
    eventually(lambda: has_another_agent(up, agent))
    eventually(lambda: up.states() == UP)
    assert {name: up.pid(name) for name in ("db", "api")} == {name: pids[name] for name in ("db", "api")}
    log = (up.run_folder / "logs" / "supervisord.log").read_text()
    assert f"the agent (pid {agent}) gives no sign of life: it is killed, and started anew" in log


def test_an_agent_that_does_not_come_up(up):
    """It is tried again, ever more slowly and for ever; what runs goes on, and status and why tell the reason."""
    pids = pids_of(up)
    plan = up.project.root / "deploy" / "launcher.plan"
    whole = plan.read_text()
    plan.write_text("no plan")
    agent = up.pid("launcher")
    eventually(lambda: up.ctl("status", "launcher").stdout.split()[1] == "RUNNING")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: "BACKOFF" in up.ctl("status", "launcher").stdout)
    eventually(lambda: up.log().count("is not what `launcher export` wrote") >= 3)
    before = up.log().count("is not what `launcher export` wrote")
    assert "launcher.plan is not what `launcher export` wrote" in up.ctl("status", "launcher").stdout
    why = up.ctl("why", "db")
    assert "the agent does not come up, and is tried again in" in why.stdout
    assert "db is ready" in why.stdout
    assert up.ctl("stop", "worker").returncode == 0
    eventually(lambda: up.log().count("is not what `launcher export` wrote") > before)
    plan.write_text(whole)
    eventually(lambda: up.states().get("worker") == "stopped")
    assert {name: up.pid(name) for name in ("db", "api")} == {name: pids[name] for name in ("db", "api")}


@pytest.fixture
def small(server):
    """A file system of a quarter of a megabyte as the log folder."""
    logs = server.run_folder / "logs"
    logs.mkdir()
    if os.geteuid() != 0 or not Path("/bin/mount").exists():
        pytest.skip("mounting a small file system needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(logs)]
    mounted = subprocess.run(mount, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mount: {mounted.stderr.decode().strip()}")
    yield logs
    subprocess.run(["umount", "-l", logs], check=False)


#: Fills the disk, by lines too, says so, and then prints what fills a pipe ten times over.
FLOOD = """
import os, time
text = b"a line of many that fill the disk\\n" * 30
for _ in range(600): os.write(1, text)
for _ in range(60):
    time.sleep(0.01)
    os.write(1, text[:700])
os.write(1, b"\\nfilled\\n")
open("filled", "w").close()
while not os.path.exists("go on"): time.sleep(0.01)
for _ in range(600): os.write(1, text)
open("went on", "w").close()
time.sleep(600)
"""
BOTH = {"web": "ready", "api": "ready"}


@pytest.mark.parametrize("size", ["100MB", "3KB"])
def test_a_full_disk_in_the_log_folder(server, project, small, size):
    """Programs, supervisord and agent go on, and what is printed is heard; each file is told of once."""
    project.file("flood.py", FLOOD)
    project.profile(
        f'[services.web]\ncommand = ["{sys.executable}", "flood.py"]\nhealth = {{ log = "^filled" }}\n'
        '[services.api]\ncommand = "exec sleep 600"\nrestart.delay = 0.02\n'
        f'[launcher.log]\nsize = "{size}"\nkeep = 2\n'
    )
    (small / "ballast").write_bytes(bytes(248 * 1024 if size == "3KB" else 1))
    server.start()
    eventually((project.root / "filled").exists)
    assert os.statvfs(small).f_bavail == 0
    eventually(lambda: server.states() == BOTH)
    web, api = server.pid("web"), server.pid("api")
    os.kill(api, signal.SIGKILL)
    eventually(lambda: server.states() == BOTH and server.pid("api") not in (0, api))
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: has_another_agent(server, agent) and server.states() == BOTH)
    project.file("go on", "")
    eventually((project.root / "went on").exists)
    assert server.pid("web") == web
    told = f"launcher: cannot write {small}/web.out: No space left on device; going on without"
    assert server.stderr.read_text().splitlines().count(told) == 1
