"""Ask a running launcher, in types: over the Unix socket of its run folder, or over HTTP where it is remote.

    for sent in Client("dev").events():
        ...

One connection for each question. Knows the wire and where the socket lies; prints nothing and decides nothing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import quote, urlencode

from msgspec import DecodeError, json

from launcher.control import http1, wire
from launcher.control.address import reachable
from launcher.errors import BadRequest, LauncherError, LauncherGone, NothingRunning
from launcher.observe.timeline import Timeline
from launcher.orchestrator.snapshot import Snapshot

T = TypeVar("T")

#: A launcher that runs answers a look at it in milliseconds; one that is stopped (SIGSTOP) or hangs never does.
PATIENCE: Final = 10.0
_OK: Final = 200


class Client:
    """Speaks to one launcher: that of a `profile` in the project here, of a run `folder`, or at a `host`.

    `patience` is how long one on this machine may take to answer a look at it, in seconds.
    """

    def __init__(
        self,
        profile: str | None = None,
        *,
        folder: Path | None = None,
        host: str = "",
        token: str = "",
        patience: float = PATIENCE,
    ) -> None:
        if host:
            self._channel: Channel = Remote(host, token)
            return
        if folder is None:
            from launcher.control.running import choose  # noqa: PLC0415
            from launcher.profile.project import find_project  # noqa: PLC0415

            folder = choose(find_project(Path.cwd()).root, profile).folder
        self._channel = Local(folder, patience=patience)

    # Looking ----------------------------------------------------------------------------------------------------

    def status(self) -> Snapshot:
        """Everything as it is now."""
        return self._get("/status", Snapshot)

    def usage(self) -> dict[str, wire.Use]:
        """What each instance that has a process uses, by name."""
        return self._get("/usage", wire.UsageAnswer).instances

    def timeline(self) -> Timeline:
        """How the last start-up went."""
        return self._get("/timeline", Timeline)

    def get(self, path: str, **parameters: str) -> bytes:
        """What an endpoint answers, as it stands there."""
        with self._channel.ask("GET", _target(path, parameters.items())) as answer:
            return answer.read()

    # Streams ----------------------------------------------------------------------------------------------------

    def events(self, services: Sequence[str] = (), *, after: str = "") -> Generator[wire.AnySent]:
        """A snapshot, then every change, until the launcher ends (LauncherGone where it didn't say so)."""
        return self._stream("GET", "/events", services, headers={"Last-Event-ID": after} if after else {})

    def logs(self, services: Sequence[str] = ()) -> Generator[wire.AnySent]:
        """What services print from now on."""
        return self._stream("GET", "/logs", services, lines="0", follow="true")

    # Commands: what happens meanwhile, and how they ended -----------------------------------------------------------

    def start(
        self, services: Sequence[str] = (), *, named: bool = False, output: bool = False
    ) -> Generator[wire.AnySent]:
        """Start services (none: all) and what they depend on; `output`: and go on with what is printed."""
        return self._stream("POST", "/start", services, named=_flag(named), output=_flag(output))

    def stop(self, services: Sequence[str] = ()) -> Generator[wire.AnySent]:
        """Stop services (none: everything, and the launcher ends)."""
        return self._stream("POST", "/stop", services)

    def restart(self, services: Sequence[str] = (), *, force: bool = False) -> Generator[wire.AnySent]:
        """Stop and start services."""
        return self._stream("POST", "/restart", services, force=_flag(force))

    def wait(self, services: Sequence[str] = (), *, timeout: float | None = None) -> Generator[wire.AnySent]:
        """Until services are ready or completed, or never will be; at the latest after `timeout` seconds."""
        return self._stream("GET", "/wait", services, wait="" if timeout is None else f"{timeout:g}")

    def probe(self, services: Sequence[str] = ()) -> Generator[wire.AnySent]:
        """Check services now."""
        return self._stream("GET", "/probe", services)

    # How --------------------------------------------------------------------------------------------------------

    def _get(self, path: str, kind: type[T]) -> T:
        data = self.get(path)
        try:
            return json.decode(data, type=kind)
        except (DecodeError, UnicodeDecodeError) as problem:
            raise BadRequest(f"the running launcher's answer is not understood: {problem}") from problem

    def _stream(
        self, method: str, path: str, services: Sequence[str], *, headers: dict[str, str] | None = None, **more: str
    ) -> Generator[wire.AnySent]:
        parameters = [
            *(("service", name) for name in services),
            *((name, value) for name, value in more.items() if value),
        ]
        accept = {"Accept": wire.EVENT_STREAM, **(headers or {})}
        sent: wire.AnySent | None = None
        with self._channel.ask(method, _target(path, parameters), headers=accept, patient=True) as answer:
            for line in answer:
                if line.startswith(b"data: ") and line.endswith(b"\n"):  # else it was cut
                    sent = wire.decode_sent(line[6:])
                    yield sent
                    if isinstance(sent, wire.Ended):
                        return
        if not isinstance(sent, wire.Done):
            raise LauncherGone("the launcher ended without a word")


class Answer(Protocol):
    """An answer on its way."""

    def read(self) -> bytes: ...

    def __iter__(self) -> Iterator[bytes]: ...


class Channel(Protocol):
    """A way to a launcher."""

    def ask(
        self, method: str, target: str, *, headers: dict[str, str] | None = None, patient: bool = False
    ) -> AbstractContextManager[Answer]:
        """Send a request; the answer is there inside the `with`. `patient`: it may take any time to go on."""
        ...


class Local:
    """The launcher of one run folder.

    Raises NothingRunning when nobody listens (a socket that a crash left behind included), LauncherGone when the
    launcher ends before it has answered, or does not answer a plain question.
    """

    def __init__(self, folder: Path, *, patience: float = PATIENCE) -> None:
        self._folder = folder
        self._patience = patience

    @contextmanager
    def ask(
        self, method: str, target: str, *, headers: dict[str, str] | None = None, patient: bool = False
    ) -> Iterator[Answer]:
        sock = self._connect()
        answer: http1.Answer | None = None
        try:
            http1.send(sock, method, target, headers or {})
            if patient:
                sock.settimeout(None)
            answer = http1.Answer(sock)
            if answer.status != _OK:
                raise wire.read_problem(answer.read())
            yield answer
        except TimeoutError as problem:
            raise LauncherGone(
                f"the launcher in {self._folder} has not answered for {self._patience:g} s",
                remedy="It may be stopped (SIGSTOP) or hang; see what its process does.",
            ) from problem
        except (OSError, http1.NotHttp) as problem:
            raise LauncherGone(f"the launcher in {self._folder} ended before it had answered") from problem
        finally:
            if answer is not None:
                answer.close()
            sock.close()

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Not settimeout yet: a socket that does not block is refused at once where many others wait to be taken.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(self._patience))
        try:
            with reachable(self._folder) as address:
                sock.connect(address)
        except BlockingIOError as problem:
            sock.close()
            raise LauncherGone(f"the launcher in {self._folder} takes no connection") from problem
        except OSError as problem:
            sock.close()
            raise NothingRunning(f"no launcher listens in {self._folder} ({problem.strerror})") from problem
        sock.settimeout(self._patience)
        return sock


