"""A real launcher, its REST API and `launcher events`, from near and from afar."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from launcher.control import wire
from launcher.control.client import Client
from launcher.orchestrator.snapshot import State
from tests.e2e.project import LAUNCHER, PATIENCE, Running, eventually, is_alive

pytestmark = pytest.mark.slow

TWO = """
[services.db]
command = "exec sleep 600"
restart = { delay = 0, max_delay = 0 }
[services.api]
command = "exec sleep 600"
depends_on = ["db"]
"""


@pytest.fixture
def events(project):
    """Run `launcher events` beside a launcher; ended afterwards."""
    made = []

    def begin(*args: str) -> Running:
        process = subprocess.Popen(
            [*LAUNCHER, "events", *args],
            cwd=project.root,
            env=project.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        made.append(Running(process))
        return made[-1]

    yield begin
    for each in made:
        each.process.kill()
        each.process.wait()
        each.process.stdout.close()


def started(project, text: str = TWO) -> Running:
    project.profile(text)
    running = project.start()
    running.until("all ready")
    return running


def test_events_as_lines(project, events):
    """Everything as it is, then a kill, its reason and the restart, until the launcher ends."""
    running = started(project)
    seen = events()
    seen.until(r"\d\d:\d\d:\d\d db: ready\n.*api: ready\n")
    pid = project.status()["db"]["pid"]
    os.kill(pid, signal.SIGKILL)
    seen.until(r"db: ready → backoff  .*SIGKILL")
    seen.until(r"db: waiting → starting")
    again = int(seen.until(r"db: pid (\d+)")[1])
    assert again != pid
    running.stop()
    assert seen.end() == 0
    assert "db: stopping → stopped" in seen.output


def test_events_as_json_of_one_service(project, events):
    """A value a line; nothing of the others."""
    running = started(project)
    seen = events("--json", "db")
    seen.until('"snapshot"')
    assert project.run("restart", "api").returncode == 0
    os.kill(project.status()["db"]["pid"], signal.SIGKILL)
    seen.until('"state":"backoff"')
    running.stop()
    assert seen.end() == 0
    sent = [wire.decode_sent(line.encode()) for line in seen.output.splitlines()]
    assert isinstance(sent[0], wire.Everything)
    assert {one.news.label for one in sent if isinstance(one, wire.Moved)} == {"db"}
    assert isinstance(sent[-1], wire.Ended)


def test_events_ended_by_hand_or_by_a_crash(project, events):
    """130 for Ctrl-C; 3, and a word, where the launcher was killed."""
    running = started(project)
    mine, others = events(), events()
    mine.until("api: ready")
    others.until("api: ready")
    mine.process.send_signal(signal.SIGINT)
    assert mine.end() == 130
    running.process.kill()
    assert others.end() == 3
    assert "E9003" in others.output
    running.end()


def test_events_need_a_launcher_and_know_its_services(project):
    project.profile(TWO)
    assert project.run("events").returncode == 3
    project.start().until("all ready")
    answer = project.run("events", "dbb")
    assert answer.returncode == 2
    assert "did you mean `db`" in answer.stderr


def test_in_python(project, monkeypatch):
    """`Client("dev").events()`, in the project's folder; and going on behind what was seen."""
    running = started(project)
    monkeypatch.chdir(project.root)
    seen = Client("dev").events()
    assert {view.state for view in next(seen).snapshot.instances} == {State.READY}
    uses = Client("dev").usage()
    assert set(uses) == {"db.1", "api.1"}
    assert all(use.memory > 100_000 and use.cpu >= 0 for use in uses.values())
    os.kill(project.status()["db"]["pid"], signal.SIGKILL)
    states = []
    while State.READY not in states:
        match next(seen):
            case wire.Moved(news=news) if news.label == "db":
                states.append(news.state)
    assert states[0] is State.BACKOFF
    (*_, done) = Client("dev").stop(["api"])
    assert done.ok
    running.stop()
    *_, last = seen
    assert last == wire.Ended()


def curl(project, *args: str) -> tuple[int, dict[str, object]]:
    """Ask as the docs say."""
    path = ".launcher/dev/control.sock"
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", "--unix-socket", path, *args],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_by_curl(project):
    """A look, a command with the state reached, its bound, and the end of everything."""
    running = started(project)
    assert curl(project, "http://launcher/health") == (200, {"ok": True, "level": "ready", "missing": []})
    status, answer = curl(project, "-X", "POST", "http://launcher/services/api/stop")
    assert (status, answer["instances"][0]["state"]) == (200, "stopped")
    status, answer = curl(project, "http://launcher/wait?service=api&wait=10")
    assert (status, answer["code"]) == (409, 3004)
    status, answer = curl(project, "-X", "POST", "http://launcher/stop")
    assert (status, answer["ok"]) == (200, True)
    assert {one["state"] for one in answer["instances"]} == {"stopped"}
    assert running.end() == 0
    assert not (project.root / ".launcher/dev/control.sock").exists()


def test_from_afar(project):
    """`--host`, with the token of the environment; never without."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    project.environ["API_TOKEN"] = "s3cret-token"
    started(project, f'[launcher.api]\nlisten = "127.0.0.1:{port}"\ntoken = "${{API_TOKEN}}"\n{TWO}')
    host = f"http://127.0.0.1:{port}"
    refused = project.run("--host", host, "status")
    assert refused.returncode == 2
    assert "E9011" in refused.stderr
    project.environ["LAUNCHER_TOKEN"] = "s3cret-token"
    answer = project.run("--host", host, "status", "--json")
    assert {one["label"] for one in json.loads(answer.stdout)["instances"]} == {"db", "api"}
    assert project.run("--host", host, "restart", "api").returncode == 0
    written = [path.read_bytes() for path in Path(project.root, ".launcher").rglob("*") if path.is_file()]
    assert not any(b"s3cret-token" in data for data in written)


def test_a_reader_that_is_stuck_holds_up_nothing(project):
    """A client of /events that never reads: restarts go on, and so does the end."""
    running = started(project)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(os.path.relpath(project.root / ".launcher/dev/control.sock"))
        sock.send(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(3):
            assert project.run("restart", "db").returncode == 0
        pid = project.status()["db"]["pid"]
        assert running.stop() == 130
    eventually(lambda: not is_alive(pid))
