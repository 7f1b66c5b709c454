"""`launcher start` with `engine = "supervisord"`: the same commands with the same answers, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import time

import pytest

from tests.e2e.project import PATIENCE, eventually, is_alive
from tests.e2e.supervisord import supervisord_of

pytestmark = pytest.mark.slow

#: Two services, each of which only lives if what it needs has done its part.
PAIR = """
[launcher]
engine = "supervisord"

[services.db]
command = "rm -f serving; sleep 0.2; touch serving; echo db serves; exec sleep 600"
health = { log = "serves" }

[services.web]
command = "test -e serving && echo web is here && exec sleep 600"
depends_on = ["db"]
restart = "no"
"""


@pytest.fixture
def project(short):
    """Each of these has a supervisord of its own."""
    return short


def test_in_the_background_the_commands_answer_as_ever(project):
    """Waiting for it reports, and stopping ends supervisord too."""
    project.profile(PAIR)
    started = project.run("start", "--wait")
    assert started.returncode == 0, started.stderr
    assert "web waits for db" in started.stdout
    assert "all ready after" in started.stdout
    assert {label: one["state"] for label, one in project.status().items()} == {"db": "ready", "web": "ready"}
    assert supervisord_of(project)
    assert "web is here" in project.run("logs", "web").stdout
    assert "db is ready: db serves" in project.run("why", "db").stdout
    assert project.run("wait").returncode == 0
    first = project.status()["web"]["pid"]
    assert project.run("restart", "web").returncode == 0
    assert project.status()["web"]["pid"] != first
    stopped = project.run("stop")
    assert stopped.returncode == 0
    assert stopped.stdout.index("web stopped") < stopped.stdout.index("db stopped")
    assert not supervisord_of(project)
    assert not is_alive(int(str(first)))
    assert project.run("status").returncode == 3
    again = project.run("start", "--wait")
    assert again.returncode == 0, again.stderr


def test_ctrl_c_in_the_foreground_stops_everything(project):
    """The output of services and what happens, as on the local engine."""
    project.profile(PAIR)
    running = project.start()
    running.until("web +\\| web is here")
    running.until("all ready after")
    pids = [int(str(one["pid"])) for one in project.status().values()]
    assert running.stop() == 130
    assert running.output.index("web stopped") < running.output.index("db stopped")
    assert not supervisord_of(project)
    assert not any(map(is_alive, pids))


def test_a_second_ctrl_c_kills(project):
    """Nothing is left of a service that heeds no signal."""
    project.profile(
        '[launcher]\nengine = "supervisord"\n[services.deaf]\n'
        "command = \"trap '' TERM; echo listening; while :; do sleep 1; done\"\nstop.grace = 60\n"
    )
    running = project.start()
    running.until("deaf +\\| listening")
    running.until("all ready")
    pid = int(str(project.status()["deaf"]["pid"]))
    running.interrupt()
    running.until("sending SIGTERM to deaf")
    running.interrupt()
    running.end()
    eventually(lambda: not is_alive(pid) and not supervisord_of(project))


def test_a_start_that_fails_is_rolled_back(project):
    """With the last lines of what failed, and nothing left: neither services nor supervisord."""
    project.profile(PAIR.replace("echo web is here && exec sleep 600", "echo cannot go on; exit 7"))
    for flags in (("--wait",), ()):
        failed = project.run("start", *flags)
        assert failed.returncode == 4
        assert 'E3006 start-up failed and was rolled back: "web" failed: exited with code 7' in failed.stderr
        assert "the last lines of web:\n" in failed.stdout
        assert "    cannot go on" in failed.stdout
        assert not supervisord_of(project)


def test_it_ends_when_nothing_is_left_that_can_run(project):
    """With 0 where all went well, and 1 where something failed, as on the local engine."""
    project.profile(
        '[launcher]\nengine = "supervisord"\n[services.one]\nkind = "task"\ncommand = "echo done"\n'
        '[services.two]\ncommand = "sleep 0.5; exit $CODE"\nrestart = "no"\nenv = { CODE = "0" }\n'
    )
    well = project.run("start")
    assert well.returncode == 0, well.stderr
    assert re.search("one +\\| done\n", well.stdout)
    assert project.run("start", "--set", "services.two.env.CODE=3").returncode == 1
    assert not supervisord_of(project)


def test_detached_it_returns_at_once_and_goes_on(project):
    """The start has begun when the command returns: a `wait` after it waits for that."""
    project.profile(PAIR)
    assert "runs in the background as pid" in project.run("start", "--detach").stdout
    assert project.run("wait").returncode == 0
    assert {one["state"] for one in project.status().values()} == {"ready"}


def test_a_second_start_joins(project):
    """It starts what is missing; whoever starts meanwhile waits for the supervisord that comes up."""
    project.profile(PAIR)
    first, second = project.start("db", "--wait"), project.start("--wait")
    assert (first.end(), second.end()) == (0, 0), first.output + second.output
    assert "joining it" in first.output + second.output
    assert {one["state"] for one in project.status().values()} == {"ready"}


def test_supervisord_killed_with_9_leaves_nothing_alive(project):
    """The guard ends what the agent has started, and the agent; the next start has no trouble."""
    project.profile(PAIR)
    assert project.run("start", "--wait").returncode == 0
    pids = [int(str(one["pid"])) for one in project.status().values()]
    killed = time.monotonic()
    os.kill(supervisord_of(project), signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, pids)))
    assert time.monotonic() - killed < 2
    eventually(lambda: project.run("status").returncode == 3)
    assert project.run("start", "--wait").returncode == 0


def test_supervisord_told_to_end_stops_everything(project):
    """`launcher start` in the foreground ends with it."""
    project.profile(PAIR)
    running = project.start()
    running.until("all ready")
    pids = [int(str(one["pid"])) for one in project.status().values()]
    os.kill(supervisord_of(project), signal.SIGTERM)
    running.end()
    assert not any(map(is_alive, pids))


def test_what_cannot_start_is_said_at_once(project):
    """A port that is taken, an unknown service: before supervisord is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        project.profile(f'[launcher]\nengine = "supervisord"\n[services.web]\ncommand = "true"\nport = {port}\n')
        refused = project.run("start", "--wait")
    assert refused.returncode == 2
    assert f"port {port} is taken" in refused.stderr
    unknown = project.run("start", "wbe")
    assert (unknown.returncode, unknown.stderr[:5]) == (2, "E2003")
    assert not (project.root / ".launcher" / "dev" / "supervisord.pid").exists()


