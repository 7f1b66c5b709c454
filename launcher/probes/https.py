"""The https probe: a GET by `requests`, in a fixed pool of threads; loaded with the first such probe.

As over http no redirect is followed, no proxy variable looked at and no body read. The certificate of a service on
this machine is not verified (it is self-signed as a rule, and readiness is no matter of trust); any other one is.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InsecureRequestWarning

from launcher.probes.base import Done, Finding, no_answer_within, printable, said_by_system
from launcher.probes.http import USER_AGENT, Target, is_accepted
from launcher.probes.pool import Pool
from launcher.probes.reactor import Reactor, Timer

_THREADS = 4

#: What the thread waits for beyond the deadline: the deadline itself is the probing thread's.
_MARGIN = 1.0


class _Here(threading.local):
    """The check that this thread works for."""

    fetch: Fetch | None = None


_here = _Here()


class _Connection(HTTPSConnection):
    """Shows each new socket to its check: a time-out of requests starts anew with every byte, a deadline does not."""

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[no-untyped-call,unused-ignore]
        if _here.fetch is not None:
            _here.fetch.hold(sock)
        return sock


class _Connections(HTTPSConnectionPool):
    ConnectionCls = _Connection


class Https:
    """The threads, and the connection settings they share; used in the probing thread, but for `close`."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.pool = Pool("https", _THREADS)
        self.adapter = HTTPAdapter()
        self.adapter.poolmanager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": _Connections}
        # urllib3 would say at each check what this module's docstring says.
        warnings.filterwarnings("ignore", category=InsecureRequestWarning)

    def close(self) -> None:
        self.pool.close()


class HttpsProbe:
    """Asks the same URL at each check."""

    __slots__ = ("_accepts", "_headers", "_https", "_target", "_timeout")

    def __init__(
        self,
        https: Https,
        *,
        target: Target,
        headers: Mapping[str, str],
        accepts: frozenset[int] | None,
        timeout: float,
    ) -> None:
        self._https = https
        self._target = target
        self._headers = {"User-Agent": USER_AGENT, **headers, "Connection": "close"}
        self._accepts = accepts
        self._timeout = timeout

    def begin(self, done: Done) -> Fetch:
        fetch = Fetch(self._https.reactor, timeout=self._timeout, done=done)
        self._https.pool.submit(lambda: fetch.run(self._ask))
        return fetch

    def _ask(self) -> Finding:
        target = self._target
        # A session of its own, or cookies of one check would be sent with the next; what is costly is the adapter's.
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", self._https.adapter)
        name, _, password = target.userinfo.partition(":")
        try:
            with session.get(
                f"https://{target.authority}{target.path}",
                headers=self._headers,
                auth=(name, password) if target.userinfo else None,
                timeout=self._timeout + _MARGIN,
                allow_redirects=False,
                stream=True,
                verify=not is_local(target.host),
            ) as response:
                summary = f"HTTP {response.status_code} {printable((response.reason or '').encode())}".rstrip()
                return Finding(is_accepted(response.status_code, self._accepts), summary)
        except (OSError, ValueError) as error:  # all of requests' errors are an OSError, urllib3's a ValueError
            return Finding(ok=False, answer=reason_of(error))


class Fetch:
    """One check: waits for a thread, then has its whole timeout; the connection is cut then, which frees the thread."""

    __slots__ = ("_deadline", "_done", "_dropped", "_held", "_reactor", "_timeout")

    def __init__(self, reactor: Reactor, *, timeout: float, done: Done) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._done: Done | None = done
        self._deadline: Timer | None = None
        self._held: socket.socket | None = None
        self._dropped = False

    def run(self, ask: Callable[[], Finding]) -> None:
        """Make the check, in a thread of the pool."""
        if self._dropped:
            return
        self._reactor.call(self._arm)
        _here.fetch = self
        finding = ask()
        _here.fetch = None
        self._reactor.call(lambda: self._tell(finding))

    def hold(self, sock: socket.socket) -> None:
        """Keep a second handle of the connection: TLS takes the first one away. In a thread of the pool."""
        self._held = sock.dup()
        # `drop` marks, then looks for the handle; this sets the handle, then looks for the mark: one sees the other.
        if self._dropped:
            self._cut()
            sock.close()
            raise TimeoutError

    def drop(self) -> None:
        self._done = None
        if self._deadline is not None:
            self._deadline.cancel()
        self._dropped = True
        self._cut()

    def _arm(self) -> None:
        if self._done is not None:
            self._deadline = self._reactor.after(self._timeout, self._expire)

    def _expire(self) -> None:
        stage = "connecting" if self._held is None else "connected"
        self._tell(Finding(ok=False, answer=no_answer_within(self._timeout, stage)))

    def _tell(self, finding: Finding) -> None:
        done = self._done
        self.drop()
        if done is not None:
            done(finding)

    def _cut(self) -> None:
        held = self._held
        if held is not None:
            with suppress(OSError):  # the other end was faster
                held.shutdown(socket.SHUT_RDWR)
            held.close()


def is_local(host: str) -> bool:
    """Whether a host is this machine by its very name or number."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reason_of(error: BaseException) -> str:
    """The system's or TLS's own words, from under the layers that requests and urllib3 wrap around them."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate not accepted: {cause.verify_message}"
        if isinstance(cause, socket.gaierror):
            return f"cannot look up the name: {cause.strerror}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS: {cause.reason or cause}"
        if isinstance(cause, OSError) and isinstance(cause.errno, int):
            return said_by_system(cause.errno)
        inside = (getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__)
        cause = next((each for each in inside if isinstance(each, BaseException)), None)
    return printable(str(error).encode())
