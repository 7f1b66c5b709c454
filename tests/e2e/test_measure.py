"""`launcher measure`: each mode is run for real, and nothing of it is left."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.project import LAUNCHER, PATIENCE, eventually, free_ports, is_alive

pytestmark = pytest.mark.slow
APP = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": scope["path"].encode()})
"""
THREE = "".join(f"[services.s{number}]\napp = 'm{number}:app'\nport = 'auto'\n" for number in range(3))


@pytest.fixture
def three(project, tmp_path):
    """Three apps; temporary run folders are where the test sees them."""
    project.profile(ports() + THREE)
    for number in range(3):
        project.file(f"m{number}.py", APP)
    (tmp_path / "tmp").mkdir()
    project.environ["TMPDIR"] = str(tmp_path / "tmp")
    return project


def ports() -> str:
    return f"[launcher]\nports = '{free_ports()}'\n"


def temporary(project) -> list[Path]:
    return list(Path(project.environ["TMPDIR"]).iterdir())


def test_every_mode_is_measured_side_by_side(three):
    """One process in place of three takes less memory; auto is one of the others, and not run again."""
    measured = three.run("measure", "--json", timeout=4 * PATIENCE)
    assert measured.returncode == 0, measured.stderr
    told = json.loads(measured.stdout)
    modes = {one["mode"]: one for one in told["modes"]}
    multi, single = modes["multi"]["figures"], modes["single"]["figures"]
    assert (multi["processes"], single["processes"]) == (3, 1)
    assert single["memory"] < 0.6 * multi["memory"]
    for figures in (multi, single):
        assert figures["requests"] == 600
        assert 0 < figures["latency"] <= figures["latency_p99"]
        assert figures["cpu"] > 0
        assert figures["start_up"] > 0
    assert modes["auto"]["same_as"] in {"multi", "single"}
    assert modes["auto"]["figures"] is None
    assert temporary(three) == []
    assert not (three.root / ".launcher").exists()


def test_the_table_names_what_was_measured_and_what_cannot_be(three):
    """A mode that the profile does not allow is told with the reason, and is no failure."""
    three.profile(ports() + THREE + "stop = { signal = 'INT' }\n")
    measured = three.run("measure", timeout=4 * PATIENCE)
    assert measured.returncode == 0, measured.stderr
    lines = measured.stdout.splitlines()
    assert re.match(r"mode +start-up +CPU +memory \((PSS|RSS)\) +processes +latency +p99$", lines[0])
    assert re.match(r"multi +[\d.]+ s +[\d.]+ s +\d+ MB +3 +[\d.]+ ms +[\d.]+ ms$", lines[1])
    single = next(line for line in lines if line.startswith("single"))
    assert re.match(
        r"single +E7001 profiles/dev.toml:\d+: services.s2.stop.signal: cannot be kept in a process", single
    )
    assert "measuring dev with mode multi\n" in measured.stderr


def test_a_run_that_fails_is_told_and_the_status_is_1(three):
    three.file("m1.py", "1 / 0\n")
    measured = three.run("measure", "--json", "--set", "services.s1.restart.policy=no", timeout=4 * PATIENCE)
    assert measured.returncode == 1
    multi = json.loads(measured.stdout)["modes"][0]
    assert multi["figures"] is None
    assert re.match(r"E3006 .*s1", multi["why"])
    assert temporary(three) == []


def test_it_takes_no_longer_than_it_may(three):
    """A service that never gets ready is given up, and is gone."""
    three.profile("[services.slow]\ncommand = 'echo $$ > pid; exec sleep 1000'\nhealth = { log = 'never' }\n")
    measured = three.run("measure", "--timeout", "2", timeout=4 * PATIENCE)
    assert measured.returncode == 1
    assert "E4002 not ready within 2 s" in measured.stdout
    assert not is_alive(int((three.root / "pid").read_text(encoding="ascii")))
    assert temporary(three) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(three, number):
    """Whatever it had started is stopped, and its folder removed."""
    three.profile("[services.slow]\ncommand = 'echo $$ > pid; exec sleep 1000'\nhealth = { log = 'never' }\n")
    with subprocess.Popen(
        [*LAUNCHER, "measure"], cwd=three.root, env=three.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as measuring:
        eventually(lambda: (three.root / "pid").exists() and (three.root / "pid").read_text(encoding="ascii"))
        measuring.send_signal(number)
        _, told = measuring.communicate(timeout=PATIENCE)
    assert measuring.returncode == 128 + number, told
    assert not is_alive(int((three.root / "pid").read_text(encoding="ascii")))
    assert temporary(three) == []


def test_killed_it_leaves_no_process(three):
    """Its guard ends what is up; only the folder stays."""
    three.file(
        "m0.py",
        "import os, time\n"
        + APP.replace(
            '    await send({"type": "http.response.start"',
            "    time.sleep(0.2)\n"
            '    open("asked", "w").write(str(os.getpid()))\n    await send({"type": "http.response.start"',
        ),
    )
    with subprocess.Popen(
        [*LAUNCHER, "measure"], cwd=three.root, env=three.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as measuring:
        eventually(lambda: (three.root / "asked").exists() and (three.root / "asked").read_text(encoding="ascii"))
        measuring.kill()
        measuring.communicate(timeout=PATIENCE)
    pid = int((three.root / "asked").read_text(encoding="ascii"))
    eventually(lambda: not is_alive(pid))


#: Ends `launcher measure` when a start has come back, and where its launcher is has not been looked at.
KILLED = (
    "import os\nfrom launcher.cli import main, trial\ntrial.holder = lambda _: os.kill(os.getpid(), 9)\nmain.main()\n"
)


@pytest.mark.parametrize("when", ["before", "as soon as"])
def test_killed_before_or_as_soon_as_all_is_ready_it_leaves_no_process(three, when):
    """Neither the launcher, in the background by then, nor what that has started."""
    health = "health = { log = 'never' }" if when == "before" else ""
    three.profile(f"[services.slow]\ncommand = 'echo $$ $PPID > pids; exec sleep 1000'\n{health}\n")
    program = LAUNCHER if when == "before" else (sys.executable, "-c", KILLED)
    with subprocess.Popen(
        [*program, "measure"], cwd=three.root, env=three.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as measuring:
        eventually(lambda: (three.root / "pids").exists() and (three.root / "pids").read_text(encoding="ascii"))
        service, launcher = map(int, (three.root / "pids").read_text(encoding="ascii").split())
        if when == "before":
            measuring.kill()
        measuring.communicate(timeout=PATIENCE)
    assert measuring.returncode == -signal.SIGKILL
    eventually(lambda: not is_alive(launcher))
    eventually(lambda: not is_alive(service))


def test_a_profile_that_runs_is_not_measured(three):
    started = three.run("start", "--detach", "--wait")
    assert started.returncode == 0, started.stderr
    measured = three.run("measure")
    assert measured.returncode == 2
    assert re.match(r"E9007 dev runs already \(pid \d+\), and would have to run a second time", measured.stderr)


@pytest.mark.parametrize(
    ("words", "told"), [(["--timeout", "0"], "expected a number"), (["nosuch"], 'no service "nosuch"')]
)
def test_bad_words_are_told(three, words, told):
    measured = three.run("measure", *words)
    assert measured.returncode == 2
    assert told in measured.stderr
