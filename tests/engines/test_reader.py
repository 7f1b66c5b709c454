"""The reader's thread: order of actions, time, signals, exits, and what it leaves to others."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from launcher.engines.exits import PidfdExits, SignalledExits
from launcher.engines.reader import Reader
from launcher.orchestrator.events import Signalled
from tests.engines.world import PATIENCE, Events


class Heard(queue.SimpleQueue[Any]):
    """What was told in the reader's thread, for the test's."""

    def next(self) -> Any:
        return self.get(timeout=PATIENCE)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def spawn(reader: Reader, ended: Callable[[int | None], None], *argv: str, stdin: int | None = None) -> int:
    """A child in a session of its own that the reader watches."""
    pid, output = reader.beget(
        lambda: subprocess.Popen(argv, start_new_session=True, stdin=stdin, stdout=subprocess.PIPE)
    )
    output.close()
    reader.call(lambda: reader.watch(pid, ended))
    return pid


def test_what_is_readable_in_one_round_may_be_listened_to_no_more_by_the_first(reader: Reader, heard: Heard) -> None:
    """The other's turn has come already, and passes."""
    pipes = [os.pipe() for _ in range(2)]

    def listen() -> None:
        for mine, other in (pipes, pipes[::-1]):
            os.write(mine[1], b"x")
            reader.when_readable(mine[0], lambda other=other: leave(other[0]))  # type: ignore[misc]

    def leave(descriptor: int) -> None:
        reader.listen_no_more(descriptor)
        heard.put("one of them")
        reader.call(lambda: heard.put("and on"))

    reader.call(listen)
    assert [heard.next(), heard.next()] == ["one of them", "and on"]
    for pipe in pipes:
        for end in pipe:
            os.close(end)


def test_actions_run_in_their_order_in_one_thread(reader: Reader, heard: Heard) -> None:
    """Whoever calls first is served first."""
    for number in range(100):
        reader.call(lambda number=number: heard.put((number, threading.current_thread().name)))  # type: ignore[misc]
    assert [heard.next() for _ in range(100)] == [(number, "reader") for number in range(100)]


def test_what_is_listened_to_may_be_closed_next(reader: Reader, heard: Heard) -> None:
    """By the same action, or by one that waits already."""
    one, other = os.pipe()

    def listen() -> None:
        reader.call(close)
        reader.when_readable(one, lambda: heard.put("readable"))

    def close() -> None:
        reader.listen_no_more(one)
        os.close(one)

    reader.call(listen)
    reader.call(lambda: reader.call(lambda: heard.put("closed")))
    assert heard.next() == "closed"
    os.close(other)


def test_timers_ring_in_the_order_of_their_times(reader: Reader, heard: Heard) -> None:
    """Not in the order in which they were set."""

    def arm() -> None:
        reader.after(0.02, lambda: heard.put("second"))
        reader.after(0.01, lambda: heard.put("first"))
        reader.after(0.0, lambda: heard.put("at once"))

    reader.call(arm)
    assert [heard.next() for _ in range(3)] == ["at once", "first", "second"]


