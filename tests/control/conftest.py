"""A server on a real socket whose loop is a queue that the test answers itself."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from launcher.control.address import reachable
from launcher.control.client import Client
from launcher.control.listening import listen
from launcher.control.server import Server
from launcher.observe.timeline import Timeline
from launcher.orchestrator.protocols import Run
from launcher.orchestrator.snapshot import Changed, InstanceView, Reason, Snapshot, State

#: A bound on every wait, in seconds; nothing here takes nearly as long.
PATIENCE = 10.0


LAST_START = Timeline(profile="dev", began=1.0, took=0.5, over=True, rows=())


def snapshot(**states: State) -> Snapshot:
    """A snapshot of one-instance services by name and state."""
    views = [
        InstanceView(
            name=f"{name}.1",
            service=name,
            label=name,
            state=state,
            reason=Reason(text="for a test"),
            since=1.0,
            generation=1,
        )
        for name, state in states.items()
    ]
    return Snapshot(version=1, profile="dev", root="/", pid=1, since=1.0, at=2.0, instances=tuple(views))


def changed(label: str, state: State) -> Changed:
    return Changed(
        instance=f"{label}.1",
        service=label,
        label=label,
        generation=1,
        before=State.WAITING,
        state=state,
        reason=Reason(text="for a test"),
        at=2.0,
    )


def batch(label: str, lines: bytes) -> SimpleNamespace:
    return SimpleNamespace(run=Run(f"{label}.1", 1), label=label, lines=lines, at=1.5)


class Loop:
    """Stands for the loop and for the hub: keeps what was posted and who follows."""

    def __init__(self) -> None:
        self._events = SimpleQueue()
        self.consumers = ()
        self._subscribed = SimpleQueue()

    def post(self, event) -> None:
        self._events.put(event)

    def follow(self, consumer):
        self.consumers = (*self.consumers, consumer)
        self._subscribed.put(consumer)
        return lambda: self._leave(consumer)

    def _leave(self, consumer) -> None:
        self.consumers = tuple(one for one in self.consumers if one != consumer)
        self._subscribed.put(None)

    def next(self):
        """The next event that the server posts."""
        return self._events.get(timeout=PATIENCE)

    def next_follower(self):
        """Whoever subscribes next; None: somebody has left."""
        return self._subscribed.get(timeout=PATIENCE)


class Raw:
    """A client that sends and reads bytes, for what the real one never does."""

    def __init__(self, folder: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        with reachable(folder) as address:
            self.sock.connect(address)
        self._lines = self.sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def line(self) -> dict | None:
        """The next answer; None at the end."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def close(self) -> None:
        self._lines.close()
        self.sock.close()


@contextmanager
def serving(folder: Path, loop: Loop) -> Iterator[Server]:
    """A server that serves in a thread of its own until the end."""
    served = Server(folder, listen(folder), post=loop.post, follow=loop.follow, timeline=lambda: LAST_START)
    thread = threading.Thread(target=served.serve)
    thread.start()
    try:
        yield served
    finally:
        served.close()
        thread.join(PATIENCE)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def server(tmp_path, loop):
    with serving(tmp_path, loop) as served:
        yield served


@pytest.fixture
def client(server, tmp_path) -> Client:
    return Client(tmp_path)


@pytest.fixture
def raw(server, tmp_path):
    """Make clients that send bytes; they are closed in the end."""
    made = []

    def connect() -> Raw:
        made.append(Raw(tmp_path))
        return made[-1]

    yield connect
    for each in made:
        each.close()
