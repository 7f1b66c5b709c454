"""The https probe against a server with a self-signed certificate."""

from __future__ import annotations

import gc
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.orchestrator.orders import Run
from launcher.profile.model import Health

pytestmark = [
    pytest.mark.slow,  # loading requests takes longer
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificate"),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(path), "-out", f"{path}.crt", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    with path.open("a") as file:
        file.write(Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def over_tls(certificate: Path) -> Callable[..., Callable[[socket.socket], None]]:
    """Wrap a handler into TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def make(handle: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
        def talk(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                handle(wrapped)

        return talk

    return make


def test_https_on_this_machine(bench, serve, answer, over_tls, monkeypatch) -> None:
    """A self-signed certificate will do here; proxies, redirects and cookies are left alone, headers are sent."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    seen: list[bytes] = []
    reply = b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:9/\r\nSet-Cookie: a=b\r\n\r\n"
    port = serve(over_tls(answer(reply, seen=seen)))
    for _ in range(2):
        verdict = bench.check(Health(http=f"https://127.0.0.1:{port}/x?y", headers={"X-Token": "t"}))
        assert (verdict.ok, verdict.answer) == (True, "HTTP 302 Found")
    assert seen[1].startswith(b"GET /x?y HTTP/1.1\r\n")
    assert b"X-Token: t" in seen[1]
    assert b"User-Agent: launcher/" in seen[1]
    assert b"Cookie" not in seen[1]


def test_https_status(bench, serve, answer, over_tls) -> None:
    """The status decides as over http."""
    port = serve(over_tls(answer(b"HTTP/1.1 500 Oops\r\n\r\n")))
    verdict = bench.check(Health(http=f"https://localhost:{port}/"))
    assert (verdict.ok, verdict.answer) == (False, "HTTP 500 Oops")


def test_a_certificate_elsewhere_is_verified(bench, serve, answer, over_tls, monkeypatch) -> None:
    """What is not this machine by its own name must show a certificate that is trusted."""
    monkeypatch.setattr("launcher.probes.https.is_local", lambda _: False)
    port = serve(over_tls(answer(b"HTTP/1.1 200 OK\r\n\r\n")))
    verdict = bench.check(Health(http=f"https://127.0.0.1:{port}/"))
    assert (verdict.ok, verdict.answer) == (False, "certificate not accepted: self-signed certificate")


def test_https_failures(bench, serve, free_port) -> None:
    """The system's and TLS's own words come through the layers of the library."""
    assert bench.check(Health(http=f"https://127.0.0.1:{free_port}/")).answer == "connection refused"
    plain = serve(lambda connection: connection.sendall(b"no TLS spoken here, and this is long enough to see it"))
    assert bench.check(Health(http=f"https://127.0.0.1:{plain}/")).answer.startswith("no TLS: ")


# CPython's SSLSocket._create leaves the socket to the collector when the connection is cut just before the handshake.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_hanging_https_frees_its_thread(bench, serve, answer, hang, over_tls) -> None:
    """More hanging and dripping endpoints than threads cost their own deadlines; the good one is reached."""
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(1)
        while not stop.wait(0.01):
            connection.sendall(b"H")

    urls = [f"https://127.0.0.1:{serve(handle)}/" for handle in (hang, over_tls(drip))]
    for index in range(8):
        bench.watch(Health(http=urls[index % 2], timeout=0.4, start_interval=60), run=Run(f"bad.{index}", 1))
    good = serve(over_tls(answer(b"HTTP/1.1 200 OK\r\n\r\n")))
    bench.watch(Health(http=f"https://127.0.0.1:{good}/", timeout=5), run=Run("good.1", 1))
    verdicts = {event.instance: event.verdict for event in (bench.next() for _ in range(9))}
    stop.set()
    gc.collect()
    assert verdicts.pop("good.1").ok
    assert all(verdict.answer.startswith("no answer within 0.4 s (") for verdict in verdicts.values())
