"""A server on a real socket whose loop is a queue that the test answers itself, and a real journal."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import pytest
from msgspec import json
from msgspec.structs import replace

from launcher.control import wire
from launcher.control.address import reachable
from launcher.control.admission import Rules
from launcher.control.bridge import Sources
from launcher.control.client import Client
from launcher.control.listening import listen
from launcher.control.server import Server
from launcher.errors import HistoryUnreadable
from launcher.observe.counters import Counters
from launcher.observe.journal import Journal
from launcher.observe.timeline import Timeline
from launcher.orchestrator.events import Outcome, PlanAsked, SnapshotAsked
from launcher.orchestrator.orders import Run
from launcher.orchestrator.snapshot import Changed, InstanceView, Noted, Reason, Snapshot, State
from tests.plan.plans import plan_of

#: A bound on every wait, in seconds; nothing here takes nearly as long.
PATIENCE = 10.0

LAST_START = Timeline(profile="dev", began=1.0, took=0.5, over=True, rows=())
PLAN = plan_of({"db": {"env": {"DB_TOKEN": "s3cret"}}, "api": {"depends_on": ["db"], "replicas": 2}})


def view(name: str, state: State, service: str = "") -> InstanceView:
    return InstanceView(
        name=name,
        service=service or name.partition(".")[0],
        label=name.removesuffix(".1") if service == "" else name,
        state=state,
        reason=Reason(text="for a test"),
        since=1.0,
        generation=1,
        wish="up",
    )


def changed(label: str, state: State, at: float = 2.0) -> Changed:
    return Changed(
        instance=f"{label}.1",
        service=label,
        label=label,
        generation=1,
        before=State.WAITING,
        state=state,
        reason=Reason(text="for a test"),
        at=at,
    )


def batch(label: str, lines: bytes) -> SimpleNamespace:
    return SimpleNamespace(run=Run(f"{label}.1", 1), label=label, lines=lines, at=1.5)


class Loop:
    """Stands for the launcher: its loop, its journal, its output, and who follows that.

    Looks are answered by itself, commands by the test.
    """

    def __init__(self) -> None:
        self._commands: SimpleQueue[object] = SimpleQueue()
        self._subscribed: SimpleQueue[object] = SimpleQueue()
        self._telling = threading.Lock()
        self.snapshot = Snapshot(
            version=1,
            profile="dev",
            root="/",
            pid=1,
            since=1.0,
            at=2.0,
            instances=(view("db.1", State.READY), view("api.1", State.WAITING), view("api.2", State.READY, "api")),
        )
        self.journal = Journal(wall=lambda: 3.0, kept=64)
        self.consumers: tuple[Callable[[object], None], ...] = ()
        #: Whether it has ended, and answers nobody.
        self.over = False
        self.history_trouble = False

    def post(self, event: object) -> None:
        """Called by the server."""
        if not isinstance(event, SnapshotAsked | PlanAsked):
            self._commands.put(event)
        elif not self.over:
            with self._telling:
                event.answer(self.snapshot if isinstance(event, SnapshotAsked) else PLAN)

    def tell(self, news: Changed | Noted) -> None:
        """Something happens."""
        with self._telling:
            self.journal(news)

    def set(self, **states: State) -> None:
        """Be in these states from now on, without a word."""
        instances = tuple(replace(one, state=states.get(one.label, one.state)) for one in self.snapshot.instances)
        self.snapshot = replace(self.snapshot, instances=instances)

    def next(self) -> object:
        """The next command that the server posts."""
        return self._commands.get(timeout=PATIENCE)

    @contextmanager
    def answering(self, outcome: Outcome) -> Iterator[list[object]]:
        """Answer the next command so; it is in the list afterwards."""
        taken: list[object] = []

        def answer() -> None:
            command = self.next()
            taken.append(command)
            command.reply(outcome)

        thread = threading.Thread(target=answer)
        thread.start()
        yield taken
        thread.join(PATIENCE)

    def follow(self, consumer: Callable[[object], None]) -> Callable[[], None]:
        self.consumers = (*self.consumers, consumer)
        self._subscribed.put(consumer)

        def leave() -> None:
            if consumer in self.consumers:
                self.consumers = tuple(one for one in self.consumers if one is not consumer)
                self._subscribed.put(None)

        return leave

    def next_follower(self) -> Callable[[object], None] | None:
        """Whoever subscribes to output next; None: somebody has left."""
        return self._subscribed.get(timeout=PATIENCE)

    def history(self, services: tuple[str, ...], since: float | None) -> bytes:
        if self.history_trouble:
            raise HistoryUnreadable("no history is kept")
        return json.encode({"services": services, "since": since})

    def sources(self, folder: Path, epoch: str = "e1") -> Sources:
        return Sources(
            folder=folder,
            plan=PLAN,
            post=self.post,
            follow=self.follow,
            journal=self.journal,
            counters=Counters(),
            timeline=lambda: LAST_START,
            history=self.history,
            epoch=epoch,
            measure=lambda done: done({}),
        )


class Connection(HTTPConnection):
    """HTTP to the socket of a run folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("launcher", timeout=PATIENCE)
        self._folder = folder

    def connect(self) -> None:
        self.sock = connect(self._folder)


