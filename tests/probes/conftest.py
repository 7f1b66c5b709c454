"""A scheduler whose posts go into a queue, and small servers that behave as badly as they are told."""

from __future__ import annotations

import os
import queue
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from launcher.orchestrator.events import Event, Probed, Verdict
from launcher.orchestrator.orders import Run, Watch
from launcher.probes.scheduler import Scheduler
from launcher.profile.model import Health

#: No wait of these tests is longer.
BOUND = 10.0

FIRST = Run("api.1", 1)


class RealClock:
    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


class RealChildren:
    """`Children` on subprocess, a thread for each command; `told` is set whenever an end has been told.

    While `deaf`, a command can't be killed, as one that is just ending can't.
    """

    def __init__(self) -> None:
        self.told = threading.Event()
        self.deaf = False

    def run(
        self,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        directory: str,
        timeout: float,
        done: Callable[[int | None, bytes], None],
    ) -> Callable[[], None]:
        try:
            child = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            done(127, str(error).encode())
            return lambda: None
        threading.Thread(target=self._await, args=(child, timeout, done), daemon=True).start()
        return lambda: None if self.deaf else _kill(child)

    def _await(self, child: subprocess.Popen[bytes], timeout: float, done: Callable[[int | None, bytes], None]) -> None:
        try:
            output, _ = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(child)
            output, _ = child.communicate()
            done(None, output[-4096:])
        else:
            done(child.returncode, output[-4096:])
        self.told.set()


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)


class FakeTaps:
    """`Taps` that is told the lines."""

    def __init__(self) -> None:
        self.tapped: dict[Run, tuple[re.Pattern[str], Callable[[str], None]]] = {}

    def tap(self, run: Run, pattern: str, matched: Callable[[str], None]) -> None:
        self.tapped[run] = (re.compile(pattern), matched)

    def untap(self, run: Run) -> None:
        self.tapped.pop(run, None)

    def prints(self, run: Run, line: str) -> None:
        pattern, matched = self.tapped[run]
        if pattern.search(line):
            matched(line)


class Bench:
    """A scheduler at work, and what it posted."""

    def __init__(self, folder: Path) -> None:
        self.posted: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.taps = FakeTaps()
        self.children = RealChildren()
        self.folder = folder
        #: Every check that was made, the instance and its verdict, in the probing thread's order.
        self.timed: list[tuple[str, Verdict]] = []
        self.scheduler = Scheduler(
            post=self.posted.put,
            clock=RealClock(),
            children=self.children,
            taps=self.taps,
            folder=folder,
            timed=lambda *check: self.timed.append(check),
        )

    def watch(
        self,
        health: Health,
        *,
        run: Run = FIRST,
        port: int | None = None,
        directory: str = ".",
        env: Mapping[str, str] | None = None,
    ) -> Run:
        self.scheduler.watch(Watch(run=run, health=health, port=port, directory=directory, env=env or {}))
        return run

    def next(self) -> Probed:
        event = self.posted.get(timeout=BOUND)
        assert isinstance(event, Probed)
        return event

    def verdict(self) -> Verdict:
        return self.next().verdict

    def check(self, health: Health, *, port: int | None = None, **more: object) -> Verdict:
        """The first verdict of a new run."""
        run = self.watch(health, port=port, **more)  # type: ignore[arg-type]
        verdict = self.verdict()
        self.scheduler.unwatch(run)
        return verdict

    def silence(self) -> None:
        """Let the probing thread do all it was asked so far, and see that it had nothing to say."""
        if self.scheduler._reactor.is_running:
            done = threading.Event()
            self.scheduler._reactor.call(done.set)
            assert done.wait(BOUND)
        assert self.posted.empty()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "run")
    yield made
    made.scheduler.close()


Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that hands each connection to `handle(connection)` in a thread of its own; returns its port."""
    stopping = threading.Event()
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def talk(connection: socket.socket, handle: Callable[[socket.socket], None]) -> None:
        with connection, suppress(OSError):
            handle(connection)

    def accept(listener: socket.socket, handle: Callable[[socket.socket], None]) -> None:
        with suppress(OSError):
            while not stopping.is_set():
                connection, _ = listener.accept()
                connections.append(connection)
                thread = threading.Thread(target=talk, args=(connection, handle), daemon=True)
                thread.start()
                threads.append(thread)

    def start(handle: Callable[[socket.socket], None], *, host: str = "127.0.0.1") -> int:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, 0), family=family, backlog=128)
        listeners.append(listener)
        thread = threading.Thread(target=accept, args=(listener, handle), daemon=True)
        thread.start()
        threads.append(thread)
        port: int = listener.getsockname()[1]
        return port

    yield start
    stopping.set()
    for listener in listeners:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for connection in connections:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(BOUND)


@pytest.fixture
def answer() -> Callable[..., Callable[[socket.socket], None]]:
    """A handler that reads the request's head, keeps it in `seen`, and sends `parts`."""

    def make(*parts: bytes, seen: list[bytes] | None = None) -> Callable[[socket.socket], None]:
        def handle(connection: socket.socket) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                head += chunk
            if seen is not None:
                seen.append(head)
            for part in parts:
                connection.sendall(part)

        return handle

    return make


@pytest.fixture
def hang() -> Callable[[socket.socket], None]:
    """A handler that says nothing until the other end gives up."""

    def handle(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    return handle


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
