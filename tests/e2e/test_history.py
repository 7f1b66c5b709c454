"""The history and the notices of a real launcher."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import tempfile
from pathlib import Path

import pytest

from tests.e2e.project import eventually
from tests.observe.redis_server import Server, missing

pytestmark = pytest.mark.slow

#: What a service says and then goes on with; a start asked for ends with `all ready`.
UP = '[services.api]\ncommand = "echo pid $$; exec sleep 600"\nrestart.delay = 0.01\n'


def killed(running) -> None:
    """Kill the service with -9 and wait until it is ready again."""
    pid = int(running.until(r"\| pid (\d+)").group(1))
    running.until("all ready")
    os.kill(pid, signal.SIGKILL)
    running.until(r"(?s)backoff.*api ready after")


def told(project, *args):
    answer = project.run("history", "--json", *args)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_a_service_killed_with_9(project):
    """The spell, its cause and its length, while it runs and afterwards; nobody else may read it."""
    project.profile(UP)
    running = project.start()
    killed(running)
    eventually(lambda: len(told(project)["spells"]) == 1)
    running.stop()
    found = told(project, "api")
    (spell,) = found["spells"]
    assert spell["cause"].startswith("killed by SIGKILL")
    assert (spell["state"], spell["exit_code"], spell["outcome"]) == ("backoff", -9, "recovered")
    assert 0 < spell["seconds"] < 20
    (course,) = found["services"]
    assert (course["restarts"], course["spells"], course["recovery"]) == (1, 1, spell["seconds"])
    assert 0 < course["uptime"] < 1
    assert found["changes"][-1]["state"] == "stopped"
    assert (project.root / ".launcher/dev/history.db").stat().st_mode & 0o777 == 0o600
    text = project.run("history", "api").stdout
    assert "ready → backoff" in text
    assert "recovered" in text
    assert "mean to recovery" in text


def test_a_launcher_killed_with_9(project):
    """What it had kept until then can be read, and the next one goes on."""
    project.profile(UP)
    running = project.start()
    killed(running)
    eventually(lambda: len(told(project)["spells"]) == 1)
    running.process.kill()
    running.end()
    assert len(told(project)["spells"]) == 1
    again = project.start()
    again.until("all ready")
    again.stop()
    found = told(project)
    assert len(found["spells"]) == 1
    assert len({change["session"] for change in found["changes"]}) == 2


def test_a_start_that_is_over_at_once(project):
    """All of it is kept."""
    project.profile('[services.job]\nkind = "task"\ncommand = "true"\n')
    assert project.start().end() == 0
    assert [change["state"] for change in told(project)["changes"]] == ["waiting", "starting", "completed"]


def test_what_is_asked_for(project):
    """A service that there is not, a time that is none, and nothing at all."""
    project.profile(UP)
    nothing = project.run("history")
    assert (nothing.returncode, nothing.stdout) == (0, "nothing has happened\n")
    wrong = project.run("history", "apy")
    assert wrong.returncode == 2
    assert 'E2003 no service "apy", did you mean `api`?' in wrong.stderr
    wrong = project.run("history", "--since", "soon")
    assert wrong.returncode == 2
    assert "E9006 --since: expected a duration" in wrong.stderr
    assert told(project, "--since", "1h")["changes"] == []


def test_a_procfile(project):
    """It has a history like any profile."""
    (project.root / "profiles").rmdir()
    project.file("Procfile", "web: exit 3\n")
    assert project.start().end() == 3
    assert told(project)["changes"][-1]["exit_code"] == 3


def test_a_run_folder_elsewhere(project, tmp_path):
    """It lies there."""
    project.profile(UP)
    running = project.start("--run-dir", "elsewhere")
    running.until("all ready")
    running.stop()
    assert len(told(project, "--run-dir", "elsewhere")["changes"]) > 3
    assert (project.root / "elsewhere/history.db").exists()


def test_switched_off(project):
    """Nothing is kept."""
    project.profile(f"[launcher.history]\nenabled = false\n{UP}")
    running = project.start()
    running.until("all ready")
    running.stop()
    assert not (project.root / ".launcher/dev/history.db").exists()


def test_a_damaged_file(project):
    """It is set aside, a new one is begun, it is said once, and the service is up."""
    project.profile(UP)
    folder = project.root / ".launcher" / "dev"
    folder.mkdir(parents=True)
    (folder / "history.db").write_bytes(b"no database" * 1000)
    unreadable = project.run("history")
    assert unreadable.returncode == 1
    assert "E9020 cannot use" in unreadable.stderr
    running = project.start()
    killed(running)
    running.until("history: history.db was damaged: it is set aside as history.db.bad, and a new one is begun")
    running.stop()
    assert running.output.count("history:") == 1
    assert len(told(project)["spells"]) == 1


def test_a_profile_that_has_become_unreadable(project):
    """The past can be told all the same."""
    path = project.profile(UP)
    running = project.start()
    running.until("all ready")
    running.stop()
    path.write_text("[services", encoding="utf-8")
    assert told(project)["services"][0]["service"] == "api"


def test_a_place_that_cannot_be_written(project):
    """It is said once, and services go on."""
    project.profile(UP)
    (project.root / ".launcher/dev/history.db").mkdir(parents=True)
    running = project.start()
    killed(running)
    running.until("history: cannot use .*history.db: unable to open database file; changes wait in memory")
    assert running.stop() == 130
    assert re.search(r"history: \d+ changes are lost", running.output)
    assert running.output.count("history:") == 2


@pytest.fixture
def redis():
    """A server that does not run yet."""
    if missing():
        pytest.skip(missing())
    folder = Path(tempfile.mkdtemp(prefix="redis"))
    made = Server(folder)
    yield made
    made.kill()
    shutil.rmtree(folder)


def test_redis_that_comes_late(project, redis):
    """Services start without it, it is said once without the password, and nothing is lost."""
    project.environ["STORE"] = redis.url
    project.profile(f'[launcher.history]\nstore = "${{STORE}}"\n{UP}')
    running = project.start()
    killed(running)
    running.until(r"history: cannot use Redis at \S+redis.sock: .*changes wait in memory, services go on")
    redis.start()
    running.until("history: kept again, nothing is lost")
    assert len(told(project)["spells"]) == 1
    running.stop()
    assert running.output.count("history:") == 2
    assert "hush" not in running.output
    found = told(project)
    assert [change["state"] for change in found["changes"]][:3] == ["waiting", "starting", "ready"]
    assert found["changes"][-1]["state"] == "stopped"
    assert not (project.root / ".launcher/dev/history.db").exists()
    redis.kill()
    unreadable = project.run("history")
    assert unreadable.returncode == 1
    assert "E9020 cannot use Redis at" in unreadable.stderr
    assert "hush" not in unreadable.stderr


def test_an_address_that_needs_a_variable(project):
    """It is said, and services go on."""
    project.profile(f'[launcher.history]\nstore = "redis://${{NO_SUCH_HOST}}"\n{UP}')
    running = project.start()
    running.until("all ready")
    running.until("history: variable NO_SUCH_HOST is not set; nothing is kept")
    assert running.stop() == 130


def test_notices(project):
    """The last one too: that a critical service failed is what its launcher's end is about."""
    project.profile(
        "[launcher.notify]\n"
        'command = "echo $LAUNCHER_EVENT $LAUNCHER_SERVICE $LAUNCHER_EXIT_CODE >> notices"\n'
        'on = ["ready", "failed"]\n'
        "[services.api]\n"
        'command = "echo up; read line < go; exit 3"\n'
        'critical = true\nrestart = "no"\n'
    )
    go = project.root / "go"
    os.mkfifo(go)
    running = project.start()
    running.until("all ready")
    go.write_text("on\n", encoding="utf-8")
    assert running.end() == 3
    assert (project.root / "notices").read_text(encoding="utf-8").splitlines() == ["ready api", "failed api 3"]


def test_the_file_is_a_database_that_others_can_read(project):
    """Its form is written down in docs/history.md."""
    project.profile(UP)
    running = project.start()
    running.until("all ready")
    running.stop()
    with sqlite3.connect(project.root / ".launcher/dev/history.db") as base:
        rows = base.execute("SELECT service, before, state FROM changes ORDER BY rowid").fetchall()
    base.close()
    assert rows[:3] == [("api", "pending", "waiting"), ("api", "waiting", "starting"), ("api", "starting", "ready")]
