"""What the tests of engines share: a plan, a queue of events, a sink that remembers, and processes' states."""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from launcher.orchestrator.events import Event, Exited, SnapshotAsked, Spawned
from launcher.orchestrator.orders import Launch, Run
from launcher.plan.model import Instance, Plan
from launcher.profile.model import EngineName, OnExit, Service, Stop

#: No wait of these tests takes longer; on a machine with nothing else to do they take milliseconds.
PATIENCE = 10.0

E = TypeVar("E")


def plan_of(*names: str, signal: str = "TERM", grace: float = 5.0) -> Plan:
    """A plan with one instance of each service named."""
    return Plan(
        profile="test",
        root="/",
        procfile=False,
        on_exit=OnExit.KEEP,
        env_files=(),
        env={},
        secrets=(),
        python="",
        ports={},
        services={name: Service(command="true", stop=Stop(signal=signal, grace=grace)) for name in names},
        instances={
            f"{name}.1": Instance(name=f"{name}.1", service=name, index=1, engine=EngineName.LOCAL, label=name)
            for name in names
        },
        edges=(),
        layers=(names,),
    )


def python(code: str) -> tuple[str, ...]:
    """The words that run `code` in a fresh interpreter, without waiting for site-packages."""
    return (sys.executable, "-I", "-S", "-c", code)


class Events:
    """A queue in the place of the loop's."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.seen: list[Event] = []

    def post(self, event: Event) -> None:
        if isinstance(event, SnapshotAsked):
            event.answer(None)  # type: ignore[arg-type]  (whoever asks wants to know that its turn has come)
        else:
            self._queue.put(event)

    def next(self) -> Event:
        event = self._queue.get(timeout=PATIENCE)
        self.seen.append(event)
        return event

    def until(self, kind: type[E], run: Run | None = None) -> E:
        """The next event of this kind (of this run); those before it are in `seen`."""
        while True:
            event: Any = self.next()
            if isinstance(event, kind) and (run is None or Run(event.instance, event.generation) == run):
                return event

    def left_running(self) -> list[int]:
        """The processes told of as spawned and not as exited, up to now."""
        while not self._queue.empty():
            self.next()
        gone = {(event.instance, event.generation) for event in self.seen if isinstance(event, Exited)}
        spawned = [event for event in self.seen if isinstance(event, Spawned)]
        return [event.pid for event in spawned if (event.instance, event.generation) not in gone]


class Memory:
    """A sink that keeps everything, wakes who waits for text, and is full when told so."""

    def __init__(self) -> None:
        self.output: dict[Run, bytearray] = defaultdict(bytearray)
        self.ended: list[Run] = []
        self.full = False
        self.writes = 0
        self._changed = threading.Condition()
        self._wake: Callable[[], None] = lambda: None

    def write(self, run: Run, data: bytes) -> bool:
        with self._changed:
            assert run not in self.ended
            self.output[run] += data
            self.writes += 1
            self._changed.notify_all()
            return not self.full

    def end(self, run: Run) -> None:
        with self._changed:
            assert run not in self.ended
            self.ended.append(run)
            self._changed.notify_all()

    def on_room(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def make_room(self) -> None:
        self.full = False
        self._wake()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), f"output so far: {dict(self.output)}"

    def wait_for(self, run: Run, text: bytes) -> None:
        self.wait_until(lambda: text in self.output[run])


def launch(instance: str = "web.1", generation: int = 1, **what: Any) -> Launch:
    """A launch with the test's own environment unless `what` says otherwise."""
    what.setdefault("directory", "/")
    what.setdefault("env", dict(os.environ))
    return Launch(instance=instance, generation=generation, **what)


def alive(pids: Iterable[int]) -> list[int]:
    """Those that run; a zombie doesn't."""
    running = []
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            continue
        if stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X"):
            running.append(pid)
    return running


def wait_gone(*pids: int) -> None:
    """Wait until none of these processes runs, told by pidfds."""
    for pid in pids:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        gone = poll.poll(PATIENCE * 1000)
        os.close(pidfd)
        assert gone, f"process {pid} is still alive"
