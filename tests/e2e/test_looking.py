"""`timeline`, `why` and `doctor` against a real launcher."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.project import LAUNCHER

pytestmark = pytest.mark.slow

CHAIN = """
[services.db]
command = "echo opening; read line < gate; echo ready to serve; exec sleep 600"
health = { log = "ready to serve" }
[services.api]
command = "exec sleep 600"
depends_on = ["db"]
"""


def open_gate(project):
    with (project.root / "gate").open("w") as gate:
        gate.write("go\n")


def start_chain(project):
    os.mkfifo(project.root / "gate")
    project.profile(CHAIN)
    running = project.start()
    running.until(r"\| opening")
    return running


def test_the_timeline_of_a_running_launcher(project):
    """Under way, and when it is over; in every form."""
    running = start_chain(project)
    before = json.loads(project.run("timeline", "--json").stdout)
    assert not before["over"]
    open_gate(project)
    running.until("all ready")
    after = json.loads(project.run("timeline", "--json").stdout)
    db, api = after["rows"]
    assert (after["over"], after["critical"]) == (True, ["db", "api"])
    assert db["launched"] <= db["spawned"] <= db["ended"] <= api["launched"] <= api["ended"] <= after["took"]
    assert (api["waited_for"], api["gates"][0]["opened"]) == ("db", db["ended"])
    shown = project.run("timeline").stdout
    assert "all up after" in shown
    assert "api waited" in shown
    ET.fromstring(project.run("timeline", "--svg", "-").stdout)
    assert project.run("timeline", "--trace", "start.json").stdout == ""
    assert json.loads((project.root / "start.json").read_text())["traceEvents"]


def test_the_import_of_an_app_is_told_apart(project):
    """Its host measures it, and says so whatever its check is."""
    project.file(
        "slow.py",
        "open('gate').read()\nasync def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b''})\n",
    )
    os.mkfifo(project.root / "gate")
    project.profile('[services.web]\napp = "slow:app"\nport = "auto"\nhealth = { http = "/" }\n')
    running = project.start()
    open_gate(project)  # which takes until the import has opened it
    running.until("all ready")
    (web,) = json.loads(project.run("timeline", "--json").stdout)["rows"]
    assert 0 < web["imported"] < web["ended"] - web["launched"]


def test_a_file_that_cannot_be_written(project):
    """Is an error in a sentence, and leaves nothing behind."""
    project.profile('[services.a]\ncommand = "exec sleep 600"\n')
    project.start().until("all ready")
    answer = project.run("timeline", "--svg", "nowhere/x.svg")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("E9031 cannot write nowhere/x.svg: No such file or directory")


def test_timeline_needs_a_launcher(project):
    project.profile(CHAIN)
    assert project.run("timeline").returncode == 3


def test_why_shows_the_last_lines_of_the_one_that_is_waited_for(project):
    """Down the chain to what it said."""
    running = start_chain(project)
    lines = project.run("why", "api").stdout.splitlines()
    assert lines[:2] == ["api is waiting: waits for db (healthy)", "  db is starting: asked for"]
    assert lines[-2:] == ["    its last lines:", "      opening"]
    open_gate(project)
    running.until("all ready")


def test_why_names_the_holder_of_the_port(project):
    """The service says no more than that it failed."""
    project.profile(
        '[services.keep]\ncommand = "exec sleep 600"\n'
        '[services.api]\ncommand = "exit 3"\nport = "auto"\nrequired = false\n'
        'restart = { burst = 0, cooldown = "never" }\n'
    )
    project.start().until("api failed")
    port = project.status()["api"]["port"]
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        answer = project.run("why", "api").stdout
    assert "api is failed: exited with code 3; circuit open" in answer
    assert f"port {port} is held by pid {os.getpid()} (" in answer


def test_doctor_exits_1_when_something_is_bad(project):
    """A port that is taken; 0 when it is free again."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        project.profile(f'[services.api]\ncommand = "exec sleep 600"\nport = {port}\n')
        answer = project.run("doctor", "--json")
        assert answer.returncode == 1
        bad = [finding for finding in json.loads(answer.stdout) if finding["grade"] == "bad"]
        assert any(f"port {port} of api is taken by pid" in finding["what"] for finding in bad)
        assert all(finding["remedy"] for finding in bad)
    after = json.loads(project.run("doctor", "--json").stdout)
    assert not any("is taken" in finding["what"] for finding in after)


