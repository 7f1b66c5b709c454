"""The tcp probe: healthy when the port accepts a connection.

`Connection` is also the lower half of the http probe. Knows sockets and the reactor, no events.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Sequence

from launcher.probes.base import Done, Finding, no_answer_within, said_by_system
from launcher.probes.reactor import WRITE, Job, Reactor, Timer

#: A family and what `connect` takes.
Address = tuple[socket.AddressFamily, tuple[str, int]]

LOOPBACK = "127.0.0.1"

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class TcpProbe:
    """Connects to a port of this machine."""

    __slots__ = ("_address", "_reactor", "_timeout")

    def __init__(self, reactor: Reactor, *, port: int, timeout: float) -> None:
        self._reactor = reactor
        self._address: Address = (socket.AF_INET, (LOOPBACK, port))
        self._timeout = timeout

    def begin(self, done: Done) -> Connection:
        connection = Connection(self._reactor, timeout=self._timeout, done=done)
        connection.connect([self._address])
        return connection


class Connection:
    """One check that succeeds with the connection; the first of several addresses that accepts one is taken."""

    __slots__ = ("_deadline", "_done", "_others", "_reactor", "_registered", "_sock", "_stage", "_timeout")

    def __init__(self, reactor: Reactor, *, timeout: float, done: Done) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._done = done
        self._deadline: Timer | None = reactor.after(timeout, self._expire)
        self._sock: socket.socket | None = None
        self._registered = False
        self._others: list[Address] = []
        #: How far the check has come, for people.
        self._stage = "looking up the name"

    def connect(self, addresses: Sequence[Address]) -> None:
        """Try the addresses (at least one) in turn."""
        (family, address), *self._others = addresses
        self._stage = "connecting"
        try:
            self._sock = sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            number = sock.connect_ex(address)
        except OSError as error:  # no descriptor left, no such family
            self._fail(error.errno or 0)
            return
        if number in (0, errno.EISCONN):
            self._connected(sock)
        elif number != errno.EINPROGRESS:
            self._fail(number)
        elif self._is_connected(sock):
            # Over loopback the handshake is over when connect_ex returns, though it still says EINPROGRESS.
            self._connected(sock)
        else:
            self._wait(sock, WRITE, self._connect_ended)

    def drop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._release()

    def _established(self, sock: socket.socket) -> None:
        """What to do once connected; the http probe goes on from here."""
        host, port = sock.getpeername()[:2]
        self._finish(ok=True, answer=f"connected to {host}:{port}")

    def _finish(self, *, ok: bool, answer: str) -> None:
        self.drop()
        self._done(Finding(ok, answer))

    def _wait(self, sock: socket.socket, events: int, job: Job) -> None:
        if self._registered:
            self._reactor.modify(sock, events, job)
        else:
            self._reactor.register(sock, events, job)
            self._registered = True

    def _connect_ended(self) -> None:
        assert self._sock is not None
        number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._fail(number)
        else:
            self._connected(self._sock)

    def _connected(self, sock: socket.socket) -> None:
        try:
            is_own_echo = sock.getsockname() == sock.getpeername()
        except OSError as error:  # connected, and reset at once
            self._fail(error.errno or 0)
            return
        if is_own_echo:
            # Where nobody listens on an ephemeral port, the system may pick this very port for our end and connect
            # the socket to itself (simultaneous open, one in 28,000 attempts). Reset: TIME_WAIT would hold the port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._fail(errno.ECONNREFUSED)
            return
        self._established(sock)

    @staticmethod
    def _is_connected(sock: socket.socket) -> bool:
        try:
            sock.getpeername()
        except OSError:
            return False
        return True

    def _fail(self, number: int) -> None:
        self._release()
        if self._others:
            self.connect(self._others)
        else:
            self._finish(ok=False, answer=said_by_system(number))

    def _expire(self) -> None:
        self._finish(ok=False, answer=no_answer_within(self._timeout, self._stage))

    def _release(self) -> None:
        sock = self._sock
        if sock is None:
            return
        if self._registered:
            self._reactor.unregister(sock)
            self._registered = False
        self._sock = None
        sock.close()
