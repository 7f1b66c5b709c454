"""The control server of a running launcher: one thread turns requests into events and answers into lines.

The loop is never waited for and never waits: requests are posted to its queue; its answers and news, and the reader's
output, are put into queues here and a byte in a socket pair wakes the thread. A slow or dead client costs itself alone.
The server knows the wire and the loop's events; it holds no state of any service.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from launcher import __version__
from launcher.control import wire
from launcher.control.connection import Connection, Follower
from launcher.control.listening import vanish
from launcher.errors import BadRequest, WaitTimeout
from launcher.orchestrator.events import RestartAsked, SnapshotAsked, StartAsked, StopAsked, WaitAsked
from launcher.orchestrator.snapshot import Changed, Noted, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from launcher.control.connection import Batch
    from launcher.observe.timeline import Timeline
    from launcher.orchestrator.events import Outcome, Post, Reply

    #: Subscribes a consumer of output and returns what ends the subscription.
    Follow = Callable[[Callable[[Batch], None]], Callable[[], None]]

#: How long to take no connection after the system refused one (no descriptor left).
_RESPITE: Final = 1.0

_SETTLED: Final = frozenset({State.READY, State.COMPLETED})


class Server:
    """Serves who connects to `listener`, the socket in `folder`; an Observer too, to tell clients of progress."""

    def __init__(
        self,
        folder: Path,
        listener: socket.socket,
        *,
        post: Post,
        follow: Follow,
        timeline: Callable[[], Timeline] | None = None,
    ) -> None:
        self._folder = folder
        self._timeline = timeline
        self._post = post
        self._follow = follow
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._inbox: deque[Callable[[], None]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        #: Connections with a command under way; read by the loop's thread, written by the server's only.
        self._curious = 0
        self._closing_at: float | None = None
        self._resume_at: float | None = None
        self._listener: socket.socket | None = listener
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._gone = threading.Event()

    # What other threads call -----------------------------------------------------------------------------------

    def __call__(self, news: Changed | Noted) -> None:
        """Tell every client with a command under way; called in the loop's thread."""
        if self._curious:
            answer = wire.Moved(news=news) if isinstance(news, Changed) else wire.Told(news=news)
            self._later(lambda: self._tell(answer))

    def close(self, timeout: float = 1.0) -> None:
        """Send what is on its way, for `timeout` seconds at most, and vanish. Replies made before this are sent."""
        if not self._gone.is_set():
            self._later(lambda: self._begin_closing(time.monotonic() + timeout))
            self._gone.wait(timeout + 1.0)

    def _later(self, work: Callable[[], None]) -> None:
        """Have `work` done in the server's thread; from any thread, returns at once."""
        self._inbox.append(work)
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # full: it will wake anyway; closed: nobody is there to wake
            self._wake_out.send(b"\0")

    # The thread ------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Serve in the calling thread until `close`."""
        while not self._is_over():
            for key, events in self._selector.select(self._patience()):
                if key.fileobj is self._wake_in:
                    with suppress(BlockingIOError):
                        self._wake_in.recv(4096)
                elif key.fileobj is self._listener:
                    self._accept()
                else:
                    self._attend(key.data, events)
            while self._inbox:
                self._inbox.popleft()()
            self._expire()
            for connection in list(self._connections):
                self._push(connection)
        for connection in list(self._connections):
            self._drop(connection)
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
        self._gone.set()

    def _is_over(self) -> bool:
        if self._closing_at is None:
            return False
        return time.monotonic() >= self._closing_at or not any(each.has_more for each in self._connections)

    def _patience(self) -> float | None:
        """Seconds until the next deadline; None: until something happens."""
        deadlines = [each.deadline for each in self._connections if each.deadline is not None]
        deadlines += [at for at in (self._closing_at, self._resume_at) if at is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _begin_closing(self, at: float) -> None:
        self._closing_at = at
        if self._listener is not None:
            if self._resume_at is None:
                self._selector.unregister(self._listener)
            vanish(self._folder, self._listener)
            self._listener = None
        self._resume_at = None
        for connection in self._connections:
            if connection.follower is not None:
                connection.follower.send_to(connection)
                connection.send(wire.Ended())

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            # No descriptor is left. The listener stays readable, so watching it on would spin.
            self._selector.unregister(self._listener)
            self._resume_at = time.monotonic() + _RESPITE
            return
        connection = Connection(sock)
        self._connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _attend(self, connection: Connection, events: int) -> None:
        if connection not in self._connections:
            return
        if events & selectors.EVENT_READ and not connection.read():
            self._drop(connection)
            return
        self._converse(connection)

    def _converse(self, connection: Connection) -> None:
        """Take up the next request when none is under way."""
        while connection.request is None and (line := connection.next_line()) is not None:
            try:
                request = wire.decode_request(line)
            except BadRequest as problem:
                connection.send(wire.refusal(problem))
            else:
                self._take_up(connection, request)
        if connection.is_over_long and not connection.ending:
            connection.send(wire.refusal(BadRequest(f"a request holds at most {wire.LONGEST_REQUEST} bytes")))
            connection.ending = True

    def _take_up(self, connection: Connection, request: wire.AnyRequest) -> None:  # noqa: C901  (a row for each request)
        ticket = connection.begin(request)
        self._count_curious()
        reply = self._replier(connection, ticket)
        match request:
            case wire.Ping():
                self._answer(connection, ticket, wire.Pong(pid=os.getpid(), version=__version__))
            case wire.Status():
                self._look(lambda snapshot: self._answer(connection, ticket, wire.Now(snapshot=snapshot)))
            case wire.LastStart():
                assert self._timeline is not None
                self._answer(connection, ticket, wire.Timed(timeline=self._timeline()))
            case wire.Start():
                if request.follow:
                    self._subscribe(connection, ())
                self._post(StartAsked(services=request.services, named=request.named, by=request.by, reply=reply))
            case wire.Stop(services=()):
                problem = BadRequest("stop needs the services to stop", remedy="To stop everything: shutdown.")
                self._answer(connection, ticket, wire.refusal(problem))
            case wire.Stop():
                self._post(StopAsked(services=request.services, by=request.by, reply=reply))
            case wire.Restart():
                self._post(RestartAsked(services=request.services, force=request.force, by=request.by, reply=reply))
            case wire.Shutdown():
                self._post(StopAsked(by=request.by, reply=reply))
            case wire.Wait():
                if request.timeout is not None:
                    connection.deadline = time.monotonic() + request.timeout
                self._post(WaitAsked(services=request.services, reply=reply))
            case wire.Logs():
                self._subscribe(connection, request.services)

    def _subscribe(self, connection: Connection, services: tuple[str, ...]) -> None:
        follower = Follower(services, self._wake)
        follower.unsubscribe = self._follow(follower.take)
        connection.follower = follower

    def _replier(self, connection: Connection, ticket: int) -> Reply:
        """What the loop calls, in its own thread, when a command has ended."""

        def reply(outcome: Outcome) -> None:
            self._later(lambda: self._answer(connection, ticket, wire.done_of(outcome)))

        return reply

    def _look(self, seen: Callable[[Snapshot], None]) -> None:
        """Ask the loop for a snapshot and have it seen in the server's thread."""
        self._post(SnapshotAsked(lambda snapshot: self._later(lambda: seen(snapshot))))

    def _answer(self, connection: Connection, ticket: int, answer: wire.Answer) -> None:
        """Give the outcome of a request, unless the client has left or it was answered already."""
        if connection not in self._connections or connection.ticket != ticket or connection.request is None:
            return
        connection.send(answer)
        if wire.is_last(connection.request, answer):
            connection.finish()
        else:
            connection.wants_news = False  # a follower goes on with the output
        self._count_curious()
        self._converse(connection)

    def _tell(self, answer: wire.Answer) -> None:
        for connection in self._connections:
            if connection.wants_news:
                connection.send(answer)

    def _count_curious(self) -> None:
        self._curious = sum(connection.wants_news for connection in self._connections)

    def _expire(self) -> None:
        now = time.monotonic()
        for connection in self._connections:
            if connection.deadline is not None and connection.deadline <= now:
                connection.deadline = None
                self._give_up(connection)
        if self._resume_at is not None and self._resume_at <= now and self._listener is not None:
            self._resume_at = None
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _give_up(self, connection: Connection) -> None:
        """A wait has taken too long: say what is missing."""
        request, ticket = connection.request, connection.ticket
        if isinstance(request, wire.Wait):
            services, timeout = request.services, request.timeout

            def tell(snapshot: Snapshot) -> None:
                problem = WaitTimeout(f"not ready within {timeout:g} s: {_missing(snapshot, services)}")
                self._answer(connection, ticket, wire.refusal(problem))

            self._look(tell)

    def _push(self, connection: Connection) -> None:
        """Write what can be written, and listen for what the connection needs next."""
        follower = connection.follower
        if follower is not None:
            follower.send_to(connection)
        is_gone = not connection.flush()
        while follower is not None and follower.has_more and not is_gone and not connection.has_more:
            follower.send_to(connection)  # all was taken at once: no writability will be told that could wake us
            is_gone = not connection.flush()
        is_too_slow = not connection.has_room and connection.follower is None
        if is_gone or is_too_slow or (connection.ending and not connection.has_more):
            self._drop(connection)
            return
        events = selectors.EVENT_WRITE if connection.has_more else 0
        events |= 0 if connection.ending else selectors.EVENT_READ
        if self._selector.get_key(connection.sock).events != events:
            self._selector.modify(connection.sock, events, connection)

    def _drop(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._selector.unregister(connection.sock)
        connection.sock.close()
        if connection.follower is not None:
            connection.follower.unsubscribe()
            connection.follower = None
        self._count_curious()


def _missing(snapshot: Snapshot, services: tuple[str, ...]) -> str:
    """The instances not yet ready among those waited for, each with its state and reason."""
    views = [view for name in services for view in snapshot.of(name)] if services else snapshot.instances
    late = [f"{view.label} is {view.state} ({view.reason.text})" for view in views if view.state not in _SETTLED]
    return "; ".join(late) or "everything is ready now"
