"""Services that misbehave: deaf, daemonising, silent, flooding, or gone at once."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from pathlib import Path

import pytest

from launcher.engines.exits import SignalledExits
from launcher.engines.local import LocalEngine
from launcher.engines.reader import Reader
from launcher.orchestrator.events import Exited, Lingered, Opened, Spawned
from launcher.orchestrator.orders import Run, Stop, StopLevel
from tests.engines.world import Events, Memory, alive, launch, plan_of, python, wait_gone

WEB, API = Run("web.1", 1), Run("api.1", 1)
TERM = Stop(level=StopLevel.SIGNAL)
KILL = Stop(level=StopLevel.KILL)

PAUSE = "import signal; print('up', flush=True); signal.pause()"

#: A daemon as textbooks have it: its own session, its parent gone; `{exec}` is what it becomes.
DAEMON = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", os.getpid(), flush=True)
        {become}
    os._exit(0)
os.wait()
{then}
"""
SLEEP = "os.execvp('sleep', ['sleep', '1000'])"
CLEARED = "os.execve('/bin/sleep', ['sleep', '1000'], {})"
SILENT = "os.closerange(0, 3); os.execve('/bin/sleep', ['sleep', '1000'], {})"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def number_after(word: bytes, sink: Memory, run: Run) -> int:
    """The number printed after `word`."""
    sink.wait_until(lambda: b"\n" in sink.output[run].partition(word + b" ")[2])
    return int(sink.output[run].partition(word + b" ")[2].split()[0])


@pytest.mark.parametrize("become", [SLEEP, CLEARED, SILENT], ids=["marked", "environment-cleared", "output-closed-too"])
def test_a_daemon_ends_with_the_service_that_forked_it(
    local: LocalEngine, events: Events, sink: Memory, become: str
) -> None:
    """Its own session and parent hide it from the group, not from us: it lingers, gets the signal, and all is gone."""
    local.start(launch(argv=python(DAEMON.format(become=become, then=PAUSE))))
    daemon = number_after(b"daemon", sink, WEB)
    sink.wait_for(WEB, b"up")
    os.kill(events.until(Spawned).pid, signal.SIGTERM)
    assert events.next() == Lingered("web.1", 1, -15, 1)
    assert events.next() == Exited("web.1", 1, -15)
    assert not alive([daemon])


@pytest.mark.parametrize("become", [SLEEP, CLEARED], ids=["marked", "environment-cleared"])
def test_stop_reaches_a_daemon_that_left_the_group(
    local: LocalEngine, events: Events, sink: Memory, become: str
) -> None:
    """A stop is for the group and for all who left it, at once."""
    local.start(launch(argv=python(DAEMON.format(become=become, then=PAUSE))))
    daemon = number_after(b"daemon", sink, WEB)
    sink.wait_for(WEB, b"up")
    local.stop(WEB, TERM)
    assert events.until(Exited).code == -15
    wait_gone(daemon)


def test_a_daemon_of_one_service_survives_the_end_of_another(local: LocalEngine, events: Events, sink: Memory) -> None:
    """Whoever hid so well that he could be anybody's is left alone until the last run ends."""
    local.start(launch(argv=python(DAEMON.format(become=SILENT, then=PAUSE))))
    daemon = number_after(b"daemon", sink, WEB)
    sink.wait_for(WEB, b"up")
    local.start(launch("api.1", argv=python("")))
    assert events.until(Exited) == Exited("api.1", 1, 0)
    assert alive([daemon]) == [daemon]
    local.stop(WEB, TERM)
    assert events.until(Exited) == Exited("web.1", 1, -15)
    wait_gone(daemon)


