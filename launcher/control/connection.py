"""One client of the control server: its socket, what it has sent, what it is still to be sent, what it waits for.

Lives in the server's thread, apart from `Follower.take`. Knows framing and bounds, nothing of what a request means.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from launcher.control import wire
from launcher.plan.names import service_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from launcher.orchestrator.protocols import Run

#: Bytes kept for a client that doesn't read. Past it output is left out and counted; anything else ends the client.
BACKLOG: Final = 1 << 20

#: Batches kept between the reader's thread and the server's, for one follower.
BATCHES: Final = 64

_READ: Final = 1 << 16


class Batch(Protocol):
    """Whole lines that one run printed, as `observe/hub` hands them out."""

    @property
    def run(self) -> Run: ...
    @property
    def label(self) -> str: ...
    @property
    def lines(self) -> bytes: ...
    @property
    def at(self) -> float: ...


class Follower:
    """Output on its way to one client. The reader's thread puts in, the server's takes out, neither waits.

    Each counter has one writer, and a deque's ends need no lock.
    """

    __slots__ = ("_batches", "_missed", "_services", "_told", "_wake", "unsubscribe")

    def __init__(self, services: tuple[str, ...], wake: Callable[[], None]) -> None:
        self._services = frozenset(services)
        self._wake = wake
        self._batches: deque[Batch] = deque()
        self._missed = 0
        self._told = 0
        self.unsubscribe: Callable[[], None] = lambda: None

    def take(self, batch: Batch) -> None:
        """Called in the reader's thread with every batch of every run."""
        instance = batch.run.instance
        if self._services and self._services.isdisjoint((instance, batch.label, service_of(instance))):
            return
        if len(self._batches) >= BATCHES:
            self._missed += batch.lines.count(b"\n")
            return
        self._batches.append(batch)
        self._wake()

    @property
    def has_more(self) -> bool:
        """Whether batches wait for the client to have room."""
        return bool(self._batches)

    def send_to(self, connection: Connection) -> None:
        """Hand over what the client has room for, and first how much it has missed."""
        while self._batches and connection.has_room:
            missed = self._missed - self._told
            if missed:
                self._told += missed
                connection.send(wire.Missed(lines=missed))
            batch = self._batches.popleft()
            text = batch.lines.decode("utf-8", "replace")
            connection.send(wire.Output(instance=batch.run.instance, label=batch.label, text=text, at=batch.at))


class Connection:
    """A client. `ticket` numbers its requests, so that a late answer to an earlier one is told apart."""

    __slots__ = ("_incoming", "_outgoing", "deadline", "ending", "follower", "request", "sock", "ticket", "wants_news")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self.ticket = 0
        #: The request under way; lines behind it wait.
        self.request: wire.AnyRequest | None = None
        self.wants_news = False
        #: When a `wait` gives up, on the monotonic clock.
        self.deadline: float | None = None
        self.follower: Follower | None = None
        #: Close as soon as everything is sent.
        self.ending = False

    @property
    def has_room(self) -> bool:
        return len(self._outgoing) < BACKLOG

    @property
    def has_more(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._outgoing)

    def send(self, answer: wire.Answer) -> None:
        """Queue an answer; `flush` writes it."""
        self._outgoing += wire.encode(answer)

    def flush(self) -> bool:
        """Write what the socket takes now; False: the client is gone."""
        while self._outgoing:
            try:
                sent = self.sock.send(self._outgoing)
            except BlockingIOError:
                return True
            except OSError:
                return False
            del self._outgoing[:sent]
        return True

    def read(self) -> bool:
        """Take in what has arrived; False: the client has left (it closed its side)."""
        try:
            data = self.sock.recv(_READ)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._incoming += data
        return bool(data)

    def next_line(self) -> bytes | None:
        """The next whole line, newline off; None until one has arrived that is not over-long."""
        end = self._incoming.find(b"\n")
        if end < 0 or end > wire.LONGEST_REQUEST:
            return None
        line = bytes(self._incoming[:end])
        del self._incoming[: end + 1]
        return line

    @property
    def is_over_long(self) -> bool:
        """Whether more has been sent than any request holds: framing is lost."""
        return len(self._incoming) > wire.LONGEST_REQUEST

    def begin(self, request: wire.AnyRequest) -> int:
        """A request is under way; returns its ticket."""
        self.ticket += 1
        self.request = request
        self.wants_news = isinstance(request, wire.Start | wire.Stop | wire.Restart | wire.Shutdown | wire.Wait)
        self.deadline = None
        return self.ticket

    def finish(self) -> None:
        """The request under way has had its last answer."""
        self.request = None
        self.wants_news = False
        self.deadline = None