class Stream:
    """Server-sent events as they come."""

    def __init__(self, answer: HTTPResponse) -> None:
        self.answer = answer

    def next(self) -> tuple[str, str, dict[str, object]] | None:
        """Number, name and data of the next event; None: the end."""
        number, name = "", ""
        while line := self.answer.readline():
            key, _, value = line.decode().rstrip("\n").partition(": ")
            if key == "id":
                number = value
            elif key == "event":
                name = value
            elif key == "data":
                data = json.decode(value)
                assert data.pop("say") == name
                return number, name, data
        return None

    def names(self) -> list[str]:
        """The names of all that comes until the end."""
        found = []
        while sent := self.next():
            found.append(sent[1])
        return found


def connect(folder: Path) -> socket.socket:
    """A connection for what no client does."""
    sock = socket.socket(socket.AF_UNIX)
    with reachable(folder) as address:
        sock.connect(address)
    sock.settimeout(PATIENCE)
    return sock


def hung_up(sock: socket.socket) -> None:
    """Wait, without reading, until the server has closed a connection."""
    poll = select.poll()
    poll.register(sock, select.POLLHUP)
    assert poll.poll(PATIENCE * 1000), "it was never closed"


@contextmanager
def serving(
    folder: Path, loop: Loop, *, tcp: socket.socket | None = None, rules: Rules | None = None, epoch: str = "e1"
) -> Iterator[Server]:
    """A server that serves in a thread of its own until the end."""
    sockets = [listen(folder), *([tcp] if tcp is not None else [])]
    served = Server(loop.sources(folder, epoch), sockets, rules=rules or Rules())
    thread = threading.Thread(target=served.serve)
    thread.start()
    try:
        yield served
    finally:
        served.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def server(tmp_path, loop):
    with serving(tmp_path, loop) as served:
        yield served


@pytest.fixture
def client(server, tmp_path) -> Client:
    return Client(folder=tmp_path)


class Asking:
    """Requests to the server of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: list[HTTPConnection] = []

    def __call__(
        self, method: str, target: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, object]]:
        """HTTP status and JSON of an answer; a problem is told as one."""
        connection = Connection(self.folder)
        try:
            connection.request(method, target, headers=headers or {})
            answer = connection.getresponse()
            found = json.decode(answer.read())
            kind = answer.headers["content-type"]
            assert kind == (wire.PROBLEM if "code" in found else "application/json"), kind
            return answer.status, found
        finally:
            connection.close()

    def stream(self, target: str, *, method: str = "GET", after: str = "") -> Stream:
        """Begin a stream; closed at the end of the test."""
        connection = Connection(self.folder)
        self._open.append(connection)
        headers = {"Accept": wire.EVENT_STREAM, **({"Last-Event-ID": after} if after else {})}
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, wire.EVENT_STREAM)
        return Stream(answer)

    def close(self) -> None:
        for connection in self._open:
            connection.close()


@pytest.fixture
def ask(server, tmp_path):
    made = Asking(tmp_path)
    yield made
    made.close()