def test_secrets_stay_private(project):
    """What supervisord needs to know lies in files of the owner alone; no log tells it."""
    holding = ("launcher.plan", "supervisord.conf", "state.json", "launcher.log", "lock")
    project.profile(
        '[launcher]\nengine = "supervisord"\n[services.web]\nenv = { API_TOKEN = "hunter2-hunter2" }\n'
        'command = "echo I have $API_TOKEN; exec sleep 600"\nhealth = { log = "I have" }\n'
    )
    assert project.run("start", "--wait").returncode == 0
    assert "I have ***" in project.run("logs").stdout
    folder = project.root / ".launcher" / "dev"
    assert {(folder / name).stat().st_mode & 0o777 for name in holding} == {0o600}
    assert folder.stat().st_mode & 0o077 == 0


def test_a_path_too_long_for_its_socket_is_an_error(project):
    """With what to do about it; the local engine minds no length."""
    project.profile(PAIR)
    run = project.root / ("a" * 90)
    refused = project.run("start", "--wait", "--run-dir", str(run))
    assert refused.returncode == 1
    assert "too long a path" in refused.stderr
    assert "--run-dir" in refused.stderr


def test_where_supervisord_cannot_start_its_words_are_told(project):
    """Here its log's name is a folder's."""
    project.profile(PAIR)
    (project.root / ".launcher" / "dev" / "logs" / "supervisord.log").mkdir(parents=True)
    started = time.monotonic()
    refused = project.run("start", "--wait")
    assert refused.returncode != 0
    assert "E5001 supervisord ended with code" in refused.stderr
    assert "supervisord.log" in refused.stderr
    assert time.monotonic() - started < PATIENCE
