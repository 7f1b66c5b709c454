"""The real supervisord and what can go wrong with it: an agent that dies, hangs or does not come up."""

from __future__ import annotations

import os
import signal

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
