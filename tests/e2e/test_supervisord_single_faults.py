"""The real supervisord with mode "single", and what can fail around the process that services share."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.e2e.components import NAMES, get, write
from tests.e2e.project import eventually, is_alive, refuses
from tests.e2e.supervisord import supervisord_of

pytestmark = pytest.mark.slow
READY = dict.fromkeys(("host.apps", *NAMES), "ready")


def views(server):
    answer = server.project.run("status", "--json", "--run-dir", str(server.run_folder))
    return {one["label"]: one for one in json.loads(answer.stdout)["instances"]}


def up(server, project, **what):
    write(project, **what)
    server.start()
    eventually(lambda: server.states() == READY)
    return server


def kill_agent(server):
    agent = server.pid("launcher")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: server.pid("launcher") not in (0, agent))


def spawned(server, name):
    return (server.run_folder / "logs" / "supervisord.log").read_text().count(f"spawned: '{name}'")


@pytest.mark.parametrize("late", ["the process", "a component"])
def test_an_agent_killed_while_one_comes_up_costs_little(server, project, late):
    """What it said to nobody is known all the same, and nothing is started twice."""
    write(project)
    if late == "a component":
        source = (project.root / "catalog.py").read_text()
        project.file("catalog.py", f"import time\nopen('importing', 'w').close()\ntime.sleep(0.3)\n{source}")
    server.start()
    eventually(lambda: server.pid("launcher"))
    agent = server.pid("launcher")
    if late == "a component":
        eventually((project.root / "importing").exists)
    else:
        log = server.run_folder / "logs" / "supervisord.log"
        eventually(lambda: log.exists() and spawned(server, "host.apps"))
    os.kill(agent, signal.SIGSTOP)  # it hears nothing any more
    eventually((server.run_folder / "host-apps.sock").exists)
    os.kill(agent, signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: server.states() == READY)
    assert time.monotonic() - began < 15
    assert spawned(server, "host.apps") == 1
    assert {one["generation"] for one in views(server).values()} == {1}


def test_children_of_components_outlive_an_agent_and_end_with_the_process(server, project):
    """They are the process's, not the agent's, who started the component."""
    there = views(up(server, project))
    child = int(get(there["catalog"], "/child"))
    kill_agent(server)
    eventually(lambda: server.states() == READY)
    assert is_alive(child)
    os.kill(server.pid("host.apps"), signal.SIGKILL)
    eventually(lambda: not is_alive(child))
    eventually(lambda: server.states() == READY)


def test_a_port_that_two_share_is_held_through_agent_and_process(server, project):
    """Whichever of them asks for it first the next time; and closed with the last of them."""
    up(server, project, keys="prefix = '/catalog'", others="prefix = '/orders'")
    there = views(server)
    assert there["catalog"]["port"] == there["orders"]["port"]
    run = ("--run-dir", str(server.run_folder))
    assert project.run("stop", "catalog", *run).returncode == 0
    kill_agent(server)
    eventually(lambda: server.states().get("orders") == "ready")
    assert server.states()["catalog"] == "stopped"
    os.kill(server.pid("host.apps"), signal.SIGKILL)
    assert get(there["orders"], "/orders") == "orders"
    assert project.run("start", "catalog", "--wait", *run).returncode == 0
    assert get(there["catalog"], "/catalog") == "catalog"
    for name in NAMES:
        assert project.run("stop", name, *run).returncode == 0
    eventually(lambda: refuses(there["orders"]["port"]))


def test_an_update_begins_the_process_anew_where_what_is_in_it_has_changed(server, project):
    """And there alone: a rule of the agent's is nothing to the process."""
    up(server, project)
    host = server.pid("host.apps")
    profile = project.root / "profiles" / "dev.toml"
    profile.write_text(profile.read_text().replace("burst = 3", "burst = 4"))
    assert server.export().returncode == 0
    assert server.ctl("update").returncode == 0
    eventually(lambda: server.states() == READY)
    assert server.pid("host.apps") == host
    profile.write_text(profile.read_text().replace("[services.orders]", "[services.orders]\nenv = { NEW = 'yes' }"))
    assert server.export().returncode == 0
    assert server.ctl("update").returncode == 0
    eventually(lambda: server.states() == READY and server.pid("host.apps") != host)
    assert get(views(server)["orders"], "/env/NEW") == "yes"


def test_one_whose_import_shows_that_it_can_share_no_process_stays_down(server, project):
    """Supervisord has no program for it: the reason and the way out are told, and the other is ready."""
    write(project, mode="auto", keys="placement = 'merged'", others="required = false")
    project.file("orders.py", "import asyncio\nasync def nothing(): ...\nasyncio.run(nothing())\n")
    server.start()
    eventually(lambda: server.states().get("orders") == "failed")
    assert server.states()["catalog"] == "ready"
    assert "orders cannot get a process of its own, for supervisord runs only what stands in its" in server.log()
    assert "its import calls asyncio.run" in server.ctl("why", "orders").stdout


def test_one_that_does_not_end_is_ended_with_its_process(server, project):
    """Within its grace; the other starts again."""
    up(server, project, keys="stop.grace = 1")
    run = ("--run-dir", str(server.run_folder))
    project.file("catalog.py", "import threading\nthreading.Event().wait()\n")
    os.kill(server.pid("host.apps"), signal.SIGKILL)
    eventually(lambda: server.states() == READY | {"catalog": "starting", "orders": "waiting"})
    host = server.pid("host.apps")
    assert project.run("stop", "catalog", *run).returncode == 0
    eventually(lambda: server.pid("host.apps") not in (0, host))
    assert "catalog does not end: restarting host.apps, in which it runs" in server.log()


def test_supervisord_killed_with_9_that_nobody_guards_takes_the_process_along(server, project):
    """In order: the next supervisord begins with one of its own, on the same ports."""
    there = views(up(server, project))
    child, host = int(get(there["catalog"], "/child")), server.pid("host.apps")
    server.process.kill()
    server.process.wait(30)
    eventually(lambda: not is_alive(host))
    os.kill(child, signal.SIGKILL)  # as that of any program: its own supervisord would have ended it
    server.start()
    eventually(lambda: server.states() == READY)
    assert [get(views(server)[name]) for name in NAMES] == list(NAMES)


def test_supervisord_killed_with_9_leaves_nothing_alive(short):
    """Neither the process, nor what its components have begotten; the next start has no trouble."""
    write(short, top="engine = 'supervisord'")
    started = short.run("start", "--wait")
    assert started.returncode == 0, started.stderr
    there = short.status()
    child, host = int(get(there["catalog"], "/child")), there["host.apps"]["pid"]
    os.kill(supervisord_of(short), signal.SIGKILL)
    eventually(lambda: not is_alive(child) and not is_alive(host), within=5)
    eventually(lambda: short.run("status").returncode == 3)
    assert short.run("start", "--wait").returncode == 0


def test_a_start_of_one_service_is_followed_and_all_stops_in_order(short):
    """`launcher start` as under the local engine: the process comes along, and ends with the last that is in it."""
    write(short, top="engine = 'supervisord'")
    assert short.run("start", "catalog", "--wait").returncode == 0
    assert {name: one["state"] for name, one in short.status().items()} == {
        "host.apps": "ready",
        "catalog": "ready",
        "orders": "pending",
    }
    stopped = short.run("stop")
    assert stopped.stdout.index("catalog stopped") < stopped.stdout.index("host.apps stopped")
    assert not supervisord_of(short)
