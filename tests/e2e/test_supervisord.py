"""An exported configuration under the real supervisord: order, health, restarts, the operator, and who dies when.

The run folder lies in a short path, for a Unix socket's address holds 107 bytes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import pytest

from tests.e2e.project import PATIENCE, eventually
from tests.e2e.supervisord import BIN, UP, Server

pytestmark = pytest.mark.slow


def test_it_starts_in_order_and_waits_for_health(up):
    """As the graph says; the conditions of the services themselves would fail otherwise."""
    log = up.log()
    told = ["migrate stopped (rc=0)", "db started", "db ready", "api started", "worker started"]
    assert sorted(told, key=log.index) == told
    assert "backoff" not in log
    running = {"db": "RUNNING", "api": "RUNNING", "worker": "RUNNING", "launcher": "RUNNING"}
    # The agent is STARTING for two seconds.
    eventually(lambda: programs(up) == {"migrate": "EXITED", **running})


def programs(up) -> dict[str, str]:
    return {line.split()[0]: line.split()[1] for line in up.ctl("status").stdout.splitlines()}


def test_supervisorctl_tells_why_and_how_it_went(up):
    """The agent's answers, in supervisorctl's own way with names and exit statuses."""
    assert up.ctl("why", "worker").stdout.startswith("worker is ready: started")
    missing = up.ctl("why", "wrker")
    assert 'no service "wrker", did you mean `worker`?' in missing.stdout
    assert missing.returncode != 0
    assert up.ctl("why").returncode != 0
    health = up.ctl("health")
    assert health.returncode == 0
    assert [line.split()[:2] for line in health.stdout.splitlines()] == [[name, state] for name, state in UP.items()]
    assert "start-up of dev: 4 services" in up.ctl("timeline").stdout
    waited = up.ctl("wait", "worker")
    assert (waited.returncode, waited.stdout) == (0, "worker is ready\n")
    assert "down" in up.ctl("help").stdout


def test_a_log_check_sees_the_line(server, project):
    """And what depends on it waits for that."""
    project.profile(
        '[services.db]\ncommand = "echo no; sleep 0.3; echo db is up; touch serving; exec sleep 600"\n'
        'health = { log = "^db is up" }\n'
        '[services.api]\ncommand = "test -e serving && exec sleep 600"\ndepends_on = ["db"]\nrestart.policy = "no"\n'
    )
    server.start()
    eventually(lambda: server.states() == {"db": "ready", "api": "ready"})
    assert "db is ready: db is up" in server.ctl("why", "db").stdout
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)  # the next one does not wait for a line that was said before its time
    eventually(lambda: server.pid("launcher") not in (0, agent) and server.states().get("db") == "ready")


def test_a_line_said_while_no_agent_runs_is_heard(server, project):
    """By the next one, and what waits for it starts no earlier."""
    project.profile(
        '[services.db]\ncommand = "while ! test -e go; do sleep 0.01; done; touch serving; echo db serves; sleep 600"\n'
        'health = { log = "^db serves" }\n'
        '[services.api]\ncommand = "test -e serving && exec sleep 600"\ndepends_on = ["db"]\nrestart.policy = "no"\n'
    )
    server.start()
    eventually(lambda: server.states() == {"db": "starting", "api": "waiting"})
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    (project.root / "go").touch()
    eventually(lambda: server.states() == {"db": "ready", "api": "ready"})
    assert server.pid("launcher") not in (0, agent)
    assert "db is ready: db serves" in server.ctl("why", "db").stdout
    assert "db serves" in project.run("logs", "db", "--run-dir", str(server.run_folder)).stdout


def test_a_notice_is_waited_for_by_the_next_agent(server, project):
    """It comes over the socket that the service was told of by the one before."""
    project.file(
        "db.py",
        "import os, socket, time, pathlib\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        "pathlib.Path('serving').touch()\n"
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])\n"
        "time.sleep(600)\n",
    )
    project.profile(
        f'[services.db]\ncommand = ["{sys.executable}", "db.py"]\nhealth = {{ notify = true }}\n'
        '[services.api]\ncommand = "test -e serving && exec sleep 600"\ndepends_on = ["db"]\nrestart.policy = "no"\n'
    )
    server.start()
    eventually(lambda: server.states() == {"db": "starting", "api": "waiting"})
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: server.pid("launcher") not in (0, agent) and server.states().get("db") == "starting")
    assert server.states()["api"] == "waiting"
    (project.root / "go").touch()
    eventually(lambda: server.states() == {"db": "ready", "api": "ready"})


def test_a_program_killed_with_9_is_back(up):
    """By our restart rule, with the signal that supervisord forgets."""
    before = up.pid("api")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: up.states() == UP and up.pid("api") not in (0, before))
    assert "api backoff: killed by SIGKILL" in up.log()


def test_an_agent_killed_with_9_adopts_what_runs(up):
    """Nothing is started twice, a task that is done stays done, and what died meanwhile is started."""
    pids = {name: up.pid(name) for name in ("db", "api", "worker")}
    agent = up.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: up.pid("launcher") not in (0, agent) and up.states() == UP)
    assert {name: up.pid(name) for name in pids} == pids
    assert up.log().count("migrate stopped (rc=0)") == 2  # told again, not run again
    os.kill(pids["worker"], signal.SIGKILL)
    eventually(lambda: up.states() == UP and up.pid("worker") not in (0, pids["worker"]))


def test_what_an_operator_stops_stays_stopped(up):
    """Also for the next agent; and what he starts is taken over."""
    assert up.ctl("stop", "worker").returncode == 0
    eventually(lambda: up.states().get("worker") == "stopped")
    assert "supervisorctl" in up.ctl("why", "worker").stdout
    agent = up.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: up.pid("launcher") not in (0, agent) and up.states().get("api") == "ready")
    assert up.pid("worker") == 0
    assert up.ctl("start", "worker").returncode == 0
    eventually(lambda: up.states() == UP)
    os.kill(up.pid("worker"), signal.SIGKILL)
    eventually(lambda: "worker backoff" in up.log() and up.states() == UP)


def test_launcher_stop_ends_everything_and_supervisord(up):
    """Dependents first, and the last one turns off the light."""
    pids = [up.pid(name) for name in ("db", "api", "worker")]
    done = up.project.run("stop", "--run-dir", str(up.run_folder))
    assert done.returncode == 0, done.stderr
    up.process.wait(PATIENCE)
    log = up.log()
    told = ["worker stopped", "api stopped", "db stopped"]
    assert sorted(told, key=log.index) == told
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize("how", ["SIGTERM", "shutdown", "down"])
def test_supervisord_ends_and_nothing_is_left(up, how):
    """However it is told to; with the agent gone first, it is supervisord that stops the rest."""
    pids = [up.pid(name) for name in ("db", "api", "worker", "launcher")]
    began = time.monotonic()
    if how == "SIGTERM":
        up.process.terminate()
    else:
        assert up.ctl(how).returncode == 0
    up.process.wait(PATIENCE)
    assert time.monotonic() - began < PATIENCE
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert "Traceback" not in up.log()


def test_a_critical_program_that_fails_for_good_shows_in_the_exit_code(server, project):
    """So that whoever runs supervisord hears of it."""
    project.profile(
        '[services.web]\ncommand = "exit 7"\ncritical = true\nrestart = { delay = 0.01, burst = 1 }\n'
        '[services.db]\ncommand = "exec sleep 600"\n'
    )
    server.start()
    assert server.process.wait(PATIENCE) == 69


def test_a_reload_begins_anew(up):
    """Everything is stopped and started again, in order, by a new agent."""
    before = up.pid("db")
    assert up.ctl("reload").returncode == 0
    eventually(lambda: up.states() == UP and up.pid("db") not in (0, before))


def test_a_command_that_is_not_there(server, project):
    """Supervisord's fault becomes our sentence, and the circuit ends the trying."""
    project.profile(
        '[services.web]\ncommand = ["no-such-program"]\nrestart = { delay = 0.01, burst = 2, cooldown = "never" }\n'
    )
    server.start()
    eventually(lambda: server.states() == {"web": "failed"})
    assert "can't find command 'no-such-program'; circuit open after 3 failures" in server.ctl("why", "web").stdout
    assert server.pid("launcher") > 0


