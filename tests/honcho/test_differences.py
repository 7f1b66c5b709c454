"""Where the launcher does otherwise than honcho: the table of docs/honcho.md, row by row."""

from __future__ import annotations

import re
import signal

import pytest

from tests.e2e.project import eventually, is_alive
from tests.honcho.beside import HONCHO, LAUNCHER, Beside

pytestmark = pytest.mark.slow

#: (files, words, what is said, the launcher's status, honcho's)
REFUSED = {
    "a broken line": ({"Procfile": "web: true\nworker\n"}, ["start"], "E1014 Procfile:2: ", 2, 0),
    "a name twice": ({"Procfile": "web: x\nweb: y\n"}, ["check"], "`web` stands twice, first in line 1", 2, 1),
    "an open quote": ({"Procfile": "web: true\n", ".env": "A='b\n"}, ["start"], ".env:1: no closing quotation", 2, 1),
    "an open quote, run": ({".env": "A='b\n"}, ["run", "true"], ".env:1: no closing quotation", 2, 1),
    "a broken -c": ({"Procfile": "web: true\n"}, ["start", "-c", "web"], "E9006 --concurrency web: ", 2, 1),
    "too high a port": ({"Procfile": "web: true\n"}, ["start", "-p", "70000"], "E1005 ", 2, 0),
    "no process": ({"Procfile": "# none\n"}, ["start"], "E2008 ", 2, 0),
    "nothing to run": ({}, ["run"], "E9006 run what?", 2, 0),
    "no Procfile at all": ({}, ["start"], "E1016 ", 2, 1),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_only_the_launcher_refuses(beside: Beside, case):
    """With a sentence, a code and the place, where honcho is silent or ends in a traceback."""
    files, words, says, *statuses = case
    for name, text in files.items():
        beside.write(name, text)
    ended = beside.ends(*words)
    assert says in ended[0].err
    assert [each.status for each in ended] == statuses


def test_a_number_for_nobody_is_told(beside: Beside):
    """And passed over, as honcho does in silence."""
    beside.write("Procfile", "web: true\n")
    ours, honchos = beside.ends("start", "-c", "wbe=2")
    assert ours.lines == honchos.lines
    assert (ours.status, honchos.status) == (0, 0)
    assert "W1022" in ours.err
    assert "did you mean `web`" in ours.err


def test_who_ignores_the_signal_is_killed_even_alone(beside: Beside):
    """Honcho's five seconds begin with the first end."""
    beside.write("Procfile", "deaf: trap '' TERM; echo up; while :; do sleep 600; done\n")
    running = beside.start(LAUNCHER, "start", "--set", "services.deaf.stop.grace=0.1")
    ended = running.until("up").send(signal.SIGTERM).end()
    assert "sending SIGKILL to deaf.1" in ended.out
    assert ended.status == 143


def test_a_second_ctrl_c_kills(beside: Beside):
    """Whoever has not ended meanwhile."""
    beside.write("Procfile", "deaf: trap '' TERM; echo up; while :; do sleep 600; done\n")
    running = beside.start(LAUNCHER, "start").until("up").send(signal.SIGINT).until("sending SIGTERM")
    ended = running.send(signal.SIGINT).end()
    assert ended.out.count("SIGINT received") == 2
    assert "deaf.1 stopped (rc=-9)" in ended.out
    assert ended.status == 130


def test_what_a_process_leaves_behind_is_ended(beside: Beside):
    """And said; the status is the process's own."""
    beside.write("Procfile", "web: sleep 600 & echo pid $!; exit 3\n")
    running = beside.start(LAUNCHER, "start")
    ended = running.end()
    assert "web.1 ended (exited with code 3) but left 1 process: ending them" in ended.out
    assert ended.status == 3
    found = re.search(rb"\| pid (\d+)", running.output)
    assert found is not None
    assert not is_alive(int(found[1]))


def test_a_vertical_tab_stays_in_its_line(beside: Beside):
    """Honcho cuts wherever Python's splitlines does."""
    beside.write("Procfile", "web: printf 'a\\013b\\n'\n")
    ours, honchos = beside.ends("start")
    assert "| a\x0bb\n" in ours.out
    assert "| a\n" in honchos.out


def test_the_launcher_keeps_files(beside: Beside):
    """Beside the Procfile, or where --run-dir says."""
    beside.write("Procfile", "web: echo hello\n")
    beside.ends("start")
    ours, honchos = beside.folders[LAUNCHER], beside.folders[HONCHO]
    assert sorted(path.name for path in honchos.iterdir()) == ["Procfile"]
    assert sorted(path.name for path in ours.iterdir()) == [".launcher", "Procfile"]
    assert (ours / ".launcher" / "Procfile" / "logs" / "web.1.log").read_text(encoding="utf-8").endswith("hello\n")
    away = ours.parent / "away"
    assert beside.start(LAUNCHER, "start", "--run-dir", str(away)).end().status == 0
    assert (away / "logs").is_dir()


def test_the_environment_holds_more(beside: Beside):
    """The launcher's own variables, and nothing else that honcho's has not."""
    beside.write("Procfile", "web: printenv | cut -d= -f1 | grep -v -e '^_$' -e OLDPWD\n")
    ours, honchos = beside.ends("start")
    names = [
        {line.partition("| ")[2] for line in each.out.splitlines() if " web.1 " in line} for each in (ours, honchos)
    ]
    more = {name for name in names[0] - names[1] if "stopped" not in name}
    assert names[1] <= names[0]
    assert more == {f"LAUNCHER_{name}" for name in ("PROFILE", "SERVICE", "INSTANCE", "GENERATION", "MARK")}


def test_a_folder_below_finds_the_procfile_above(beside: Beside):
    """And its processes run in the project."""
    beside.write("Procfile", "web: pwd -P\n")
    (beside.folders[LAUNCHER] / "below").mkdir()
    ended = beside.start(LAUNCHER, "-C", "below", "start").end()
    assert f"| {beside.folders[LAUNCHER].resolve()}\n" in ended.out
    assert ended.status == 0


def test_the_launcher_killed_leaves_nothing(beside: Beside):
    """Not with -9 either."""
    beside.write("Procfile", "web: echo $$; exec sleep 600\n")
    running = beside.start(LAUNCHER, "start").until("started (pid=")
    found = re.search(rb"started \(pid=(\d+)\)", running.output)
    assert found is not None
    running.send(signal.SIGKILL).process.wait()
    eventually(lambda: not is_alive(int(found[1])))
