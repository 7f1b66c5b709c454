"""The control server on a real socket, over a loop that is a queue which the test answers itself."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from launcher.control.address import reachable
from launcher.control.admission import Rules
from launcher.control.bridge import Sources
from launcher.control.client import Client
from launcher.control.listening import listen
from launcher.control.server import Server
from launcher.observe.counters import Counters
from launcher.observe.hub import Batch
from launcher.observe.journal import Journal
from launcher.observe.timeline import Timeline
from launcher.orchestrator.events import SnapshotAsked
from launcher.orchestrator.protocols import Run
from launcher.orchestrator.snapshot import Changed, InstanceView, Reason, Snapshot, State
from launcher.plan.build import build
from launcher.profile.model import Profile, Service, Settings

#: A bound on every wait, in seconds; nothing here takes nearly as long.
PATIENCE = 10.0
EPOCH = "abc"


def view(name: str, state: State) -> InstanceView:
    return InstanceView(
        name=f"{name}.1",
        service=name,
        label=name,
        state=state,
        reason=Reason(text="for a test"),
        since=1.0,
        generation=1,
        wish="up",
    )


def changed(label: str, state: State, *, before: State = State.WAITING) -> Changed:
    return Changed(
        instance=f"{label}.1",
        service=label,
        label=label,
        generation=1,
        before=before,
        state=state,
        reason=Reason(text="for a test"),
        at=2.0,
    )


class Loop:
    """Stands for the loop and the hub: snapshots are answered at once, commands wait for the test."""

    def __init__(self, folder: Path) -> None:
        self.states = {"api": State.READY, "worker": State.READY}
        self.commands: SimpleQueue[object] = SimpleQueue()
        self.journal = Journal(wall=lambda: 1.5, kept=16)
        self.followers: list = []
        services = {name: Service(command="x") for name in self.states}
        profile = Profile(name="dev", root="/", settings=Settings(), env={"API_TOKEN": "s3cret"}, services=services)
        self.sources = Sources(
            folder=folder,
            plan=build(profile, select=tuple(services), recorded={}, is_free=lambda _: True),
            post=self.post,
            follow=self.follow,
            journal=self.journal,
            counters=Counters(),
            timeline=lambda: Timeline(profile="dev", began=1.0, took=2.0, over=True, rows=()),
            history=lambda services, since: f'{{"asked": {len(services)}, "since": {since or 0}}}'.encode(),
            epoch=EPOCH,
        )

    def post(self, event: object) -> None:
        if isinstance(event, SnapshotAsked):
            event.answer(self.snapshot())
        else:
            self.commands.put(event)

    def snapshot(self) -> Snapshot:
        views = tuple(view(name, state) for name, state in self.states.items())
        return Snapshot(version=1, profile="dev", root="/", pid=1, since=1.0, at=2.0, instances=views)

    def follow(self, consumer):
        self.followers.append(consumer)
        return lambda: self.followers.remove(consumer) if consumer in self.followers else None

    def prints(self, label: str, lines: bytes) -> None:
        for consumer in list(self.followers):
            consumer(Batch(Run(f"{label}.1", 1), label, lines, 1.5))

    def next(self):
        return self.commands.get(timeout=PATIENCE)


@contextmanager
def serving(loop: Loop, *, rules: Rules | None = None, more: tuple[socket.socket, ...] = ()) -> Iterator[Server]:
    """A server that serves in a thread of its own until the end."""
    server = Server(loop.sources, [listen(loop.sources.folder), *more], rules=rules or Rules())
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def loop(tmp_path) -> Loop:
    return Loop(tmp_path)


@pytest.fixture
def server(loop):
    with serving(loop) as served:
        yield served


@pytest.fixture
def client(server, tmp_path) -> Client:
    return Client(folder=tmp_path)


class Connection(http.client.HTTPConnection):
    """HTTP over the socket in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("launcher", timeout=PATIENCE)
        self.folder = folder

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        with reachable(self.folder) as address:
            self.sock.connect(address)


@pytest.fixture
def http_to(server, tmp_path):
    """Send requests; the connections are closed in the end."""
    made = []

    def ask(method: str, target: str, **headers: str) -> http.client.HTTPResponse:
        connection = Connection(tmp_path)
        made.append(connection)
        connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse()

    yield ask
    for connection in made:
        connection.close()
