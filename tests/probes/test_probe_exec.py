"""The exec probe with real commands."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from launcher.probes.exec import judge
from launcher.profile.model import Health
from tests.engines.world import wait_gone

JUDGED = [
    ("success", 0, b"", (True, "exit code 0")),
    ("failure, with its last words", 3, b"no\n\x1b[31mdb\x1b[m\n", (False, "exit code 3\nno\ndb")),
    ("time-out", None, b"waiting", (False, "no answer within 2 s (the command was killed)\nwaiting")),
    ("a signal", -11, b"", (False, "ended by SIGSEGV")),
    ("an unknown signal", -99, b"", (False, "ended by signal 99")),
    ("not executable", 126, b"", (False, "exit code 126 (not executable)")),
    ("not found", 127, b"no such file", (False, "exit code 127 (not found)\nno such file")),
]


@pytest.mark.parametrize(("code", "output", "finding"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED])
def test_an_end_is_judged(code, output, finding) -> None:
    """Only 0 is healthy; what the command said stands below."""
    assert judge(code, output, 2.0) == finding


def test_the_last_output_is_kept() -> None:
    """Of a long output the end counts."""
    finding = judge(1, b"x" * 5000 + b"the end", 2.0)
    assert finding.answer.endswith("the end")
    assert len(finding.answer) == 4096


def test_a_string_is_the_shells(bench, tmp_path) -> None:
    """The command runs in the service's directory with the service's environment."""
    (tmp_path / "here").write_text("")
    verdict = bench.check(
        Health(exec='test -e here && echo "$NAME" && exit 7'), directory=str(tmp_path), env={"NAME": "a  b"}
    )
    assert (verdict.ok, verdict.answer) == (False, "exit code 7\na  b")


def test_a_list_is_executed_as_it_is(bench) -> None:
    """No shell sees the words of a list."""
    assert bench.check(Health(exec=[sys.executable, "-c", "raise SystemExit('$HOME')"])).answer == "exit code 1\n$HOME"
    assert bench.check(Health(exec=["/bin/sh", "-c", "exit 0"])).ok


def test_a_command_past_its_time(bench) -> None:
    """The time-out kills and fails."""
    answer = bench.check(Health(exec="echo started; exec sleep 60", timeout=0.1)).answer
    assert answer == "no answer within 0.1 s (the command was killed)\nstarted"


def test_a_missing_command(bench) -> None:
    """A command that does not exist is a failed check."""
    assert bench.check(Health(exec=["/no/such/command"])).answer.startswith("exit code 127 (not found)\n")


def unwatch_once(bench, there: Path, command: str) -> None:
    """Watch a run with this check, and no more as soon as the check has made a file."""
    run = bench.watch(Health(exec=command, timeout=1000), env={"PATH": "/usr/bin:/bin"})
    deadline = time.monotonic() + 10
    while not there.exists():
        assert time.monotonic() < deadline
        bench.silence()
    bench.scheduler.unwatch(run)


def test_a_late_end_is_not_told(bench, tmp_path) -> None:
    """A command that was just ending when its run was unwatched is nobody's."""
    bench.children.deaf = True
    fifo = tmp_path / "gate"
    unwatch_once(bench, fifo, f"mkfifo {fifo}; read -r line <{fifo}")
    fifo.write_text("go\n")
    assert bench.children.told.wait(10)
    bench.silence()


def test_the_command_of_an_unwatched_run_is_killed(bench, tmp_path) -> None:
    """At once, with what it started, and not at its time-out."""
    said = tmp_path / "said"
    unwatch_once(bench, said, f"sleep 1000 & echo $$ $! >{said}.new && mv {said}.new {said}; wait")
    wait_gone(*map(int, said.read_text().split()))
    assert bench.children.told.wait(10)
    bench.silence()
