"""Who belongs to which run, as a table of process trees; and the census of the real one."""

from __future__ import annotations

import os
import subprocess

import pytest

from launcher.engines.descent import Process, families, marks_of, take_census
from tests.engines.world import python

US = 10


def tree(text: str) -> dict[int, Process]:
    """Lines of `pid parent group session [Z]`."""
    rows = [line.split() for line in text.strip().splitlines()]
    return {int(pid): Process(int(up), int(group), int(session), bool(dead)) for pid, up, group, session, *dead in rows}


CASES = {
    "a main process is no member of its own family": ("10 1 10 10\n20 10 20 20", {}),
    "children and theirs": ("10 1 10 10\n20 10 20 20\n21 20 20 20\n22 21 22 20", {"web": {21, 22}}),
    "an orphan of the session": ("10 1 10 10\n21 10 21 20", {"web": {21}}),
    "an orphan of the group": ("10 1 10 10\n21 10 20 99", {"web": {21}}),
    "a daemon that is traced, with its children": ("10 1 10 10\n50 10 50 50\n51 50 51 51", {"api": {50, 51}}),
    "a daemon that nobody knows": ("10 1 10 10\n60 10 60 60", {}),
    "the dead don't count, what they were parents of does": (
        "10 1 10 10\n20 10 20 20 Z\n21 10 20 20 Z\n22 10 20 20",
        {"web": {22}},
    ),
    "a library's child in our own session": ("10 1 10 10\n50 10 10 10\n51 50 50 50", {}),
    "processes of others, the numbers alike": ("10 1 10 10\n70 1 20 20\n71 70 20 20", {}),
    "another run's main below ours": ("10 1 10 10\n20 10 20 20\n30 20 30 30", {"web": set()}),
    "we are not to be seen": ("20 10 20 20\n21 20 20 20", {"web": {21}}),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_families(text: str, expected: dict[str, set[int]]) -> None:
    """20 and 30 are the mains of web and api, 50 is traced to api; we are 10."""
    found = families(
        tree(text), ancestor=US, mains={20: "web", 30: "api"}, trace=lambda pid: "api" if pid == 50 else None
    )
    assert {key: family for key, family in found.items() if family} == {
        key: family for key, family in expected.items() if family
    }


def test_the_census_sees_ourselves_and_whatever_our_children_are_called() -> None:
    """A name with a parenthesis or a newline in it doesn't break a line."""
    name = "\n) Z 1 (\n"
    code = f"open('/proc/self/comm', 'w').write({name!r}); print('up', flush=True); input()"
    with subprocess.Popen(python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        census = take_census()
        child.communicate(b"\n")
    assert census[child.pid] == Process(os.getpid(), os.getpgid(0), os.getsid(0), dead=False)
    assert census[os.getpid()].parent == os.getppid()


def test_marks_are_read_from_the_environment_a_process_was_started_with() -> None:
    """One mark for each launcher around the process; none when there is no such process."""
    env = {"LAUNCHER_MARK": "a:x:1 b:y:2"}
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, bufsize=0) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b".")
        child.stdout.read(1)  # Popen returns within exec, before the kernel shows the new environment
        assert marks_of(child.pid) == ["a:x:1", "b:y:2"]
        child.stdin.close()
    assert marks_of(child.pid) == []
