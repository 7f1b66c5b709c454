"""Programs that misbehave under the real supervisord: those that end at once, ignore TERM, or beget others."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.e2e.project import PATIENCE, eventually, is_alive

pytestmark = pytest.mark.slow

#: Begets a process in its group, one in a session of its own and one that ignores TERM there, and tells of them.
FORKING = (
    "sleep 611 & echo pid $!; setsid sleep 612 & echo pid $!; "
    "setsid sh -c 'trap \"\" TERM; echo pid $$; while :; do sleep 613; done' & "
)


def out_of(server, name: str = "web") -> str:
    path = server.run_folder / "logs" / f"{name}.out"
    return path.read_text() if path.exists() else ""


def pids_in(server, count: int) -> list[int]:
    eventually(lambda: len(re.findall(r"pid (\d+)", out_of(server))) >= count)
    return [int(pid) for pid in re.findall(r"pid (\d+)", out_of(server))][-count:]


def stopped(server, *names: str):
    return server.project.run("stop", *names, "--run-dir", str(server.run_folder))


@pytest.mark.parametrize("how", ["launcher stop", "supervisorctl stop", "crash"])
def test_descendants_end_with_their_program(server, project, how):
    """In its group and outside; those that ignore TERM when their grace is over."""
    project.profile(f'[services.web]\ncommand = """{FORKING} echo up; wait"""\nstop.grace = 0.3\nrestart = "no"\n')
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    pids = pids_in(server, 3)
    if how == "launcher stop":
        assert stopped(server, "web").returncode == 0
    elif how == "supervisorctl stop":
        assert server.ctl("stop", "web").returncode == 0
    else:
        os.kill(server.pid("web"), signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, pids)))
    eventually(lambda: server.states() == {"web": "failed" if how == "crash" else "stopped"})


def test_descendants_of_a_program_that_ended_without_an_agent(server, project):
    """The next agent ends them, and leaves those alone whose program runs."""
    project.profile(
        f'[services.web]\ncommand = """{FORKING} echo up; wait"""\n'
        '[services.api]\ncommand = "setsid sleep 614 & echo pid $!; wait"\n'
    )
    server.start()
    eventually(lambda: server.states() == {"web": "ready", "api": "ready"})
    pids = pids_in(server, 3)
    eventually(lambda: "pid" in out_of(server, "api"))
    other = int(out_of(server, "api").split()[1])
    assert server.ctl("stop", "launcher").returncode == 0
    assert server.ctl("stop", "web").returncode == 0
    assert is_alive(pids[2])
    assert server.ctl("start", "launcher").returncode == 0
    eventually(lambda: not any(map(is_alive, pids)))
    eventually(lambda: server.states() == {"web": "stopped", "api": "ready"})
    assert is_alive(other)


def test_a_check_that_an_agent_left_behind_is_ended_by_the_next(server, project):
    """Its own time-out is nobody's any more."""
    project.profile(
        '[services.web]\ncommand = "sleep 600"\n'
        'health = { exec = "echo $$ >checking; exec sleep 615", timeout = 600 }\nready_timeout = 600\n'
    )
    server.start()
    checking = project.root / "checking"
    eventually(lambda: checking.exists() and checking.read_text().strip())
    check, agent = int(checking.read_text()), server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: server.pid("launcher") not in (0, agent) and not is_alive(check))


@pytest.mark.parametrize("with_agent", [True, False])
def test_descendants_end_with_supervisord(server, project, with_agent):
    """Also those outside of their group, for whom supervisord has no name."""
    project.profile(f'[services.web]\ncommand = """{FORKING} echo up; wait"""\nstop.grace = 0.3\n')
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    pids = pids_in(server, 3)
    if not with_agent:
        assert server.ctl("stop", "launcher").returncode == 0
    assert server.ctl("shutdown").returncode == 0
    server.process.wait(PATIENCE)
    assert not any(map(is_alive, pids))


def test_a_program_that_is_started_while_descendants_linger(server, project):
    """An operator need not wait for them: they are killed, and what he starts goes on."""
    project.profile(f'[services.web]\ncommand = """{FORKING} echo up; wait"""\nstop.grace = 20\n')
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    pids = pids_in(server, 3)
    assert server.ctl("stop", "web").returncode == 0
    assert server.ctl("start", "web").returncode == 0
    eventually(lambda: server.states() == {"web": "ready"})
    eventually(lambda: not any(map(is_alive, pids)), within=15)
    assert is_alive(server.pid("web"))


def test_a_program_that_ends_at_once_opens_the_circuit(server, project):
    """It is not started forever in a hot loop; supervisord's state is that of its last end."""
    project.profile(
        '[services.web]\ncommand = "exit 3"\nrestart = { delay = "10ms", burst = 2, cooldown = "never" }\n'
        'health = { log = "up" }\n'
        '[services.api]\ncommand = "sleep 600"\ndepends_on = ["web"]\n'
    )
    server.start()
    eventually(lambda: server.states() == {"web": "failed", "api": "skipped"})
    assert "exited with code 3; circuit open after 3 failures" in server.ctl("why", "web").stdout
    assert server.ctl("health").returncode == 3
    assert "EXITED" in server.ctl("status", "web").stdout
    assert server.pid("launcher") > 0


def test_a_program_that_ignores_term_is_killed_when_its_grace_is_over(server, project):
    """By the agent, which goes on."""
    project.profile(
        """[services.web]\ncommand = "trap '' TERM; echo pid $$; while :; do sleep 600; done"\nstop.grace = 0.2\n"""
    )
    server.start()
    eventually(lambda: server.states() == {"web": "ready"})
    (pid,) = pids_in(server, 1)
    assert stopped(server, "web").returncode == 0
    assert not is_alive(pid)
    assert "sending SIGKILL to web" in server.log()
    assert Path(f"/proc/{server.pid('launcher')}").exists()
