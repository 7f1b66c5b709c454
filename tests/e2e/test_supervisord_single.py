"""The real supervisord with mode "single": the process that services share is its program, they are the agent's."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.e2e.components import NAMES, get, write
from tests.e2e.project import eventually, is_alive, refuses

pytestmark = pytest.mark.slow
READY = dict.fromkeys(("host.apps", *NAMES), "ready")


def views(server):
    """What the agent says of each."""
    answer = server.project.run("status", "--json", "--run-dir", str(server.run_folder))
    return {one["label"]: one for one in json.loads(answer.stdout)["instances"]}


@pytest.fixture
def single(server, project):
    """Both are ready."""
    write(project)
    server.start()
    eventually(lambda: server.states() == READY)
    return server


def test_supervisord_has_the_process_and_the_agent_what_runs_in_it(single):
    """The configuration has no program for a component."""
    status = single.ctl("status").stdout
    assert [line.split()[0] for line in status.splitlines()] == ["host.apps", "launcher"]
    there = views(single)
    assert {one["pid"] for one in there.values()} == {single.pid("host.apps")}
    assert [get(there[name]) for name in NAMES] == list(NAMES)
    assert "catalog is ready" in single.ctl("why", "catalog").stdout
    exported = (single.project.root / "deploy" / "supervisord.conf").read_text()
    assert "[program:host.apps]" in exported
    assert "[program:catalog]" not in exported


def test_one_restarts_while_the_other_answers(single):
    """Beside itself, as under any engine."""
    restarted = single.project.run("restart", "catalog", "--run-dir", str(single.run_folder))
    assert "catalog has started anew beside itself" in restarted.stdout
    there = views(single)
    assert [there[name]["generation"] for name in NAMES] == [2, 1]
    assert get(there["catalog"]) == "catalog"


def test_all_are_back_when_the_process_died(single):
    """In order, on the ports that they had."""
    before = views(single)
    os.kill(single.pid("host.apps"), signal.SIGKILL)
    eventually(lambda: single.states() == READY and views(single)["orders"]["generation"] == 2)
    after = views(single)
    assert {name: after[name]["port"] for name in NAMES} == {name: before[name]["port"] for name in NAMES}
    assert [get(after[name]) for name in NAMES] == list(NAMES)


def test_what_takes_its_process_along_again_and_again_stays_there(server, project):
    """Supervisord has no program for it, which is said; the other is ready again once it is given up."""
    write(project)
    server.start()
    eventually(lambda: server.states() == READY)
    project.file("catalog.py", "import os\nos._exit(3)\n")
    os.kill(server.pid("host.apps"), signal.SIGKILL)
    text = "catalog cannot get a process of its own, for supervisord runs only what stands in its configuration"
    eventually(lambda: text in server.log())


def kill_agent(server):
    """And wait until the next one answers."""
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: server.pid("launcher") not in (0, agent) and server.states())


def log_of(server, instance):
    path = server.run_folder / "logs" / f"{instance}.log"
    return path.read_text() if path.exists() else ""


def test_the_next_agent_goes_on_with_what_runs(single):
    """Nothing is started again, and all can be commanded and measured as before."""
    before = views(single)
    kill_agent(single)
    eventually(lambda: single.states() == READY)
    after = views(single)
    assert {name: (one["pid"], one["generation"]) for name, one in after.items()} == {
        name: (one["pid"], one["generation"]) for name, one in before.items()
    }
    assert [get(after[name]) for name in NAMES] == list(NAMES)
    table = single.project.run("status", "--run-dir", str(single.run_folder)).stdout.splitlines()
    assert next(line for line in table if line.startswith("catalog")).split()[-1] == "ms"
    assert "catalog is ready: ran already" in single.ctl("why", "catalog").stdout
    restarted = single.project.run("restart", "catalog", "--run-dir", str(single.run_folder))
    assert "catalog has started anew beside itself" in restarted.stdout


def test_the_next_agent_holds_the_sockets(single):
    """So nobody is refused while the process is exchanged, however it ended."""
    kill_agent(single)
    eventually(lambda: single.states() == READY)
    there, host = views(single), single.pid("host.apps")
    os.kill(host, signal.SIGKILL)
    eventually(lambda: single.pid("host.apps") != host)  # until it has ended it could accept
    assert [get(there[name]) for name in NAMES] == list(NAMES)  # they wait
    stopped = single.project.run("stop", "orders", "--run-dir", str(single.run_folder))
    assert stopped.returncode == 0
    eventually(lambda: refuses(there["orders"]["port"]))  # supervisord lets go of its own a moment later


def test_sockets_are_held_while_there_is_neither_agent_nor_process(single):
    """Supervisord itself holds them."""
    there, host = views(single), single.pid("host.apps")
    agent = single.pid("launcher")
    os.kill(agent, signal.SIGSTOP)
    os.kill(host, signal.SIGKILL)
    eventually(lambda: single.pid("host.apps") != host)  # until it has ended it could accept
    os.kill(agent, signal.SIGKILL)
    assert [get(there[name]) for name in NAMES] == list(NAMES)
    eventually(lambda: single.states() == READY)


def test_what_is_printed_while_no_agent_looks_is_heard_by_the_next(single):
    """As its component's own, in order; what the last one was sent and never read, too."""
    there = views(single)
    agent = single.pid("launcher")
    os.kill(agent, signal.SIGSTOP)
    get(there["catalog"], "/print/unread")
    os.kill(agent, signal.SIGKILL)
    get(there["catalog"], "/print/alone")
    eventually(lambda: single.pid("launcher") not in (0, agent) and single.states() == READY)
    get(there["catalog"], "/print/after")
    eventually(lambda: "after" in log_of(single, "catalog.1"))
    lines = [line.partition(" ")[2] for line in log_of(single, "catalog.1").splitlines()]
    assert [line for line in lines if line in ("unread", "alone", "after")] == ["unread", "alone", "after"]