def test_doctor_tells_of_a_broken_profile_and_goes_on(project):
    """What can be seen without it is seen."""
    project.profile('[services.api]\ncomand = "x"\n')
    answer = project.run("doctor")
    assert answer.returncode == 1
    assert "bad   E1004" in answer.stdout
    assert "free for" in answer.stdout


def test_doctor_takes_a_running_launcher_for_its_own(project):
    """In the background too, neither its services nor their ports are a finding."""
    project.profile(
        '[services.web]\nport = "auto"\nhealth = { tcp = true }\n'
        'command = ["python3", "-m", "http.server", "${services.web.port}", "--bind", "127.0.0.1"]\n'
    )
    assert project.run("start", "--detach", "--wait").returncode == 0
    found = json.loads(project.run("doctor", "--json").stdout)
    assert any("ports held by the running launcher: web" in finding["what"] for finding in found)
    ours = f"pid {project.status()['web']['pid']} "  # the machine may have orphans of others
    assert not any("is taken by" in finding["what"] or ours in finding["what"] for finding in found)


FAILS = """
[services.db]
command = "echo no disk; exit 3"
health = { log = "up" }
restart = { delay = "10ms", burst = 1 }

[services.api]
command = "sleep 600"
depends_on = ["db"]
"""


def test_why_and_status_tell_of_the_last_run_when_nothing_runs(project):
    """Clearly as such, with the lines of that run only; the exit status is that of nothing running."""
    project.profile(FAILS.replace("no disk", "of an earlier run"))
    assert project.run("start").returncode == 4
    project.profile(FAILS)
    assert project.run("start").returncode == 4
    why = project.run("why", "api")
    first, *told = why.stdout.splitlines()
    assert first.startswith("The last run of dev, as it stood at ")
    assert told == [
        "api was skipped: db has failed",
        "db was failed: exited with code 3; circuit open after 2 failures within 60 s, no trial start",
        "  its last lines:",
        "    no disk",
    ]
    assert why.stderr.startswith("E9001 nothing is running")
    status = project.run("status")
    assert [line.split()[:2] for line in status.stdout.splitlines()[1:]] == [["db", "failed"], ["api", "skipped"]]
    assert (why.returncode, status.returncode) == (3, 3)


def test_the_last_run_is_told_to_people_only(project):
    """A script that asks for JSON gets none; nor does anybody where nothing ever ran, or what it left is damaged."""
    project.profile(FAILS)
    never = project.run("status")
    assert (never.returncode, never.stdout) == (3, "")
    assert project.run("start").returncode == 4
    script = project.run("status", "--json")
    assert (script.returncode, script.stdout) == (3, "")
    unknown = project.run("why", "apy")
    assert unknown.returncode == 2
    assert "did you mean `api`?" in unknown.stderr
    state = project.root / ".launcher" / "dev" / "state.json"
    state.write_text("{", encoding="utf-8")
    damaged = project.run("why", "api")
    assert (damaged.returncode, damaged.stdout) == (3, "")
    assert state.read_text(encoding="utf-8") == "{"


def test_a_reader_that_has_enough(project):
    """`launcher … | head` ends without a word; what a full disk does not take is told."""
    project.profile("".join(f'[services.s{number}]\ncommand = "sleep 600"\n' for number in range(400)))
    code = f"{shlex.join(LAUNCHER)} plan --json | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", code],
        cwd=project.root,
        env=project.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 10, "")
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*LAUNCHER, "plan"],
                cwd=project.root,
                env=project.environ,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=60,
            )
        assert done.returncode != 0
        assert "No space left" in done.stderr
