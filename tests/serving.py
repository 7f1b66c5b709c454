"""Starts real processes as the launcher would, without it: socket at descriptor 3, NOTIFY_SOCKET, time-outs."""

from __future__ import annotations

import fcntl
import http.client
import os
import select
import signal
import socket
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
SERVE = ROOT / "launcher" / "host" / "serve.py"
TIMEOUT = 20.0


class Answer(NamedTuple):
    """What an app answered."""

    status: int
    text: str
    location: str


class Child:
    """A process with its output in a file, whose end shows as the end of a pipe that it inherited."""

    def __init__(
        self, argv: Sequence[str], *, env: dict[str, str], directory: Path, hand_over: int | None = None
    ) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)
        self.alive, alive_there = os.pipe()
        os.set_inheritable(alive_there, True)
        actions = [(os.POSIX_SPAWN_DUP2, self._output.fileno(), 1), (os.POSIX_SPAWN_DUP2, self._output.fileno(), 2)]
        # posix_spawn knows no working directory: sh changes it, and stamps LISTEN_PID with its own pid before it execs.
        prepare = 'cd "$1" && shift && exec "$@"'
        if hand_over is not None:
            actions.append((os.POSIX_SPAWN_DUP2, hand_over, 3))
            prepare = 'cd "$1" && shift && LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        words = ["/bin/sh", "-c", prepare, "sh", str(directory), *argv]
        self.pid = os.posix_spawn("/bin/sh", words, env, file_actions=actions)
        os.close(alive_there)
        self.code: int | None = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.code is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code (negative: the signal), at most TIMEOUT from now."""
        if self.code is None:
            assert select.select([self.alive], [], [], TIMEOUT)[0], f"did not end: {self.output()}"
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def output(self) -> str:
        """All it has printed so far."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode()

    def says(self, text: str) -> None:
        """Wait until it has printed `text`, at most TIMEOUT; its end is noticed at once."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.output():
            ended = select.select([self.alive], [], [], 0.005)[0]  # a file cannot tell when it grows
            assert not ended or text in self.output(), f"ended without {text!r}: {self.output()}"
            assert time.monotonic() < deadline, f"has not said {text!r}: {self.output()}"

    def close(self) -> None:
        """Leave nothing behind."""
        self.send(signal.SIGKILL)
        self.wait()
        os.close(self.alive)
        self._output.close()


class Server(Child):
    """One app under `host/serve.py`."""

    def __init__(
        self,
        app: str,
        *,
        directory: Path,
        env: dict[str, str] | None = None,
        options: Sequence[str] = (),
        python: Sequence[str] = (sys.executable,),
        listener: socket.socket | None = None,
        hands_over: bool = True,
    ) -> None:
        # A copy, so that the socket of one server can be handed to the next; numbered above 3, since DUP2 of 3 onto
        # itself would leave it close-on-exec.
        ours = listener or socket.create_server(("127.0.0.1", 0))
        self.listener = socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 10))
        if listener is None:
            ours.close()
        self.port: int = self.listener.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory(prefix="n")
        address = f"{self._folder.name}/s"
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.bind(address)
        environ = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": address, **(env or {})}
        argv = [*python, str(SERVE), app, "--directory", str(directory), *options]
        super().__init__(
            argv, env=environ, directory=directory, hand_over=self.listener.fileno() if hands_over else None
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def notice(self) -> str:
        """The next datagram to NOTIFY_SOCKET; nothing if the process ended before it sent one.

        The one that tells how long the import took is kept apart, in `imported`.
        """
        while True:
            readable = select.select([self._notices, self.alive], [], [], TIMEOUT)[0]
            assert readable, f"neither ready nor ended: {self.output()}"
            if self._notices not in readable:
                return ""
            notice = self._notices.recv(4096).decode()
            if not notice.startswith("X_LAUNCHER_IMPORT_SECONDS="):
                return notice
            self.imported = float(notice.partition("=")[2])

    def has_notice(self) -> bool:
        """Whether a datagram has come that is not about the import."""
        while select.select([self._notices], [], [], 0)[0]:
            if not self._notices.recv(4096, socket.MSG_PEEK).startswith(b"X_"):
                return True
            self._notices.recv(4096)
        return False

    def ask(self, path: str, *, form: dict[str, str] | None = None, body: str = "", method: str = "GET") -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        headers = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
        try:
            connection.request("POST" if form or body else method, path, urlencode(form) if form else body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), answer.getheader("Location", ""))
        finally:
            connection.close()

    def close(self) -> None:
        super().close()
        self.listener.close()
        self._notices.close()
        self._folder.cleanup()


@contextmanager
def serving(app: str, **how: Any) -> Iterator[Server]:
    """Run one app under the host, ready or not yet; it is gone at the end of the block."""
    server = Server(app, **how)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def serving_ready(app: str, **how: Any) -> Iterator[Server]:
    """As `serving`, entered when the app has reported that it is ready."""
    with serving(app, **how) as server:
        assert server.notice() == "READY=1", server.output()
        yield server
