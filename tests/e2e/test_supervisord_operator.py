"""An operator's supervisorctl while there is no agent, one that hangs or one that begins: what he stops stays down."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.project import eventually
from tests.e2e.supervisord import UP

pytestmark = pytest.mark.slow

STOPPED = "is stopped: operator, with supervisorctl"


def has_another_agent(up, agent: int) -> bool:
    return up.pid("launcher") not in (0, agent)


def starts_again(up) -> None:
    """What he starts is kept up again."""
    assert up.ctl("start", "worker").returncode == 0
    eventually(lambda: up.states().get("worker") == "ready")
    before = up.pid("worker")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: up.pid("worker") not in (0, before))


def test_a_stop_while_there_is_no_agent(up):
    """The next one tells who it was."""
    assert up.ctl("stop", "launcher").returncode == 0
    assert up.ctl("stop", "worker").returncode == 0
    assert up.ctl("start", "launcher").returncode == 0
    eventually(lambda: up.states() == {"migrate": "completed", "db": "ready", "api": "ready", "worker": "stopped"})
    assert STOPPED in up.ctl("why", "worker").stdout
    assert up.pid("worker") == 0
    starts_again(up)


def test_a_stop_while_the_agent_dies(up):
    """Whatever it has heard of it."""
    agent = up.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    assert up.ctl("stop", "worker").returncode == 0
    eventually(lambda: has_another_agent(up, agent) and up.states().get("worker") == "stopped")
    assert STOPPED in up.ctl("why", "worker").stdout
    starts_again(up)


def test_stops_while_an_agent_begins(up):
    """At any moment of its coming."""
    for _ in range(5):
        agent = up.pid("launcher")
        os.kill(agent, signal.SIGKILL)
        eventually(lambda agent=agent: has_another_agent(up, agent))
        assert up.ctl("stop", "worker").returncode == 0
        eventually(lambda: up.states().get("worker") == "stopped")
        assert STOPPED in up.ctl("why", "worker").stdout
        assert up.pid("worker") == 0
        starts_again(up)


def test_what_was_stopped_is_not_started_for_what_depends_on_it(up):
    """That one then says why it cannot start; it died while no agent looked."""
    worker = up.pid("worker")
    assert up.ctl("stop", "launcher").returncode == 0
    assert up.ctl("stop", "api").returncode == 0
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: up.pid("worker") == 0)
    assert up.ctl("start", "launcher").returncode == 0
    eventually(lambda: up.states() == {"migrate": "completed", "db": "ready", "api": "stopped", "worker": "skipped"})
    assert up.ctl("why", "worker").stdout.splitlines()[1].strip().startswith(f"api {STOPPED}")
    assert up.pid("api") == 0


def test_what_a_command_stopped_stays_so_with_its_reason(up):
    """For the next agent too."""
    assert up.project.run("stop", "worker", "--run-dir", str(up.run_folder)).returncode == 0
    before = up.ctl("why", "worker").stdout.splitlines()[0]
    for _ in range(2):
        agent = up.pid("launcher")
        os.kill(agent, signal.SIGKILL)
        eventually(lambda agent=agent: has_another_agent(up, agent) and up.states().get("worker") == "stopped")
        assert up.ctl("why", "worker").stdout.splitlines()[0] == before


def test_a_stop_while_the_agent_hangs(up):
    """It is never heard of, and seen by the next one."""
    agent = up.pid("launcher")
    os.kill(agent, signal.SIGSTOP)
    assert up.ctl("stop", "worker").returncode == 0
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: has_another_agent(up, agent) and up.states().get("worker") == "stopped")
    assert STOPPED in up.ctl("why", "worker").stdout
    starts_again(up)


@pytest.mark.parametrize("command", ['"exit 3"', '["no-such-program"]'])
def test_a_stop_of_what_is_about_to_be_started_again(server, project, command):
    """It has no process then, and gets none: neither of this agent nor of the next."""
    project.profile(f"[services.web]\ncommand = {command}\nrestart = {{ delay = 600, max_delay = 600 }}\n")
    server.start()
    eventually(lambda: server.states() == {"web": "backoff"})
    done = server.ctl("stop", "web")
    assert (done.returncode, done.stdout) == (0, "web: stopped\n")
    eventually(lambda: server.states() == {"web": "stopped"})
    assert STOPPED in server.ctl("why", "web").stdout
    assert "STOPPED" in server.ctl("status", "web").stdout
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: has_another_agent(server, agent) and server.states() == {"web": "stopped"})
    assert "not running" in server.ctl("stop", "web").stdout


def test_a_stop_of_what_waits_for_its_gates(server, project):
    """It does not start when they open."""
    project.profile(
        '[services.db]\ncommand = "exec sleep 600"\nhealth = { exec = "test -e serving" }\n'
        '[services.api]\ncommand = "exec sleep 600"\ndepends_on = ["db"]\n'
        '[services.web]\ncommand = "exec sleep 600"\ndepends_on = ["db"]\n'
    )
    server.start()
    eventually(lambda: server.states() == {"db": "starting", "api": "waiting", "web": "waiting"})
    assert server.ctl("stop", "web").stdout == "web: stopped\n"
    project.file("serving", "")
    eventually(lambda: server.states() == {"db": "ready", "api": "ready", "web": "stopped"})
    assert server.pid("web") == 0


def test_what_has_done_its_work_is_not_stopped(up):
    assert "not running" in up.ctl("stop", "migrate").stdout
    assert up.states() == UP
