"""The real supervisord and what can go wrong with it: an agent that dies, hangs or does not come up."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.project import PATIENCE, eventually
from tests.e2e.supervisord import BIN, UP

pytestmark = pytest.mark.slow

NAMES = ("db", "api", "worker")


def pids_of(up) -> dict[str, int]:
    return {name: up.pid(name) for name in NAMES}


def has_another_agent(up, agent: int) -> bool:
    return up.pid("launcher") not in (0, agent)


#: Four layers, each ready 0.3 s after its start.
SLOW = "".join(
    f'[services.s{n}]\ncommand = "sleep 0.3; touch up{n}; exec sleep 600"\nhealth = {{ exec = "test -e up{n}" }}\n'
    + (f'depends_on = ["s{n - 1}"]\n' if n else "")
    for n in range(4)
)


@pytest.mark.parametrize("after", ["s0", "s2"])
def test_an_agent_killed_during_boot_costs_little(server, project, after):
    """The next one goes on where it was: what starts is not started again, and all is up soon after."""
    project.profile(SLOW)
    server.start()
    pids = server.run_folder / "logs" / f"{after}.out"
    eventually(pids.exists)
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: set(server.states().values()) == {"ready"} and len(server.states()) == 4)
    assert time.monotonic() - began < 4 * 0.3 + 5
    assert has_another_agent(server, agent)
    log = (server.run_folder / "logs" / "supervisord.log").read_text()
    assert all(log.count(f"spawned: 's{n}'") == 1 for n in range(4))


def asking(up, words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BIN / "supervisorctl", "-c", "deploy/supervisord.conf", *words.split()],
        cwd=up.project.root,
        env=up.project.environ,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_an_agent_that_hangs_holds_up_nobody_and_is_replaced(up):
    """Supervisord goes on, supervisorctl tells how old is what it knows; the watchdog kills the agent."""
    pids = pids_of(up)
    agent = up.pid("launcher")
    os.kill(agent, signal.SIGSTOP)
    assert "RUNNING" in up.ctl("status", "db").stdout
    assert up.ctl("stop", "worker").returncode == 0
    asked = [(words, asking(up, words)) for words in ("why db", "health", "wait db", "timeline")]
    for words, one in asked:
        told, _ = one.communicate(timeout=PATIENCE)
        assert one.returncode != 0
        assert "has not answered for 2 s" in told
        assert words == "timeline" or ("What it told" in told and re.search("db +(is )?ready", told))
    assert up.ctl("start", "worker").returncode == 0
    eventually(lambda: has_another_agent(up, agent))
    eventually(lambda: up.states() == UP)
    assert {name: up.pid(name) for name in ("db", "api")} == {name: pids[name] for name in ("db", "api")}
    log = (up.run_folder / "logs" / "supervisord.log").read_text()
    assert f"the agent (pid {agent}) gives no sign of life: it is killed, and started anew" in log


def test_a_line_that_an_agent_was_sent_and_never_read_is_heard_by_the_next(server, project):
    """It lay in the socket of one that hung, and was killed."""
    project.profile(
        '[services.db]\ncommand = "while ! test -e go; do sleep 0.01; done; echo db serves; exec sleep 600"\n'
        'health = { log = "^db serves" }\n'
    )
    server.start()
    eventually(lambda: server.states() == {"db": "starting"})
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGSTOP)
    project.file("go", "")
    out = server.run_folder / "logs" / "db.out"
    eventually(lambda: out.exists() and "db serves" in out.read_text())
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: has_another_agent(server, agent) and server.states() == {"db": "ready"})


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


@pytest.mark.parametrize("name", ["plugin.sock", "control.sock", "supervisor.sock"])
def test_a_deleted_socket_is_made_anew(up, name):
    """Whoever listens on it notices, says so, and nothing else comes of it; it is as private as before."""
    pids = pids_of(up)
    agent = up.pid("launcher")
    path = up.run_folder / name
    mode = path.stat().st_mode
    path.unlink()
    eventually(path.exists)
    eventually(lambda: up.states() == UP)
    assert path.stat().st_mode == mode
    assert f"{path} was deleted" in up.log()
    assert up.ctl("why", "worker").stdout.startswith("worker is ready")
    assert has_another_agent(up, agent) == (name == "control.sock")
    os.kill(up.pid("launcher"), signal.SIGKILL)  # the next one finds it
    eventually(lambda: up.states() == UP)
    assert pids_of(up) == pids


def test_a_deleted_run_folder_is_made_anew(up):
    """With all that people need; what runs goes on."""
    pids = pids_of(up)
    logs = up.run_folder / "logs"
    logs.rename(up.project.root / "logs")
    shutil.rmtree(up.run_folder)
    eventually((up.run_folder / "supervisor.sock").exists)
    assert stat.S_IMODE(up.run_folder.stat().st_mode) == 0o700
    logs.mkdir()
    eventually(lambda: up.states() == UP)
    assert pids_of(up) == pids
    assert up.project.run("restart", "worker", "--run-dir", str(up.run_folder)).returncode == 0
    assert up.pid("worker") not in (0, pids["worker"])
