"""The real supervisord with mode "forked": each service is a program of its own, whose process the agent had forked."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.components import NAMES, get, write
from tests.e2e.project import eventually, is_alive
from tests.e2e.supervisord import supervisord_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="orphans come to supervisord on Linux only"),
]
READY = dict.fromkeys(("host.forked", *NAMES), "ready")


def views(server):
    answer = server.project.run("status", "--json", "--run-dir", str(server.run_folder))
    return {one["label"]: one for one in json.loads(answer.stdout)["instances"]}


def log_of(server, name):
    return (server.run_folder / "logs" / f"{name}.out").read_text()


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_forked(pid):
    """Rather than started: then the line that the exporter wrote would be there, `--drain` and all."""
    return "--drain" not in Path(f"/proc/{pid}/cmdline").read_bytes().decode()


@pytest.fixture
def forked(server, project):
    """Both are ready."""
    write(project, mode="forked")
    server.start()
    eventually(lambda: server.states() == READY)
    return server


def test_each_is_a_program_of_supervisords(forked):
    """Its own child, forked; supervisorctl shows it, and its log has what it prints."""
    there = views(forked)
    status = forked.ctl("status").stdout
    for name in NAMES:
        pid = there[name]["pid"]
        assert f"pid {pid}, " in next(line for line in status.splitlines() if line.startswith(name))
        assert parent_of(pid) == forked.process.pid
        assert is_forked(pid)
        assert get(there[name], "/print/hello") == name
        assert get(there[name], "/env/SUPERVISOR_PROCESS_NAME") == name
        eventually(lambda: "hello" in log_of(forked, name))  # noqa: B023
    assert "hello" in forked.project.run("logs", "catalog", "--run-dir", str(forked.run_folder)).stdout


def test_one_that_dies_is_forked_anew_and_its_code_told(forked):
    """By the restart rule; who asks meanwhile waits."""
    there = views(forked)
    os.kill(there["catalog"]["pid"], signal.SIGKILL)
    assert get(there["catalog"]) == "catalog"
    eventually(lambda: forked.states() == READY)
    assert "catalog backoff: killed by SIGKILL" in forked.log()
    assert is_forked(forked.pid("catalog"))


def test_the_next_agent_goes_on_with_them(forked):
    """Nothing is started again; what they print, and how they end, is heard; they are forked as before."""
    before = views(forked)
    agent = forked.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    get(before["catalog"], "/print/meanwhile")
    eventually(lambda: forked.pid("launcher") not in (0, agent) and forked.states() == READY)
    after = views(forked)
    assert {name: (one["pid"], one["generation"]) for name, one in after.items()} == {
        name: (one["pid"], one["generation"]) for name, one in before.items()
    }
    run = ("--run-dir", str(forked.run_folder))
    eventually(lambda: "meanwhile" in forked.project.run("logs", "catalog", *run).stdout)
    assert forked.project.run("restart", "catalog", *run).returncode == 0
    assert is_forked(forked.pid("catalog"))
    assert get(views(forked)["catalog"]) == "catalog"


def test_an_agent_killed_while_what_they_are_forked_from_comes_up_costs_little(server, project):
    """What it said to nobody is known by its answering."""
    write(project, mode="forked")
    server.start()
    eventually(lambda: server.pid("launcher"))
    agent = server.pid("launcher")
    eventually(lambda: "spawned: 'host.forked'" in (server.run_folder / "logs" / "supervisord.log").read_text())
    os.kill(agent, signal.SIGSTOP)  # it hears nothing any more
    eventually((server.run_folder / "host-forked.sock").exists)
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: server.states() == READY, within=15)
    assert (server.run_folder / "logs" / "supervisord.log").read_text().count("spawned: 'host.forked'") == 1


def test_they_outlive_the_process_that_they_are_forked_from(forked):
    """It starts again; and what is restarted then is forked from it."""
    before = views(forked)
    os.kill(before["host.forked"]["pid"], signal.SIGKILL)
    eventually(lambda: forked.states() == READY and forked.pid("host.forked") not in (0, before["host.forked"]["pid"]))
    assert [forked.pid(name) for name in NAMES] == [before[name]["pid"] for name in NAMES]
    assert forked.project.run("restart", "orders", "--run-dir", str(forked.run_folder)).returncode == 0
    assert is_forked(forked.pid("orders"))


def test_what_an_operator_does_is_a_command(forked):
    """What he starts is started by itself, and taken over; a restart by the agent forks again."""
    assert forked.ctl("stop", "orders").returncode == 0
    eventually(lambda: forked.states() == READY | {"orders": "stopped"})
    assert forked.ctl("start", "orders").returncode == 0
    eventually(lambda: forked.states() == READY)
    assert not is_forked(forked.pid("orders"))
    assert forked.project.run("restart", "orders", "--run-dir", str(forked.run_folder)).returncode == 0
    assert is_forked(forked.pid("orders"))
    before = forked.pid("host.forked")
    assert forked.ctl("restart", "host.forked").returncode == 0
    eventually(lambda: forked.states() == READY and forked.pid("host.forked") not in (0, before))
    assert forked.project.run("restart", "catalog", "--run-dir", str(forked.run_folder)).returncode == 0
    assert is_forked(forked.pid("catalog"))


def test_what_it_leaves_behind_ends_with_it_and_not_with_an_agent(forked):
    """A child in a session of its own is known by the mark of its program."""
    there = views(forked)
    child = int(get(there["catalog"], "/child"))
    agent = forked.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: forked.pid("launcher") not in (0, agent) and forked.states() == READY)
    assert is_alive(child)
    assert forked.project.run("stop", "catalog", "--run-dir", str(forked.run_folder)).returncode == 0
    assert not is_alive(child)


def test_told_to_end_supervisord_leaves_nothing(forked):
    pids = [one["pid"] for one in views(forked).values()]
    forked.process.terminate()
    forked.process.wait(30)
    assert not any(map(is_alive, pids))


def test_reload_begins_anew(forked):
    """With other processes, all forked."""
    before = [one["pid"] for one in views(forked).values()]
    assert forked.ctl("reload").returncode == 0
    eventually(lambda: not any(map(is_alive, before)))
    eventually(lambda: forked.states() == READY)
    assert all(is_forked(forked.pid(name)) for name in NAMES)


def test_a_stop_while_one_is_being_forked_is_kept(forked):
    """It waits until the process is there."""
    run = ("--run-dir", str(forked.run_folder))
    for _ in range(3):
        assert forked.project.run("stop", "orders", *run).returncode == 0
        starting = forked.project.start("orders", *run)
        starting.until("orders started|joining")
        assert forked.project.run("stop", "orders", *run).returncode == 0
        assert forked.states()["orders"] == "stopped"
        starting.stop()


def test_supervisord_killed_with_9_leaves_nothing_alive(short):
    """Its guard finds them by the mark that it gave."""
    write(short, mode="forked", top="engine = 'supervisord'")
    started = short.run("start", "--wait")
    assert started.returncode == 0, started.stderr
    pids = [one["pid"] for one in short.status().values()]
    os.kill(supervisord_of(short), signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, pids)), within=5)