class Remote:
    """A launcher on another machine, or over TCP."""

    def __init__(self, host: str, token: str) -> None:
        self._host = host.rstrip("/")
        self._token = token

    @contextmanager
    def ask(
        self, method: str, target: str, *, headers: dict[str, str] | None = None, patient: bool = False
    ) -> Iterator[Answer]:
        import requests  # noqa: PLC0415  (10 MB, for a remote launcher only)

        given = {**(headers or {}), **({"Authorization": f"Bearer {self._token}"} if self._token else {})}
        timeout = (PATIENCE, None if patient else PATIENCE)
        try:
            with requests.request(
                method, self._host + target, headers=given, timeout=timeout, stream=True, allow_redirects=False
            ) as answer:
                if answer.status_code != _OK:
                    raise _refused(answer.status_code, answer.content, self._host)
                yield _Remote(answer.iter_content(None))
        except requests.RequestException as problem:
            raise LauncherGone(f"no launcher answers at {self._host}: {_reason(problem)}") from problem


class _Remote:
    """requests' answer, as lines."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def read(self) -> bytes:
        return b"".join(self._parts)

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for part in self._parts:
            *lines, rest = (rest + part).split(b"\n")
            yield from (line + b"\n" for line in lines)


def _refused(status: int, content: bytes, host: str) -> LauncherError:
    found = wire.read_problem(content)
    # Whatever else may listen there: a proxy, another program.
    return (
        found if found.code != BadRequest.code else BadRequest(f"{host} answers with HTTP {status}, not as a launcher")
    )


def _reason(problem: Exception) -> str:
    cause = problem.__cause__ or problem.__context__ or problem
    return str(getattr(cause, "reason", None) or cause)[:200]


def _timeval(seconds: float) -> bytes:
    """The kernel's form of a length of time."""
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))


def _target(path: str, parameters: object) -> str:
    query = urlencode(list(parameters))  # type: ignore[call-overload]
    return quote(path) + (f"?{query}" if query else "")


def _flag(value: bool) -> str:  # noqa: FBT001  (it is turned into a text)
    return "true" if value else ""
