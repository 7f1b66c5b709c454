"""A configuration that changes while supervisord runs: exported or edited by hand, then `reread` and `update`."""

from __future__ import annotations

import re

import pytest

from tests.e2e.project import eventually
from tests.e2e.supervisord import UP

pytestmark = pytest.mark.slow


def out_of(server, name: str) -> str:
    return (server.run_folder / "logs" / f"{name}.out").read_text()


def updated(server) -> str:
    assert server.ctl("reread").returncode == 0
    done = server.ctl("update")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def edit(server, pattern: str, replacement: str) -> None:
    """Edit the configuration by hand, and nothing else."""
    conf = server.project.root / "deploy" / "supervisord.conf"
    text, count = re.subn(pattern, replacement, conf.read_text(), flags=re.DOTALL)
    assert count == 1
    conf.write_text(text)


OLD = """
[services.db]
command = "touch serving; exec sleep 600"
health = { exec = "test -e serving" }
[services.api]
command = "echo colour $COLOUR; exec sleep 600"
env = { COLOUR = "red" }
depends_on = ["db"]
[services.worker]
command = "exec sleep 600"
"""
NEW = """
[services.web]
command = "echo hello; exec sleep 600"
depends_on = ["api"]
[services.db]
command = "touch serving; exec sleep 600"
health = { exec = "test -e serving" }
[services.api]
command = "echo colour $COLOUR; exec sleep 600"
env = { COLOUR = "blue" }
depends_on = ["db"]
"""


def test_only_what_was_changed_restarts(server, project):
    """What is new starts when its gates are open, what is gone is stopped, and the agent goes by the new plan."""
    project.profile(OLD)
    server.start()
    eventually(lambda: server.states() == {"db": "ready", "api": "ready", "worker": "ready"})
    before = {name: server.pid(name) for name in ("db", "api", "worker", "launcher")}
    project.profile(NEW)
    assert server.export().returncode == 0
    told = updated(server)
    assert "worker: removed process group" in told
    assert "db: " not in told
    eventually(lambda: server.states() == {"db": "ready", "api": "ready", "web": "ready"})
    assert server.pid("db") == before["db"]
    assert server.pid("api") not in (0, before["api"])
    assert server.pid("launcher") not in (0, before["launcher"])
    assert out_of(server, "api").splitlines() == ["colour red", "colour blue"]
    assert out_of(server, "web") == "hello\n"
    assert server.pid("worker") == 0


def test_a_change_of_the_plan_alone_restarts_the_agent_alone(server, project):
    """A health check is nothing that supervisord knows of."""
    project.profile(OLD)
    server.start()
    eventually(lambda: server.states() == {"db": "ready", "api": "ready", "worker": "ready"})
    before = {name: server.pid(name) for name in ("db", "api", "worker")}
    project.profile(OLD.replace("test -e serving", "test -f serving"))
    assert server.export().returncode == 0
    assert updated(server) == "launcher: stopped\nlauncher: updated process group\n"
    eventually(lambda: "test -f serving" in server.ctl("why", "db").stdout)
    assert {name: server.pid(name) for name in before} == before


def test_one_group_alone_is_updated(server, project):
    """The agent takes the new plan by itself."""
    project.profile(OLD)
    server.start()
    eventually(lambda: server.states() == {"db": "ready", "api": "ready", "worker": "ready"})
    project.profile(OLD.replace("red", "blue"))
    assert server.export().returncode == 0
    assert server.ctl("update", "api").returncode == 0
    eventually(lambda: "colour blue" in out_of(server, "api") and server.states().get("api") == "ready")
    assert out_of(server, "api").splitlines() == ["colour red", "colour blue"]


def test_a_program_removed_while_it_starts(server, project):
    """What waits for it is told so; put back, it starts again."""
    project.profile(
        '[services.db]\ncommand = "echo up $$; exec sleep 600"\nhealth = { exec = "test -e serving" }\n'
        '[services.api]\ncommand = "exec sleep 600"\ndepends_on = ["db"]\n'
        '[services.worker]\ncommand = "exec sleep 600"\n'
    )
    server.start()
    eventually(lambda: server.states() == {"db": "starting", "api": "waiting", "worker": "ready"})
    worker = server.pid("worker")
    conf = project.root / "deploy" / "supervisord.conf"
    whole = conf.read_text()
    edit(server, r"\[program:db\].*?(?=\[)", "")
    assert "db: removed process group" in updated(server)
    eventually(lambda: server.states() == {"db": "stopped", "api": "skipped", "worker": "ready"})
    assert "db was removed from supervisord's configuration" in server.log()
    refused = server.project.run("start", "db", "--run-dir", str(server.run_folder))
    assert 'supervisord has no program "db"' in refused.stdout + refused.stderr
    conf.write_text(whole)
    (project.root / "serving").touch()
    assert "db: added process group" in updated(server)
    eventually(lambda: server.states().get("db") == "ready")
    assert server.pid("worker") == worker


def test_a_configuration_edited_by_hand(up):
    """What is unknown is left alone and told; what is changed restarts, and stays the agent's."""
    edit(up, r"\[program:worker\]", '[program:mine]\ncommand=sleep 600\n[program:worker]\nenvironment=A="b"')
    before = {name: up.pid(name) for name in ("db", "api", "worker")}
    told = updated(up)
    assert "mine: added process group" in told
    eventually(lambda: up.states() == UP and up.pid("worker") not in (0, before["worker"]))
    assert up.pid("mine") > 0
    assert {name: up.pid(name) for name in ("db", "api")} == {name: before[name] for name in ("db", "api")}
    assert "left alone, for it is not in the profile: mine" in up.log()


def test_a_configuration_that_is_broken_changes_nothing(up):
    """`reread` says where."""
    before = {name: up.pid(name) for name in ("db", "api", "worker", "launcher")}
    edit(up, r"\[program:worker\]\ncommand=[^\n]*", "[program:worker]")
    assert "does not specify a command" in up.ctl("reread").stdout
    assert up.states() == UP
    assert {name: up.pid(name) for name in before} == before
