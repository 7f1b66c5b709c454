"""Short commands: their codes, their output, their time-outs, and what they leave behind."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher.engines.children import LocalChildren
from launcher.engines.reader import Reader
from tests.engines.world import PATIENCE, wait_gone


class Commands:
    """Runs commands and waits for their ends."""

    def __init__(self, reader: Reader) -> None:
        self._children = LocalChildren(reader, identity="me")
        self._ends: queue.SimpleQueue[tuple[int | None, bytes]] = queue.SimpleQueue()

    def run(self, *argv: str, timeout: float = PATIENCE, directory: str = "/", **env: str) -> tuple[int | None, bytes]:
        self.begin(*argv, timeout=timeout, directory=directory, **env)
        return self.end()

    def begin(self, *argv: str, timeout: float = PATIENCE, directory: str = "/", **env: str) -> Callable[[], None]:
        env = {"PATH": os.environ["PATH"], **env}
        done = lambda *end: self._ends.put(end)  # noqa: E731  (a queue)
        return self._children.run(argv, env=env, directory=directory, timeout=timeout, done=done)

    def end(self) -> tuple[int | None, bytes]:
        return self._ends.get(timeout=PATIENCE)


@pytest.fixture
def commands(reader: Reader) -> Commands:
    return Commands(reader)


def shell(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


TABLE: dict[str, tuple[tuple[str, ...], tuple[Any, bytes]]] = {
    "success": (shell("echo fine"), (0, b"fine\n")),
    "failure": (shell("echo no >&2; exit 3"), (3, b"no\n")),
    "ended by a signal": (shell("kill -TERM $$"), (-15, b"")),
    "the last 4096 bytes": (shell("printf '%05000d' 0; printf end"), (0, b"0" * 4093 + b"end")),
    "no input": (("/bin/cat",), (0, b"")),
    "not found": (("/no/such/check",), (127, b"/no/such/check: no such file or directory")),
    "not executable": (("/etc/passwd",), (126, b"[Errno 13] Permission denied: '/etc/passwd'")),
    "a zero byte": (("/bin/echo", "\0"), (126, b"embedded null byte")),
}


@pytest.mark.parametrize(("argv", "expected"), TABLE.values(), ids=TABLE)
def test_a_command_ends_with_its_code_and_output(
    commands: Commands, argv: tuple[str, ...], expected: tuple[int | None, bytes]
) -> None:
    """What can't be started at all has a shell's code for it, and the reason as output."""
    assert commands.run(*argv) == expected


def test_it_runs_in_its_folder_with_its_environment_and_our_mark(commands: Commands, tmp_path: Path) -> None:
    """The guard must know it, should we be killed while it runs."""
    code, output = commands.run(*shell("pwd; echo $COLOUR $LAUNCHER_MARK"), directory=str(tmp_path), COLOUR="green")
    assert (code, output.decode()) == (0, f"{tmp_path.resolve()}\ngreen me::\n")


def test_it_finds_what_it_is_told_and_then_the_end(reader: Reader) -> None:
    """One that reads nothing ends all the same."""
    for command, expected in (("cat; echo end", b"news\nend\n"), ("exit 0", b"")):
        ends: queue.SimpleQueue[tuple[int | None, bytes]] = queue.SimpleQueue()
        LocalChildren(reader, identity="me").run(
            shell(command),
            env={"PATH": os.environ["PATH"]},
            directory="/",
            timeout=PATIENCE,
            done=lambda *end, ends=ends: ends.put(end),
            told=b"news\n",
        )
        assert ends.get(timeout=PATIENCE) == (0, expected)


def test_at_the_time_out_it_is_killed_with_all_of_its_group(commands: Commands) -> None:
    """Deaf or not, a check costs its own deadline only; what it printed until then is told."""
    began = time.monotonic()
    code, output = commands.run(*shell("trap '' TERM; sleep 1000 & echo $!; wait"), timeout=0.1)
    assert code is None
    assert time.monotonic() - began < PATIENCE / 2
    wait_gone(int(output))


def test_whoever_keeps_its_pipe_open_does_not_keep_it_waiting(commands: Commands) -> None:
    """What a command leaves in its group ends with it."""
    code, output = commands.run(*shell("sleep 1000 & echo $!"))
    assert code == 0
    wait_gone(int(output))


def test_one_that_is_cancelled_is_killed_with_its_group_and_told_to_nobody(commands: Commands, tmp_path: Path) -> None:
    """Before it has begun and while it runs; once it has ended, nothing happens."""
    commands.begin(*shell("sleep 1000"))()
    fifo = tmp_path / "said"
    os.mkfifo(fifo)
    cancel = commands.begin(*shell(f"sleep 1000 & echo $$ $! >{fifo}; wait"))
    pids = [int(word) for word in fifo.read_text().split()]
    cancel()
    wait_gone(*pids)
    assert commands.run(*shell("echo next")) == (0, b"next\n")
    cancel()
    assert commands.run(*shell("echo last")) == (0, b"last\n")