def test_one_that_prints_without_end_while_no_agent_looks_holds_up_nobody(single):
    """A megabyte of it is kept for the next agent; the rest is told as the process's own."""
    there = views(single)
    agent = single.pid("launcher")
    os.kill(agent, signal.SIGSTOP)
    os.kill(single.pid("launcher"), signal.SIGKILL)
    get(there["catalog"], "/flood/30000")
    assert get(there["orders"]) == "orders"
    eventually(lambda: "line 29999 " in log_of(single, "host.apps"))
    eventually(lambda: "line 5000 " in log_of(single, "catalog.1"))
    get(there["catalog"], "/print/well")
    eventually(lambda: "well" in log_of(single, "catalog.1"))


@pytest.mark.parametrize("agent", ["gone", "hanging"])
def test_one_that_ended_while_no_agent_looked_is_told_of_and_started(server, project, agent):
    """With its last words, and by its restart rule; an agent that hangs has been told, and has not heard."""
    write(project)
    project.file(
        "catalog.py",
        (project.root / "catalog.py")
        .read_text()
        .replace("os._exit(3)", "asyncio.get_running_loop().call_soon(sys.exit, 4)")
        .replace("import os,", "import asyncio, sys, os,"),
    )
    server.start()
    eventually(lambda: server.states() == READY)
    there = views(server)
    pid = server.pid("launcher")
    os.kill(pid, signal.SIGSTOP)
    if agent == "gone":
        os.kill(pid, signal.SIGKILL)
    get(there["catalog"], "/print/last")
    get(there["catalog"], "/end")
    if agent == "hanging":
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: server.states() == READY and views(server)["catalog"]["generation"] == 2)
    eventually(lambda: "last" in log_of(server, "catalog.1"))
    assert "sys.exit(4)" in server.log()


def test_what_an_operator_stops_stays_down_and_comes_back_with_its_host(single):
    """Whichever agent looks; nobody has failed, and nobody is refused by whoever starts it again."""
    down = dict.fromkeys(READY, "stopped")
    assert single.ctl("stop", "host.apps").returncode == 0
    eventually(lambda: single.states() == down)
    assert views(single)["catalog"]["reason"]["text"].startswith("operator, with supervisorctl")
    kill_agent(single)
    eventually(lambda: single.states() == down)
    assert single.pid("host.apps") == 0
    assert single.ctl("start", "host.apps").returncode == 0
    eventually(lambda: single.states() == READY)
    assert [get(views(single)[name]) for name in NAMES] == list(NAMES)


def test_an_operator_restarts_the_host(single):
    """Again and again: that is no failure of anybody."""
    for _ in range(4):
        before = single.pid("host.apps")
        assert single.ctl("restart", "host.apps").returncode == 0
        eventually(lambda: single.states() == READY and single.pid("host.apps") not in (0, before))  # noqa: B023
    assert [get(views(single)[name]) for name in NAMES] == list(NAMES)
    assert "failed" not in single.log()


def test_a_process_that_was_told_to_end_is_started_again_with_all_in_it(single):
    """Its components ended in order, and did nobody a wrong."""
    os.kill(single.pid("host.apps"), signal.SIGTERM)
    eventually(lambda: single.states() == READY and views(single)["orders"]["generation"] == 2)


def test_told_to_end_supervisord_leaves_nothing(single):
    """All that runs in the process ends in order, as when it is stopped."""
    host = single.pid("host.apps")
    single.process.terminate()
    single.process.wait(30)
    assert not is_alive(host)
    assert (single.run_folder / "logs" / "host.apps.out").read_text().count("ended in order") == 2


def test_reload_begins_anew(single):
    """With the same process no more, and all ready."""
    host = single.pid("host.apps")
    assert single.ctl("reload").returncode == 0
    eventually(lambda: not is_alive(host))
    eventually(lambda: single.states() == READY)


def test_the_plain_form_says_that_it_does_not_merge(server, project):
    """There is no agent in it, which alone could."""
    write(project)
    exported = server.export("--plain")
    assert "W7004 supervisord runs a process for each service: catalog, orders will not share one" in exported.stderr
    assert "W7004" not in server.export().stderr
