"""The http and tcp probes against real servers on loopback."""

from __future__ import annotations

import errno
import socket
import threading
import time

import pytest

from launcher.orchestrator.orders import Run
from launcher.probes.base import ANSWER_LIMIT, CannotCheck
from launcher.probes.http import build_request, judge, parse_target
from launcher.probes.names import known_addresses
from launcher.profile.model import Health

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

JUDGED = [
    ("below 400", OK, None, (True, "HTTP 200 OK")),
    (
        "a redirect is not followed",
        b"HTTP/1.1 301 Moved Permanently\r\n\r\n",
        None,
        (True, "HTTP 301 Moved Permanently"),
    ),
    ("no reason given", b"HTTP/1.1 204\r\n\r\n", None, (True, "HTTP 204")),
    ("HTTP/1.0, bare newlines", b"HTTP/1.0 200 OK\nServer: x\n\n", None, (True, "HTTP 200 OK")),
    ("an error, with what came of its body", b"HTTP/1.1 500 Oops\r\n\r\nno db", None, (False, "HTTP 500 Oops\nno db")),
    ("status asked for", b"HTTP/1.1 401 Unauthorized\r\n\r\n", frozenset({200, 401}), (True, "HTTP 401 Unauthorized")),
    ("status not asked for", b"HTTP/1.1 200 OK\r\n\r\n", frozenset({204}), (False, "HTTP 200 OK")),
    ("interim answers are skipped", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, None, (True, "HTTP 200 OK")),
    (
        "colours are taken out",
        b"HTTP/1.1 500 \x1b[31mred\x1b[0m\r\n\r\n\x1b]0;t\x07\a!",
        None,
        (False, "HTTP 500 red\n!"),
    ),
    ("not HTTP", b"SSH-2.0-OpenSSH_9.6\r\n", None, (False, "not an HTTP answer\nSSH-2.0-OpenSSH_9.6")),
    ("nearly HTTP", b"HTTP/1.1 yes\r\n\r\n", None, (False, "not an HTTP answer\nHTTP/1.1 yes")),
    (
        "8 KB of headers",
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 8192)[:8192],
        None,
        (False, "HTTP 200 OK, but headers of more than 8 KB"),
    ),
    ("too little to tell", b"HTT", None, None),
    ("half a status line", b"HTTP/1.1 20", None, None),
    ("half the headers", b"HTTP/1.1 200 OK\r\nContent-", None, None),
    ("an interim answer only", b"HTTP/1.1 100 Continue\r\n\r\n", None, None),
]


@pytest.mark.parametrize(("came", "accepts", "finding"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED])
def test_an_answer_is_judged(came, accepts, finding) -> None:
    """The status decides once the headers are complete; until then there is no finding."""
    assert judge(came, ended=False, accepts=accepts) == finding


ENDED = [
    ("nothing", b"", (False, "closed without answer")),
    ("within the status line", b"HTTP/1.1 20", (False, "not an HTTP answer\nHTTP/1.1 20")),
    ("after the status line", b"HTTP/1.1 200 OK\r\n", (True, "HTTP 200 OK")),
    ("after an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n", (False, "closed without answer")),
]


@pytest.mark.parametrize(("came", "finding"), [row[1:] for row in ENDED], ids=[row[0] for row in ENDED])
def test_a_closed_answer_is_judged_by_what_there_is(came, finding) -> None:
    """When the server has closed there is always a finding."""
    assert judge(came, ended=True, accepts=None) == finding


def test_an_answer_for_people_has_4_kb_at_most() -> None:
    """The body of an error is cut."""
    finding = judge(b"HTTP/1.1 500 Oops\r\n\r\n" + b"x" * 8000, ended=False, accepts=None)
    assert finding is not None
    assert len(finding.answer) == ANSWER_LIMIT