def test_folders_with_spaces(project, tmp_path):
    """In the run folder's path and in the export's; a percent sign is more than supervisord can take."""
    run = Path(tempfile.mkdtemp(prefix="l r;")) / "my run"
    server = Server(project, run)
    project.root = tmp_path / "a project, #1"
    (project.root / "profiles").mkdir(parents=True)
    project.profile('[services.web]\ncommand = "sleep 600"\n')
    try:
        server.start()
        eventually(lambda: server.states() == {"web": "ready"})
        assert server.ctl("why", "web").stdout.startswith("web is ready")
        refused = project.run("export", "supervisord", "other", "--run-dir", f"{run}/100%")
        assert (refused.returncode, "supervisord cannot take the path" in refused.stderr) == (2, True)
    finally:
        server.close()
        shutil.rmtree(run.parent)


def test_two_agents(up):
    """The second one says that there is one, and leaves."""
    environ = {**up.project.environ, "SUPERVISOR_SERVER_URL": f"unix://{up.run_folder}/supervisor.sock"}
    done = subprocess.run(
        [sys.executable, "-m", "launcher.cli.agent", "deploy/launcher.plan"],
        cwd=up.project.root,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode != 0
    assert "another launcher runs in" in done.stderr
    assert up.states() == UP


def test_programs_that_nobody_exported_are_left_alone(server, project):
    """The agent says which they are."""
    project.profile('[services.web]\ncommand = "sleep 600"\n')
    assert server.export().returncode == 0
    conf = project.root / "deploy" / "supervisord.conf"
    extra = conf.read_text(encoding="utf-8") + "\n[program:mine]\ncommand=sleep 600\n"
    server.export = lambda *_: subprocess.CompletedProcess([], 0, "", "")
    conf.write_text(extra, encoding="utf-8")
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    assert "left alone, for they are not in the profile: mine" in server.log()
    assert server.pid("mine") > 0


def test_the_agent_alone_says_who_runs_it(project):
    """It is no command for people."""
    done = subprocess.run(
        [sys.executable, "-m", "launcher.cli.agent"],
        cwd=project.root,
        env=project.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert "the agent is run by supervisord" in done.stderr


def test_the_export_warns_of_a_supervisord_without_launcher(server, project, tmp_path):
    """Once, and with the one to call; the plain form is for that very one."""
    project.profile('[services.web]\ncommand = "sleep 600"\n')
    venv.create(tmp_path / "other", symlinks=True)
    other = tmp_path / "other" / "bin" / "supervisord"
    other.write_text(f"#!{other.parent / 'python'}\n", encoding="utf-8")
    other.chmod(0o755)
    project.environ["PATH"] = f"{other.parent}:{project.environ['PATH']}"
    del project.environ["PYTHONPATH"]
    exported = server.export()
    assert (exported.returncode, exported.stderr.count("W6012")) == (0, 1)
    assert f"W6012 {other}, the supervisord on PATH" in exported.stderr
    assert f"call {BIN / 'supervisord'}" in exported.stderr
    assert server.export("--strict").returncode == 2
    assert "W6012" not in project.run("export", "supervisord", "--plain").stderr