def test_a_look_is_taken_once_for_many_who_ask(reader: Reader, heard: Heard) -> None:
    """What comes together is answered together."""

    def look() -> None:
        heard.put("look")

    def ask() -> None:
        for _ in range(5):
            reader.when_quiet(look)
        reader.after(0.03, lambda: heard.put("later"))

    reader.call(ask)
    assert [heard.next(), heard.next()] == ["look", "later"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_launcher_become_events(reader: Reader, events: Events, number: int) -> None:
    """The main thread isn't interrupted in what it does; afterwards everything is as it was."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
    restore = reader.forward_signals(events.post)
    try:
        os.kill(os.getpid(), number)
        assert events.until(Signalled) == Signalled(number)
    finally:
        restore()
    after = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
    assert before == after
    assert signal.set_wakeup_fd(-1) == -1


def test_nohup_is_respected(reader: Reader, events: Events) -> None:
    """A hang-up that was ignored at our start stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    restore = reader.forward_signals(events.post)
    try:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert events.next() == Signalled(signal.SIGTERM)
    finally:
        restore()
        signal.signal(signal.SIGHUP, before)


def test_a_signal_after_close_meets_no_descriptor(events: Events) -> None:
    """The handlers stay until they are undone, and write to nobody."""
    reader = Reader()
    restore = reader.forward_signals(events.post)
    reader.close()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        reader.call(lambda: None)
        reader.resume()
    finally:
        restore()


def test_a_librarys_child_is_left_to_it(reader: Reader, heard: Heard) -> None:
    """A process in our own session was made by somebody else here, who will want its exit code."""
    library = subprocess.Popen(["/bin/sh", "-c", "exit 7"])
    os.waitid(os.P_PID, library.pid, os.WEXITED | os.WNOWAIT)
    spawn(reader, heard.put, "/bin/false")
    assert heard.next() == 1
    spawn(reader, heard.put, "/bin/true")
    assert heard.next() == 0
    assert library.wait() == 7


def test_the_end_of_a_stranger_is_told_without_a_code(reader: Reader, heard: Heard) -> None:
    """A pidfd works for a process that isn't our child; its code is its parent's to know."""
    middle = subprocess.Popen(
        ["/bin/sh", "-c", "sleep 1000 & echo $!; read line; kill $!; wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert middle.stdout is not None
    pid = int(middle.stdout.readline())
    reader.call(lambda: reader.watch(pid, heard.put))
    middle.communicate(b"\n")
    assert heard.next() is None


def test_without_a_descriptor_for_a_pidfd_the_process_is_asked_about(
    monkeypatch: pytest.MonkeyPatch, heard: Heard
) -> None:
    """Too many open files costs 50 ms, not the news of an exit."""

    def refuse(_: int) -> int:
        raise OSError(24, "Too many open files")

    reader = Reader(exits=PidfdExits)
    monkeypatch.setattr(os, "pidfd_open", refuse)
    spawn(reader, heard.put, "/bin/sh", "-c", "exit 9")
    assert heard.next() == 9
    reader.close()


@pytest.mark.skipif(sys.platform != "linux", reason="orphans come to us on Linux only")
def test_a_child_reaped_by_its_maker_while_we_look_is_no_matter(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries start processes too, and may wait for them in their own threads at any time."""
    asked = os.getsid

    def reaped_before(pid: int) -> int:
        if pid == child.pid:
            child.wait()
        return asked(pid)

    monkeypatch.setattr(os, "getsid", reaped_before)
    child = subprocess.Popen(["/bin/true"], start_new_session=True)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    looked = threading.Event()
    reader.call(lambda: reader.when_quiet(lambda: reader.call(looked.set)))
    assert looked.wait(PATIENCE)
    assert child.returncode == 0


def test_a_group_is_watched_where_nothing_else_can_be(heard: Heard) -> None:
    """A negative number is a group: its end has no notice, so it's asked about."""
    reader = Reader(exits=lambda _: SignalledExits())
    group = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    reader.call(lambda: reader.watch(-group.pid, heard.put))
    group.kill()
    group.wait()
    assert heard.next() is None
    reader.close()


def test_how_a_process_ended_is_told_to_whoever_asks(reader: Reader, heard: Heard) -> None:
    """Before its end or after it; of one that is not watched here nothing is known."""
    gate, opens = os.pipe()
    pid = spawn(reader, lambda _code: None, "/bin/sh", "-c", "read line; exit 7", stdin=gate)
    reader.call(lambda: reader.end_of(pid, heard.put))
    reader.call(lambda: reader.end_of(os.getpid(), heard.put))
    assert heard.next() is None
    os.close(gate)
    os.close(opens)
    assert heard.next() == 7
    reader.call(lambda: reader.end_of(pid, heard.put))
    assert heard.next() == 7


def test_one_that_does_not_end_is_not_waited_for(reader: Reader, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told that it is not known, and once is enough."""
    monkeypatch.setattr("launcher.engines.reader._END_PATIENCE", 0.02)
    gate, opens = os.pipe()
    pid = spawn(reader, heard.put, "/bin/sh", "-c", "read line; exit 7", stdin=gate)
    reader.call(lambda: reader.end_of(pid, heard.put))
    assert heard.next() is None
    os.close(gate)
    os.close(opens)
    assert heard.next() == 7