TARGETS = [
    ("/healthz", ("http", "127.0.0.1", 8000, "/healthz", "127.0.0.1:8000", "")),
    ("/a b/ü?q=1#top", ("http", "127.0.0.1", 8000, "/a%20b/%C3%BC?q=1", "127.0.0.1:8000", "")),
    ("http://example.org", ("http", "example.org", 80, "/", "example.org", "")),
    ("http://[::1]:81/x?y#z", ("http", "::1", 81, "/x?y", "[::1]:81", "")),
    ("https://u:p%40@db/x", ("https", "db", 443, "/x", "db", "u:p@")),
]


@pytest.mark.parametrize(("text", "target"), TARGETS, ids=[row[0] for row in TARGETS])
def test_targets(text, target) -> None:
    """A path is on the service's own port; a URL is taken as it is."""
    assert parse_target(text, 8000) == target


@pytest.mark.parametrize("text", ["healthz", "ftp://x/", "http://", "http://h:port/", "http://[::1/"])
def test_targets_that_are_none(text) -> None:
    """What is neither a path nor a URL is said, not tried."""
    with pytest.raises(CannotCheck, match="cannot check"):
        parse_target(text, 8000)


def test_a_header_cannot_smuggle_another_one() -> None:
    """A line break in a header's value (of a variable, say) is refused."""
    with pytest.raises(CannotCheck, match="X-Key"):
        build_request(parse_target("/", 80), {"X-Key": "a\r\nX-Other: b"})


def test_known_hosts() -> None:
    """Numbers and localhost need no look-up."""
    assert known_addresses("127.0.0.2", 1) == [(socket.AF_INET, ("127.0.0.2", 1))]
    assert known_addresses("::1", 1) == [(socket.AF_INET6, ("::1", 1))]
    assert [address[1][0] for address in known_addresses("localhost", 1)] == ["127.0.0.1", "::1"]
    assert known_addresses("example.org", 1) == []


def test_a_healthy_service(bench, serve, answer, monkeypatch) -> None:
    """The request has our headers and the user's, and goes past any proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    seen: list[bytes] = []
    port = serve(answer(OK, seen=seen))
    headers = {"X-Token": "secret", "user-agent": "me", "Connection": "keep-alive"}
    verdict = bench.check(Health(http="/healthz?full", headers=headers), port=port)
    assert (verdict.ok, verdict.answer) == (True, "HTTP 200 OK")
    assert verdict.took > 0
    head = seen[0].decode().split("\r\n")
    assert head[0] == "GET /healthz?full HTTP/1.1"
    assert sorted(head[1:-2]) == sorted(
        [f"Host: 127.0.0.1:{port}", "user-agent: me", "Accept: */*", "X-Token: secret", "Connection: close"]
    )


def test_the_status_key(bench, serve, answer) -> None:
    """`status` takes one number or several."""
    port = serve(answer(b"HTTP/1.1 418 Teapot\r\n\r\n"))
    assert not bench.check(Health(http="/"), port=port).ok
    assert bench.check(Health(http="/", status=418), port=port).ok
    assert bench.check(Health(http="/", status=[200, 418]), port=port).ok


def test_a_redirect_is_not_followed(bench, serve, answer, free_port) -> None:
    """What a redirect points to is not asked."""
    port = serve(answer(f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{free_port}/\r\n\r\n".encode()))
    assert bench.check(Health(http="/"), port=port).answer == "HTTP 302 Found"


def test_a_hanging_service(bench, serve, hang) -> None:
    """A service that accepts and says nothing costs the timeout."""
    verdict = bench.check(Health(http="/", timeout=0.1), port=serve(hang))
    assert (verdict.ok, verdict.answer) == (False, "no answer within 0.1 s (connected, 0 bytes)")


def test_a_dripping_service(bench, serve) -> None:
    """A byte now and then does not move the deadline, which is for the check as a whole."""

    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" * 100:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    began = time.monotonic()
    verdict = bench.check(Health(http="/", timeout=0.15), port=serve(drip))
    assert not verdict.ok
    assert verdict.answer.startswith("no answer within 0.15 s (connected, ")
    assert verdict.answer.endswith("\nHTTP/") or "\nH" in verdict.answer
    assert time.monotonic() - began < 2


def test_a_service_that_does_not_accept(bench) -> None:
    """A listener whose queue is full costs the timeout, before a connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            assert filler.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS)
            fillers.append(filler)
        verdict = bench.check(Health(tcp=True, timeout=0.1), port=port)
        for filler in fillers:
            filler.close()
    assert (verdict.ok, verdict.answer) == (False, "no answer within 0.1 s (connecting)")


