"""The http probe: one GET over a non-blocking socket, judged by the status of the answer.

No redirect is followed, no proxy variable is looked at, and the body is not waited for: the check ends with the
headers. Knows sockets and the reactor, no events; https is another module's.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from launcher import __version__
from launcher.probes.base import CannotCheck, Done, Finding, no_answer_within, printable, said_by_system, with_text
from launcher.probes.reactor import READ, WRITE, Reactor
from launcher.probes.tcp import LOOPBACK, Address, Connection

#: A status line and its headers take no more than this; what takes more is no answer.
HEAD_LIMIT = 8192

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: ([^\r\n]*))?\r?\n")
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_PLAIN_PATH = re.compile(r"/[!-~]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS_HEADER = re.compile(r"[\r\n\0]")

USER_AGENT = f"launcher/{__version__}"

#: Calls back, in the probing thread, with the addresses of a host, or with a sentence where there is none.
Lookup = Callable[[str, int, Callable[[Sequence[Address] | str], None]], None]


class Target(NamedTuple):
    """Where `health.http` points to. `authority` is what the Host header says; `userinfo` is `user:password`."""

    scheme: str
    host: str
    port: int
    path: str
    authority: str
    userinfo: str = ""


def parse_target(http: str, port: int | None) -> Target:
    """Read `health.http`: a path on the service's own port, or a URL as it is; raises CannotCheck."""
    if http.startswith("/"):
        if port is None:
            raise CannotCheck(f'cannot check "{http}": the service has no port')
        return Target("http", LOOPBACK, port, _quoted(http.partition("#")[0]), f"{LOOPBACK}:{port}")
    try:
        parts = urlsplit(http)
        number = parts.port
    except ValueError as error:
        raise CannotCheck(f'cannot check "{http}": {error}') from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CannotCheck(f'cannot check "{http}": neither a path that begins with / nor a URL of http or https')
    userinfo, _, authority = parts.netloc.rpartition("@")
    path = _quoted((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    if number is None:
        number = 443 if parts.scheme == "https" else 80
    return Target(parts.scheme, parts.hostname, number, path, authority, unquote(userinfo))


def build_request(target: Target, headers: Mapping[str, str]) -> bytes:
    """The whole request. The user's headers replace ours of the same name; raises CannotCheck for impossible ones."""
    lines = {
        "host": f"Host: {target.authority}",
        "user-agent": f"User-Agent: {USER_AGENT}",
        "accept": "Accept: */*",
    }
    if target.userinfo:
        from binascii import b2a_base64  # noqa: PLC0415  (only for those who give a password)

        lines["authorization"] = f"Authorization: Basic {b2a_base64(target.userinfo.encode(), newline=False).decode()}"
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or _BREAKS_HEADER.search(value):
            raise CannotCheck(f'cannot send the header "{printable(name.encode())}": its name or value is malformed')
        lines[name.lower()] = f"{name}: {value}"
    # Last and not the user's: without it the server keeps the connection, and a check its socket.
    lines["connection"] = "Connection: close"
    return "\r\n".join([f"GET {target.path} HTTP/1.1", *lines.values(), "", ""]).encode("utf-8")


def accepted(status: int | list[int] | None) -> frozenset[int] | None:
    """The statuses that count as healthy; None: those below 400."""
    return None if status is None else frozenset((status,) if isinstance(status, int) else status)


def is_accepted(code: int, accepts: frozenset[int] | None) -> bool:
    """Whether a status is healthy: below 400, or one of those that the profile accepts."""
    return code < 400 if accepts is None else code in accepts  # noqa: PLR2004  (HTTP's first error)


def judge(came: bytes, *, ended: bool, accepts: frozenset[int] | None) -> Finding | None:
    """What an answer amounts to, as far as it came; None: more is needed. `ended`: the server closed."""
    full = len(came) >= HEAD_LIMIT
    while True:
        status = _STATUS_LINE.match(came)
        if status is None:
            if b"HTTP/".startswith(came[:5]) and b"\n" not in came and not ended and not full:
                return None
            return Finding(ok=False, answer=with_text("not an HTTP answer", came) if came else "closed without answer")
        code = int(status[1])
        summary = f"HTTP {code} {printable(status[2] or b'')}".rstrip()
        end = _END_OF_HEAD.search(came, status.end() - 1)
        if end is None and not ended:
            return Finding(ok=False, answer=f"{summary}, but headers of more than 8 KB") if full else None
        # A server that closes after the status line has said what matters; Python's own client thinks so too.
        rest = came[end.end() :] if end else b""
        if 100 <= code < 200 and code != 101 and end:  # noqa: PLR2004  (interim answers: the real one follows)
            came = rest
            continue
        if is_accepted(code, accepts):
            return Finding(ok=True, answer=summary)
        return Finding(ok=False, answer=with_text(summary, rest))


class HttpProbe:
    """Sends the same request to the same place at each check."""

    __slots__ = ("_accepts", "_lookup", "_reactor", "_request", "_target", "_timeout")

    def __init__(
        self,
        reactor: Reactor,
        lookup: Lookup,
        *,
        target: Target,
        request: bytes,
        accepts: frozenset[int] | None,
        timeout: float,
    ) -> None:
        self._reactor = reactor
        self._lookup = lookup
        self._target = target
        self._request = request
        self._accepts = accepts
        self._timeout = timeout

    def begin(self, done: Done) -> Exchange:
        exchange = Exchange(
            self._reactor, timeout=self._timeout, done=done, request=self._request, accepts=self._accepts
        )
        self._lookup(self._target.host, self._target.port, exchange.found)
        return exchange


class Exchange(Connection):
    """One request and the head of its answer."""

    __slots__ = ("_accepts", "_came", "_unsent")

    def __init__(
        self, reactor: Reactor, *, timeout: float, done: Done, request: bytes, accepts: frozenset[int] | None
    ) -> None:
        super().__init__(reactor, timeout=timeout, done=done)
        self._unsent = request
        self._accepts = accepts
        self._came = b""

    def found(self, addresses: Sequence[Address] | str) -> None:
        """Go on with the host's addresses, or end with the sentence that says why there are none."""
        if self._deadline is None:
            return
        if isinstance(addresses, str):
            self._finish(ok=False, answer=addresses)
        else:
            self.connect(addresses)

    def _established(self, sock: socket.socket) -> None:
        self._stage = "connected, 0 bytes"
        self._send(sock)

    def _send(self, sock: socket.socket) -> None:
        try:
            sent = sock.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._break_off(error)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._wait(sock, WRITE, lambda: self._send(sock))
        else:
            self._wait(sock, READ, self._read)

    def _read(self) -> None:
        assert self._sock is not None
        try:
            chunk = self._sock.recv(HEAD_LIMIT - len(self._came))
        except BlockingIOError:
            return
        except OSError as error:
            self._break_off(error)
            return
        self._came += chunk
        self._stage = f"connected, {len(self._came)} bytes"
        finding = judge(self._came, ended=not chunk, accepts=self._accepts)
        if finding is not None:
            self._finish(ok=finding.ok, answer=finding.answer)

    def _break_off(self, error: OSError) -> None:
        self._finish(ok=False, answer=with_text(f"{said_by_system(error.errno or 0)} ({self._stage})", self._came))

    def _expire(self) -> None:
        self._finish(ok=False, answer=with_text(no_answer_within(self._timeout, self._stage), self._came))


def _quoted(path: str) -> str:
    if _PLAIN_PATH.fullmatch(path):
        return path
    return quote(path, safe="!#$%&'()*+,/:;=?@[]~")
