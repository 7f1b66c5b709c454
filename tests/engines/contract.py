"""What every engine owes the loop. A test class inherits it and brings the fixture `engine`, unopened.

`events`, `sink` and `unused_port` are fixtures of this folder's conftest.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from launcher.errors import CommandNotFound
from launcher.orchestrator.events import Event, Exited, Opened, Spawned, SpawnRefused
from launcher.orchestrator.orders import Can, HeldSocket, Launch, Run, Stop, StopLevel
from launcher.orchestrator.protocols import Engine
from tests.engines.world import PATIENCE, Events, Memory, alive, launch, plan_of, python

WAIT = "import sys; print('up', flush=True); sys.stdin.read(); import signal; signal.pause()"
ONE_TWO_THREE = """
import sys
print(1, end='', flush=True); print(2, end='', file=sys.stderr, flush=True); print(3, end='', flush=True)
"""
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAIT}"
TERM = Stop(level=StopLevel.SIGNAL)
KILL = Stop(level=StopLevel.KILL)


def eventually_refused(port: int) -> bool:
    """Whether nobody listens any more; the engine may let another process let go."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass  # it was let go of meanwhile
    return False


def told(event: Event) -> tuple[str, int, int]:
    """What an end says: of which start, with which code."""
    assert isinstance(event, Exited)
    return event.instance, event.generation, event.code


class EngineContract:
    """Start, stop, output, sockets: the laws of `protocols.Engine`. What is started is Python code, in a process."""

    #: The exit codes of a process that was asked to end, by the signal's name.
    stopped: ClassVar[Mapping[str, int]] = {"TERM": -15, "INT": -2}

    def runs(self, code: str, **what: Any) -> Launch:
        """What does this and then ends, with 0 unless the code says otherwise."""
        return launch(argv=python(code), **what)

    def waits(self, **what: Any) -> Launch:
        """What prints `up` and runs until it is asked to end."""
        return launch(argv=python(f"import signal; signal.signal(2, signal.SIG_DFL); {WAIT}"), **what)

    @pytest.fixture
    def opened(self, engine: Engine, events: Events, sink: Memory) -> Iterator[Engine]:
        engine.open(plan_of("web", "api"), events.post, sink)
        events.until(Opened)
        yield engine
        engine.close()

    @pytest.mark.parametrize("code", [0, 1, 42])
    def test_start_is_followed_by_spawned_and_exited_with_the_code(
        self, opened: Engine, events: Events, code: int
    ) -> None:
        """A process that ends by itself is told of twice: that it exists, and with which code it went."""
        opened.start(self.runs(f"raise SystemExit({code})"))
        spawned = events.next()
        assert isinstance(spawned, Spawned)
        assert spawned.pid > 0
        assert told(events.next()) == ("web.1", 1, code)

    def test_output_is_complete_and_ended_before_exited(self, opened: Engine, events: Events, sink: Memory) -> None:
        """When an exit is told, the last line has been handed over and the output has ended."""
        opened.start(self.runs("print('x' * 300_000); print('last', end='')"))
        events.until(Exited)
        run = Run("web.1", 1)
        assert sink.output[run] == b"x" * 300_000 + b"\nlast"
        assert sink.ended == [run]

    def test_output_and_errors_come_through_one_pipe_in_order(
        self, opened: Engine, events: Events, sink: Memory
    ) -> None:
        """What a service writes to its two streams keeps its order."""
        opened.start(self.runs(ONE_TWO_THREE))
        events.until(Exited)
        assert sink.output[Run("web.1", 1)] == b"123"

    @pytest.mark.parametrize(
        "how",
        [TERM, Stop(level=StopLevel.DRAIN), Stop(level=StopLevel.SIGNAL, signal="INT")],
        ids=["signal", "drain", "another-signal"],
    )
    def test_stop_ends_the_process(self, opened: Engine, events: Events, sink: Memory, how: Stop) -> None:
        """The exit code of a process that a signal ended is minus the signal's number."""
        run = Run("web.1", 1)
        opened.start(self.waits())
        sink.wait_for(run, b"up")
        opened.stop(run, how)
        assert events.until(Exited).code == self.stopped[how.signal]

    def test_kill_ends_who_ignores_the_signal(self, opened: Engine, events: Events, sink: Memory) -> None:
        """A stop may be asked for again, more strongly."""
        if Can.KILL not in opened.can:
            pytest.skip("this engine ends nothing by force")
        run = Run("web.1", 1)
        opened.start(self.runs(DEAF))
        sink.wait_for(run, b"up")
        opened.stop(run, TERM)
        opened.stop(run, TERM)
        opened.stop(run, KILL)
        assert events.until(Exited).code == -9

    def test_stop_of_an_older_generation_does_nothing(self, opened: Engine, events: Events, sink: Memory) -> None:
        """A late command of the generation before doesn't touch the one that runs."""
        first, second = Run("web.1", 1), Run("web.1", 2)
        opened.start(self.runs(""))
        events.until(Exited)
        opened.start(self.waits(generation=2))
        sink.wait_for(second, b"up")
        opened.stop(first, KILL)
        opened.stop(Run("api.1", 7), KILL)
        opened.stop(second, TERM)
        assert told(events.until(Exited)) == ("web.1", 2, self.stopped["TERM"])

    def test_what_cannot_be_started_is_refused(self, opened: Engine, events: Events) -> None:
        """No process, no exit: one event with the sentence."""
        opened.start(launch(argv=("no-such-program-at-all",)))
        refused = events.next()
        assert isinstance(refused, SpawnRefused)
        assert (refused.instance, refused.generation) == ("web.1", 1)
        assert isinstance(refused.error, CommandNotFound)

    def test_a_held_socket_outlives_restarts_until_released(
        self, opened: Engine, events: Events, unused_port: int
    ) -> None:
        """From the first start to the release a connection is never refused, whoever serves it."""
        if Can.HOLD_SOCKETS not in opened.can:
            pytest.skip("this engine holds no sockets")
        held = (HeldSocket("web", "127.0.0.1", unused_port),)
        for generation in (1, 2):
            opened.start(self.runs("", generation=generation, sockets=held))
            events.until(Exited)
            socket.create_connection(("127.0.0.1", unused_port), timeout=5).close()
        opened.release("web.1")
        opened.release("web.1")
        assert eventually_refused(unused_port)

    def test_close_ends_nothing(self, engine: Engine, events: Events, sink: Memory) -> None:
        """Letting go leaves the processes alone."""
        run = Run("web.1", 1)
        engine.open(plan_of("web"), events.post, sink)
        engine.start(self.waits())
        pid = events.until(Spawned).pid
        sink.wait_for(run, b"up")
        engine.close()
        assert alive([pid]) == [pid]
