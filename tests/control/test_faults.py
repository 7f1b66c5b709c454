"""Malformed, huge, slow and too many requests: refused or cut off, and the next client is answered."""

from __future__ import annotations

import resource
import select
from contextlib import suppress

import pytest

from launcher.control import server as server_module
from tests.control.conftest import PATIENCE, Asking, connect, hung_up, serving

HEAD = b"GET /status HTTP/1.1\r\nHost: x\r\n"

# What is sent -> what the answer begins with; nothing: closed without one.
MALFORMED = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\xff\n\n", b"HTTP/1.1 400"),
    "no version": (b"GET /status\r\n\r\n", b"HTTP/1.1 400"),
    "a NUL in the head": (b"GET /status HTTP/1.1\r\nHost: \x00\r\n\r\n", b"HTTP/1.1 400"),
    "a length that is none": (HEAD + b"Content-Length: ten\r\n\r\n", b"HTTP/1.1 400"),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", b"HTTP/1.1 400"),
    "no host": (b"GET /status HTTP/1.1\r\n\r\n", b"HTTP/1.1 400"),
    "two hosts": (HEAD + b"Host: y\r\n\r\n", b"HTTP/1.1 400"),
    "a header of 1 MB": (HEAD + b"X: " + b"x" * 1_000_000, b"HTTP/1.1 4"),
    "a target of 1 MB": (b"GET /" + b"x" * 1_000_000, b"HTTP/1.1 4"),
    "a verb of 100 letters": (b"X" * 100 + b" /status HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 405"),
    "a switch to a web socket": (
        HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n",
        b"HTTP/1.1 200",
    ),
    "a broken percent sign": (b"GET /services/%zz%00%0a HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 404"),
    "a broken query": (b"GET /status?%ff=%zz&&&= HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400"),
    "a broken chunk": (
        b"POST /frob HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"HTTP/1.1 4",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed(ask, tmp_path, case):
    """Refused in HTTP's words, and the next is answered."""
    sent, begins = MALFORMED[case]
    with connect(tmp_path) as sock:
        with suppress(BrokenPipeError):  # refused before it had all been sent
            sock.sendall(sent)
        assert sock.recv(4096).startswith(begins)
    assert ask("GET", "/health?level=alive")[0] == 200


@pytest.fixture
def impatient(tmp_path, loop, monkeypatch):
    """A server that has no time."""
    monkeypatch.setattr(server_module, "IDLE", 0.05)
    monkeypatch.setattr(server_module, "SWEEP", 0.01)
    with serving(tmp_path, loop):
        yield


ENDLESS = b"POST /frob HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

# What comes first, and then for ever.
SLOW = {
    "nothing": (b"", b""),
    "JSON, no HTTP": (b'{"say": "status"}\n', b""),
    "a head, byte by byte": (b"GET /st", b"a"),
    "headers, one after the other": (HEAD, b"X: y\r\n"),
    "a body that was announced": (b"POST /frob HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", b""),
    "a body without an end": (ENDLESS, b"1\r\nx\r\n"),
    "nothing behind an answer": (HEAD + b"\r\n", b""),
}


@pytest.mark.parametrize("case", SLOW)
def test_slow(impatient, tmp_path, case):
    """Cut off after IDLE, however busy it keeps."""
    first, more = SLOW[case]
    poll = select.poll()
    with connect(tmp_path) as sock:
        sock.sendall(first)
        if not more:
            hung_up(sock)
            return
        poll.register(sock, select.POLLHUP)
        for _ in range(int(PATIENCE * 1000)):
            try:
                sock.send(more)
            except BrokenPipeError:
                return
            if poll.poll(1):
                return
    pytest.fail("it was never closed")


def test_a_busy_connection_is_not_cut_off(impatient, tmp_path):
    """Nor is one whose stream is quiet: only what has nothing to be answered is idle."""
    ask = Asking(tmp_path)
    stream = ask.stream("/events")
    stream.next()
    with connect(tmp_path) as sock:
        poll = select.poll()
        poll.register(stream.answer.fp, select.POLLIN)
        for _ in range(60):
            sock.sendall(b"GET /health?level=alive HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while b'"alive"' not in answer:
                part = sock.recv(4096)
                assert part
                answer += part
            assert not poll.poll(2)
    stream.answer.close()
    ask.close()


@pytest.mark.slow
def test_2000_connections_at_once(ask, tmp_path):
    """Those too many are closed at once; when the others have left, all is as before."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(2000, (soft - 200) // 2)
    made = []
    try:
        for _ in range(count):
            made.append(connect(tmp_path))
            with suppress(BrokenPipeError):  # it is one too many, and hung up on already
                made[-1].send(HEAD)
        refused = made[server_module.MOST_CONNECTIONS :]
        for sock in refused[-50:]:
            hung_up(sock)
    finally:
        for sock in made:
            sock.close()
    connection_free(ask)


def connection_free(ask) -> None:
    """Ask until one of the connections that were left has been noticed to be gone."""
    for _ in range(1000):
        try:
            assert ask("GET", "/status")[0] == 200
        except OSError:
            continue
        return
    pytest.fail("never answered again")
