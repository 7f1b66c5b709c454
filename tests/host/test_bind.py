"""The host where nobody hands it a socket: it binds its own, and listens when the app is ready."""

from __future__ import annotations

import signal
import socket
from textwrap import dedent

import pytest

from tests.host.test_serve import hello
from tests.serving import serving, serving_ready

pytestmark = pytest.mark.slow  # each test starts an interpreter with uvicorn


@pytest.fixture
def write(tmp_path):
    """Write modules, given as name=source; returns their folder."""

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(dedent(source))
        return tmp_path

    return write


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_where_nobody_hands_over_a_socket_it_binds_one(write):
    """One that is meant for another process is left alone."""
    port = free_port()
    with serving_ready(
        "hello:app",
        directory=write(hello=hello("'hi'")),
        options=["--bind", f"127.0.0.1:{port}"],
        env={"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        hands_over=False,
    ) as it:
        it.port = port
        assert it.ask("/").text == "hi"


def test_an_answer_in_two_parts_goes_out_at_once(write):
    """TCP_NODELAY is set on its connections: else each answer would wait for the client's acknowledgement."""
    port = free_port()
    folder = write(
        hello="""
        import gc

        async def app(scope, receive, send):
            assert scope["type"] == "http"
            kinds = ("_SelectorSocketTransport", "TCPTransport")  # asyncio's, uvloop's
            (transport,) = [one for one in gc.get_objects() if type(one).__name__ in kinds]
            told = transport.get_extra_info("socket").getsockopt(6, 1)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(told).encode()})
        """
    )
    with serving_ready("hello:app", directory=folder, options=["--bind", f"127.0.0.1:{port}"], hands_over=False) as it:
        it.port = port
        assert it.ask("/").text == "1"


def test_a_socket_that_is_handed_over_comes_before_an_address(write):
    with serving_ready(
        "hello:app", directory=write(hello=hello("'hi'")), options=["--bind", f"127.0.0.1:{free_port()}"]
    ) as it:
        assert it.ask("/").text == "hi"


def test_nobody_can_connect_before_the_app_is_ready(write):
    """So a check that only connects says what READY would."""
    port = free_port()
    folder = write(
        slow=f"""
        import socket

        async def app(scope, receive, send):
            assert scope["type"] == "lifespan"
            await receive()
            with socket.socket() as probe:
                print("refused" if probe.connect_ex(("127.0.0.1", {port})) else "accepted")
            await send({{"type": "lifespan.startup.complete"}})
            await receive()
            await send({{"type": "lifespan.shutdown.complete"}})
        """
    )
    with serving_ready(
        "slow:app", directory=folder, options=["--bind", f"127.0.0.1:{port}"], hands_over=False
    ) as server:
        server.send(signal.SIGTERM)
        assert server.wait() == 0
        assert "refused" in server.output()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("8000", '--bind takes HOST:PORT, not "8000"'),
        ("127.0.0.1:http", '--bind takes HOST:PORT, not "127.0.0.1:http"'),
        ("127.0.0.1:70000", "cannot listen on 127.0.0.1:70000"),
        ("192.0.2.1:80", "cannot listen on 192.0.2.1:80: Cannot assign requested address"),
    ],
)
def test_an_address_that_cannot_be_bound_is_told(write, address, sentence):
    with serving(
        "hello:app", directory=write(hello=hello("1")), options=["--bind", address], hands_over=False
    ) as server:
        assert server.wait() == 1
        assert f'cannot serve "hello:app": {sentence}' in server.output()
