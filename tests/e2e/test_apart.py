"""A service that ends its shared process again and again, or cannot be in it, gets a process of its own."""

from __future__ import annotations

import json
import os
import signal
from http.client import HTTPConnection

import pytest

from launcher.control.client import Client
from tests.e2e.project import eventually, free_ports

pytestmark = pytest.mark.slow
ANSWERS = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"answer"})
"""
#: Only where it shares a process.
ENDS_IT = "import os, sys\nif '--channel' in sys.argv: os._exit(3)\n"
PROFILE = "".join(f"[services.{name}]\napp = '{name}:app'\nport = 'auto'\n" for name in ("calm", "bad", "late"))


def write(project):
    project.profile(f"[launcher]\nmode = 'single'\nports = '{free_ports()}'\n{PROFILE}")
    for name, source in {"calm": ANSWERS, "late": ANSWERS, "bad": ENDS_IT + ANSWERS}.items():
        project.file(f"{name}.py", source)


@pytest.fixture
def up(project):
    write(project)
    started = project.run("start", "--detach", "--wait")
    assert started.returncode == 0, started.stdout + started.stderr
    return project


def ask(view):
    connection = HTTPConnection("127.0.0.1", view["port"], timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_it_is_moved_and_the_reason_told(up):
    """The start-up succeeds all the same; each answers on the port that it had."""
    status = up.status()
    assert {name: status[name]["host"] for name in ("calm", "bad", "late")} == {
        "calm": "host.apps",
        "bad": "",
        "late": "host.apps",
    }
    assert [ask(status[name]) for name in ("calm", "bad", "late")] == [b"answer"] * 3
    assert status["host.apps"]["restarts"] == 5
    told = (up.root / ".launcher" / "dev" / "launcher.log").read_text(encoding="utf-8")
    assert "bad gets a process of its own: it has taken host.apps along 5 times within 60 s" in told
    eventually(lambda: "it took host.apps along when it called os._exit(3)" in up.run("history", "bad").stdout)
    eventually(lambda: "host.apps, in which it ran, has ended, by bad" in up.run("history", "calm").stdout)


def test_nothing_is_refused_while_it_is_moved(project):
    """A connection waits on the socket that it had, until it listens there again."""
    write(project)
    running = project.start()
    running.until("bad gets a process of its own")
    assert ask(project.status()["bad"]) == b"answer"
    assert project.status()["bad"]["host"] == ""


def test_it_lives_like_any_other_from_then_on(up):
    """It is restarted and stopped alone, and a new launcher places it with the others again."""
    before = up.status()
    assert up.run("restart", "bad").returncode == 0
    after = up.status()
    assert after["bad"]["pid"] not in {before["bad"]["pid"], after["host.apps"]["pid"]}
    assert ask(after["bad"]) == b"answer"
    assert after["host.apps"]["pid"] == before["host.apps"]["pid"]
    assert up.run("stop").returncode == 0
    assert not list((up.root / ".launcher" / "dev").glob("*.blame"))
    assert "in       host.apps" in up.run("plan").stdout.partition("  bad\n")[2]


def test_one_during_whose_import_the_process_is_killed_is_not_to_blame(project):
    """Whoever did that; all start again, and nobody is moved."""
    write(project)
    os.mkfifo(project.root / "gate")
    project.file("bad.py", f"print('begun', flush=True)\nopen('gate').close()\n{ANSWERS}")
    running = project.start()
    for _ in range(2):
        running.until("begun")
        running.output = ""
        os.kill(project.status()["host.apps"]["pid"], signal.SIGKILL)
        running.until(r"bad backoff: host\.apps, in which it ran, has ended; starts again")
    running.until("begun")
    with (project.root / "gate").open("w"):
        pass
    eventually(lambda: project.status()["bad"]["state"] == "ready")


#: What `bad` does at its import; who cannot be in one process with the others then, and why.
CANNOT_SHARE = {
    "runs a loop": ("import asyncio\nasyncio.run(asyncio.sleep(0))\n", "bad", "its import calls asyncio.run ("),
    "forks": (
        "import os\nif not (pid := os.fork()): os._exit(0)\nos.waitpid(pid, 0)\n",
        "bad",
        "its import calls os.f",
    ),
    "takes a name": ("import sys\nsys.path.insert(0, 'other')\nimport late\n", "late", "its module "),
}


def begin_by_choice(project, bad, keys=""):
    """Mode "auto" has chosen that `bad` shares the process of the others."""
    services = "".join(
        f"[services.{name}]\napp = '{name}:app'\nport = 'auto'\n{more}"
        for name, more in (("calm", "placement = 'merged'\n"), ("bad", keys), ("late", "depends_on = ['bad']\n"))
    )
    project.profile(f"[launcher]\nmode = 'auto'\nports = '{free_ports()}'\n{services}")
    project.file("other/late.py", "")
    for name, source in {"calm": ANSWERS, "late": ANSWERS, "bad": bad + ANSWERS}.items():
        project.file(f"{name}.py", source)
    return project.run("start", "--detach", "--wait")


@pytest.mark.parametrize(("source", "moved", "reason"), CANNOT_SHARE.values(), ids=CANNOT_SHARE)
def test_with_mode_auto_one_whose_import_cannot_be_shared_is_moved(project, source, moved, reason):
    """The same start-up goes on, nothing has failed, and who asks for it gets it."""
    started = begin_by_choice(project, source)
    assert started.returncode == 0, started.stdout + started.stderr
    status = project.status()
    assert [name for name in ("calm", "bad", "late") if not status[name]["host"]] == [moved]
    assert [ask(status[name]) for name in ("calm", "bad", "late")] == [b"answer"] * 3
    assert {status[name]["restarts"] for name in ("calm", "bad", "late", "host.apps")} == {0}
    told = (project.root / ".launcher" / "dev" / "launcher.log").read_text(encoding="utf-8")
    assert f"{moved} gets a process of its own: {reason}" in told
    eventually(lambda: f"it cannot share a process (E7005): {reason}" in project.run("history", moved).stdout)


#: As if one of gevent's functions had done so that nobody knows of.
PATCHES = "import time\ndef sleep(_): ...\nsleep.__module__ = 'gevent.hub'\ntime.sleep = sleep\n"


def test_the_process_that_it_has_changed_for_all_starts_anew(project):
    started = begin_by_choice(project, PATCHES)
    assert started.returncode == 0, started.stdout + started.stderr
    status = project.status()
    assert [name for name in ("calm", "bad", "late") if not status[name]["host"]] == ["bad"]
    assert status["host.apps"]["generation"] == 2
    told = (project.root / ".launcher" / "dev" / "launcher.log").read_text(encoding="utf-8")
    assert "bad gets a process of its own: its import lets gevent replace time.sleep" in told
    assert "restarting host.apps: bad has changed it for all that runs in it" in told
    assert [ask(status[name]) for name in ("calm", "bad", "late")] == [b"answer"] * 3


def test_the_plan_shows_where_it_is(project):
    """That of the launcher that runs, which a start would join: in the API, and for people."""
    assert begin_by_choice(project, CANNOT_SHARE["runs a loop"][0]).returncode == 0
    client = Client(folder=project.root / ".launcher" / "dev")
    one = json.loads(client.get("/profile"))["instances"]["bad.1"]
    assert (one["engine"], one["group"], one["moved"]) == ("local", "", True)
    needs = {one["service"]: one["depends_on"] for one in json.loads(client.get("/graph"))["services"]}
    assert needs["bad"] == []
    assert [each["service"] for each in needs["late"]] == ["host.apps", "bad"]
    assert "in       its own process: its import calls asyncio.run" in project.run("plan").stdout
    assert "bad\n└─ host.apps" not in project.run("graph", "bad").stdout
    assert json.loads(project.run("plan", "--json").stdout)["instances"]["bad.1"]["moved"] is True
    assert project.run("stop").returncode == 0
    assert "its import calls asyncio.run" not in project.run("plan").stdout


def test_nobody_but_itself_answers_on_its_port_then(project):
    """The host, which has answered for it, has let go of the socket: none of many requests gets its 503."""
    assert begin_by_choice(project, CANNOT_SHARE["runs a loop"][0]).returncode == 0
    view = project.status()["bad"]
    assert {ask(view) for _ in range(100)} == {b"answer"}
