"""The real supervisord with mode "single": the process that services share is its program, they are the agent's."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.e2e.components import NAMES, get, write
from tests.e2e.project import eventually, is_alive

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