def test_a_deaf_straggler_lingers_until_killed(
    local: LocalEngine, events: Events, sink: Memory, tmp_path: Path
) -> None:
    """The process has ended, a member of its group goes on and ignores the signal: Exited waits for the kill."""
    os.mkfifo(tmp_path / "fifo")
    words = shlex.join(python(DEAF))
    local.start(launch(shell=f"{words} & read line < fifo; exit 3", directory=str(tmp_path)))
    sink.wait_for(WEB, b"up")
    (tmp_path / "fifo").write_text("go on\n")
    assert events.until(Lingered) == Lingered("web.1", 1, 3, 1)
    local.stop(WEB, TERM)
    local.stop(WEB, KILL)
    assert events.next() == Exited("web.1", 1, 3)


def test_a_crash_ends_the_workers_it_leaves(local: LocalEngine, events: Events, sink: Memory) -> None:
    """Workers of a killed master get the service's stop signal and are counted."""
    local.start(launch(shell="sleep 1000 & sleep 1000 & sleep 1000 & echo up; wait"))
    sink.wait_for(WEB, b"up")
    os.kill(events.until(Spawned).pid, signal.SIGKILL)
    assert events.next() == Lingered("web.1", 1, -9, 3)
    assert events.next() == Exited("web.1", 1, -9)


def test_output_after_the_end_of_the_pipe_is_none(local: LocalEngine, events: Events, sink: Memory) -> None:
    """A service that closes its output lives on, and its end is still told."""
    local.start(
        launch(argv=python("import os, signal; print('bye', end='', flush=True); os.closerange(0, 3); signal.pause()"))
    )
    sink.wait_until(lambda: sink.ended == [WEB])
    assert sink.output[WEB] == b"bye"
    local.stop(WEB, TERM)
    assert events.until(Exited).code == -15
    assert sink.ended == [WEB]


def test_ten_megabytes_without_a_newline_are_just_bytes(local: LocalEngine, events: Events, sink: Memory) -> None:
    """No batch is larger than a pipe, and none is lost."""
    local.start(launch(argv=python("import os\nfor _ in range(160): os.write(1, b'x' * 65536)")))
    events.until(Exited)
    assert sink.output[WEB] == b"x" * 160 * 65536


def test_invalid_utf8_arrives_as_it_is(local: LocalEngine, events: Events, sink: Memory) -> None:
    """Bytes are bytes."""
    local.start(launch(argv=python(r"import os; os.write(1, b'\xff\xfe\x00\xc3(\n')")))
    events.until(Exited)
    assert sink.output[WEB] == b"\xff\xfe\x00\xc3(\n"


def test_a_full_sink_stops_pipes_and_nothing_else(local: LocalEngine, events: Events, sink: Memory) -> None:
    """While the sink is full the flooding service waits in the kernel; others start, end, and are stopped."""
    sink.full = True
    flood = "import os\nwhile True: os.write(1, b'y' * 4096)"
    local.start(launch(argv=python(flood)))
    sink.wait_for(WEB, b"y")
    held = len(sink.output[WEB])
    local.start(launch("api.1", argv=python("print('last')")))
    assert events.until(Exited) == Exited("api.1", 1, 0)
    assert sink.output[API] == b"last\n"
    assert len(sink.output[WEB]) == held
    sink.make_room()
    sink.wait_until(lambda: len(sink.output[WEB]) > held + 1_000_000)
    sink.full = True
    local.stop(WEB, TERM)
    assert events.until(Exited).code == -15
    assert sink.ended == [API, WEB]


def test_an_exit_is_heard_in_the_middle_of_a_flood(local: LocalEngine, events: Events, sink: Memory) -> None:
    """A service that never stops printing doesn't delay the news of another's end."""
    local.start(launch(argv=python("import os\nwhile True: os.write(1, b'y' * 65536)")))
    sink.wait_for(WEB, b"y")
    for generation in range(1, 6):
        local.start(launch("api.1", generation, argv=("/bin/false",)))
        assert events.until(Exited) == Exited("api.1", generation, 1)
    local.stop(WEB, KILL)
    events.until(Exited)