def test_a_service_that_closes_without_an_answer(bench, serve, answer) -> None:
    """Accept and close is no health."""
    assert bench.check(Health(http="/"), port=serve(answer())).answer == "closed without answer"


def test_a_service_that_resets(bench, serve) -> None:
    """A reset connection is said as the system says it."""

    def reset(connection: socket.socket) -> None:
        connection.recv(1)  # closing with the rest unread resets
        connection.close()

    verdict = bench.check(Health(http="/"), port=serve(reset))
    assert (verdict.ok, verdict.answer) == (False, "connection reset by peer (connected, 0 bytes)")


def test_garbage(bench, serve, answer) -> None:
    """Bytes that are no text are made fit for a terminal."""
    verdict = bench.check(Health(http="/"), port=serve(answer(b"\x15\x03\x01\xff\x1b[2J!")))
    assert (verdict.ok, verdict.answer) == (False, "not an HTTP answer\n\ufffd!")


def test_endless_headers(bench, serve, answer) -> None:
    """No more than 8 KB of headers are read."""
    port = serve(answer(b"HTTP/1.1 200 OK\r\n", *[b"X-Y: " + b"z" * 1000 + b"\r\n"] * 9))
    assert bench.check(Health(http="/"), port=port).answer == "HTTP 200 OK, but headers of more than 8 KB"


def test_nobody_listens(bench, free_port) -> None:
    """A refused connection is said as such, by both probes."""
    assert bench.check(Health(http="/"), port=free_port).answer == "connection refused"
    assert bench.check(Health(tcp=free_port)).answer == "connection refused"


def test_tcp(bench, serve, hang) -> None:
    """A port that accepts is healthy: the service's own, or another one."""
    port = serve(hang)
    verdict = bench.check(Health(tcp=True), port=port)
    assert (verdict.ok, verdict.answer) == (True, f"connected to 127.0.0.1:{port}")
    assert bench.check(Health(tcp=port), port=1).ok


@pytest.mark.parametrize("health", [Health(tcp=True), Health(http="/"), Health(http="nonsense")])
def test_a_check_that_cannot_be_made_is_said_once(bench, health) -> None:
    """What no time can mend is told at once and not polled."""
    verdict = bench.check(health)
    assert not verdict.ok
    assert verdict.answer.startswith("cannot check")
    bench.silence()


def test_ipv6_and_localhost(bench, serve, answer) -> None:
    """`localhost` finds a server that listens on either loopback address."""
    try:
        port = serve(answer(OK), host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    assert bench.check(Health(http=f"http://[::1]:{port}/")).ok
    assert bench.check(Health(http=f"http://localhost:{port}/")).ok


def test_names_are_looked_up_elsewhere(bench, serve, answer, monkeypatch) -> None:
    """A resolver that hangs holds up its own check only, and is asked once however many checks wait."""
    release = threading.Event()
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        if host == "slow.test":
            release.wait(10)
        if host == "none.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    port = serve(answer(OK))
    slow = bench.watch(Health(http=f"http://slow.test:{port}/", timeout=0.05), run=Run("slow.1", 1))
    assert bench.verdict().answer == "no answer within 0.05 s (looking up the name)"
    assert bench.check(Health(http=f"http://fast.test:{port}/")).ok
    assert bench.check(Health(http=f"http://none.test:{port}/")).answer == (
        'cannot look up "none.test": Name or service not known'
    )
    release.set()
    while not (found := bench.next()).verdict.ok:
        pass
    assert found.instance == slow.instance
    assert asked.count("slow.test") <= 2