def test_many_that_exit_at_once_are_all_told_of(local: LocalEngine, events: Events) -> None:
    """A burst of ends is one burst of news."""
    for generation in range(1, 31):
        local.start(launch(generation=generation, argv=("/bin/true",)))
    exits = {events.until(Exited).generation for _ in range(30)}
    assert exits == set(range(1, 31))


def test_the_stop_command_replaces_the_signal(local: LocalEngine, events: Events, sink: Memory, tmp_path: Path) -> None:
    """It runs in the service's folder and environment, and knows its process by $LAUNCHER_PID."""
    env = {**os.environ, "COLOUR": "green"}
    local.start(launch(argv=python(PAUSE), directory=str(tmp_path), env=env))
    sink.wait_for(WEB, b"up")
    how = Stop(level=StopLevel.SIGNAL, command='echo "$COLOUR" > said; kill -USR1 "$LAUNCHER_PID"')
    local.stop(WEB, how)
    local.stop(WEB, how)
    assert events.until(Exited).code == -signal.SIGUSR1
    assert (tmp_path / "said").read_text() == "green\n"


def test_a_stop_command_ends_with_its_run(local: LocalEngine, events: Events, sink: Memory, tmp_path: Path) -> None:
    """What it would still do has nothing to do it to, and is not waited for until its time-out."""
    local.start(launch(argv=python(PAUSE), directory=str(tmp_path)))
    sink.wait_for(WEB, b"up")
    command = 'sleep 1000 & echo $$ $! >said; kill -USR1 "$LAUNCHER_PID"; wait'
    local.stop(WEB, Stop(level=StopLevel.SIGNAL, command=command))
    events.until(Exited)
    wait_gone(*map(int, (tmp_path / "said").read_text().split()))


def test_orphans_that_end_are_reaped(local: LocalEngine, events: Events, sink: Memory) -> None:
    """The sub-reaper's duty: no zombie stays when a service's orphan ends before it."""
    local.start(launch(argv=python(DAEMON.format(become="pass", then=PAUSE))))
    daemon = number_after(b"daemon", sink, WEB)
    sink.wait_for(WEB, b"up")
    wait_gone(daemon)
    local.start(launch("api.1", argv=("/bin/true",)))
    events.until(Exited)
    local.stop(WEB, TERM)
    events.until(Exited)
    assert not Path(f"/proc/{daemon}").exists()


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals need the main thread")
def test_without_pidfds_ends_are_heard_through_sigchld(events: Events, sink: Memory) -> None:
    """Where the kernel has no pidfd the same holds: exits, stragglers, kills."""
    reader = Reader(exits=lambda _: SignalledExits())
    restore = reader.forward_signals(events.post)
    try:
        engine = LocalEngine(reader=reader)
        engine.open(plan_of("web", "api"), events.post, sink)
        events.until(Opened)
        engine.start(launch(argv=python("raise SystemExit(5)")))
        assert events.until(Exited).code == 5
        engine.start(launch(generation=2, argv=python(DAEMON.format(become=SLEEP, then=PAUSE))))
        sink.wait_for(Run("web.1", 2), b"up")
        engine.stop(Run("web.1", 2), TERM)
        assert events.until(Exited).code == -15
        engine.close()
    finally:
        restore()
        reader.close()


def test_where_there_is_no_process_tree_the_group_counts(
    monkeypatch: pytest.MonkeyPatch, reader: Reader, events: Events, sink: Memory
) -> None:
    """On a system without sub-reapers the members of the group still end with their service."""
    monkeypatch.setattr("launcher.engines.descent.become_subreaper", lambda: False)
    engine = LocalEngine(reader=reader)
    engine.open(plan_of("web"), events.post, sink)
    engine.start(launch(shell="sleep 1000 & exit 4"))
    assert events.until(Lingered) == Lingered("web.1", 1, 4, 1)
    assert events.next() == Exited("web.1", 1, 4)
    engine.close()
