"""Components on one port, each under its prefix: what one does, or what becomes of it, is nothing to the others."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from textwrap import dedent

import pytest

from launcher.engines.hostline import Expected
from tests.host.hosted import Hosted, hello

pytestmark = pytest.mark.slow  # each test starts an interpreter with uvicorn


@pytest.fixture
def calm(host):
    """A component that answers under /calm; what others do is held against it."""
    component = host.start("calm", hello("__import__('os').environ['ME']"), prefix="/calm", ME="calm")
    while component.ask("/calm").status != 200:
        pass
    return component


def beside(host, calm, name, source, prefix=None, **env):
    """Another component on the same port, as soon as it answers."""
    component = host.start(name, source, prefix=prefix or f"/{name}", beside=calm, **env)
    while component.ask(f"{prefix or f'/{name}'}/").status in (404, 503):
        pass
    return component


def test_each_request_is_its_components_own(host, calm):
    """Its environment, its output and its measures."""
    source = "import os\n" + hello("print('asked', os.environ['ME']) or os.environ['ME']")
    other = beside(host, calm, "other", source, ME="other")
    assert (calm.ask("/calm").text, calm.ask("/other").text) == ("calm", "other")
    other.says("asked other")
    assert "asked" not in calm.output()
    measured = host.measured("other")
    assert measured.requests >= 2
    assert 0 < measured.busy < 5


RUDE = """
    import asyncio, sys

    async def die(): sys.exit(3)

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        match scope["path"]:
            case "/rude/exit": sys.exit(3)
            case "/rude/raise": 1 / 0
            case "/rude/task": app.task = asyncio.create_task(die())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"rude"})
"""


@pytest.mark.parametrize("path", ["/rude/exit", "/rude/raise"])
def test_a_request_that_raises_costs_itself_alone(host, calm, path):
    rude = beside(host, calm, "rude", RUDE)
    assert rude.ask(path).status == 500
    assert rude.ask("/rude").text == "rude"
    assert calm.ask("/calm").text == "calm"


def test_a_task_that_exits_ends_its_component_alone(host, calm):
    rude = beside(host, calm, "rude", RUDE)
    rude.ask("/rude/task")
    assert host.ended("rude").why == "it called sys.exit(3)"
    answer = rude.ask("/rude")
    assert (answer.status, json.loads(answer.text)["component"]) == (503, "rude")
    assert calm.ask("/calm").text == "calm"


SLOW = """
    import asyncio

    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            print((await receive()))
        elif scope["type"] == "http":
            if scope["path"] == "/slow/wait":
                print("begun")
                await asyncio.sleep(app.wait)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"done"})
"""


@pytest.mark.parametrize(("wait", "status"), [(0.3, 200), (60, 500)], ids=["in time", "too long"])
def test_a_stop_lets_requests_finish_for_as_long_as_the_drain(host, calm, wait, status):
    """Those that come meanwhile are told 503."""
    slow = beside(host, calm, "slow", dedent(SLOW) + f"\napp.wait = {wait}\n")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(slow.ask("/slow/wait").status))
    asking.start()
    slow.says("begun")
    host.stop("slow")
    while slow.ask("/slow").status == 200:
        pass
    assert slow.ask("/slow").status == 503
    asking.join()
    assert answers == [status]
    assert host.ended("slow").code == 0
    assert calm.ask("/calm").text == "calm"


def test_a_stop_closes_web_sockets_as_a_restarting_server_does(host, calm):
    slow = beside(host, calm, "slow", SLOW)
    with socket.create_connection(("127.0.0.1", slow.port), timeout=20) as connection:
        connection.sendall(
            b"GET /slow/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        stream = connection.makefile("rb")
        assert stream.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        while stream.readline() != b"\r\n":
            pass
        host.stop("slow")
        assert stream.read(4) == b"\x88\x02" + (1012).to_bytes(2, "big")
    assert host.ended("slow").code == 0


def test_one_that_is_released_is_mounted_no_more(host, calm):
    """Until then it is answered for: it may be started again at once."""
    gone = beside(host, calm, "gone", hello("'gone'"))
    host.stop("gone")
    host.ended("gone")
    assert gone.ask("/gone").status == 503
    host.line.release("gone")
    while (answer := gone.ask("/gone")).status == 503:
        pass
    assert (answer.status, json.loads(answer.text)["mounts"]) == (404, ["/calm"])


def test_one_that_is_expected_is_answered_for(host):
    """From the first component of the port on, as one that has failed is; the port needs no other to be closed."""
    host.components["calm"] = calm = Hosted()
    host.line.expect(calm.port, [Expected("calm", "calm", "/calm"), Expected("late.1", "late", "/late/")])
    host.start("calm", hello("'calm'"), prefix="/calm")
    assert calm.ask("/calm").text == "calm"
    answer = calm.ask("/late/x")
    assert (answer.status, json.loads(answer.text)["detail"]) == (503, "late.1: it has not started yet")
    host.line.release("late.1")
    while (answer := calm.ask("/late")).status == 503:
        pass
    assert (answer.status, json.loads(answer.text)["mounts"]) == (404, ["/calm"])


def test_one_that_was_expected_has_its_requests_when_it_comes(host):
    calm = host.start("calm", hello("'calm'"), prefix="/calm")
    host.line.expect(calm.port, [Expected("late", "late", "/late")])
    assert calm.ask("/calm").text == "calm"
    assert calm.ask("/late").status == 503
    late = beside(host, calm, "late", hello("'late'"))
    assert late.ask("/late").text == "late"


def test_a_port_where_others_are_only_expected_is_closed(host):
    calm = host.start("calm", hello("'calm'"), prefix="/calm")
    host.line.expect(calm.port, [Expected("late", "late", "/late")])
    assert calm.ask("/late").status == 503
    calm.listener.close()
    host.stop("calm")
    host.ended("calm")
    host.line.release("calm")
    statuses = iter(lambda: calm.ask("/late").status, 200)
    with pytest.raises(ConnectionError):
        deque(statuses, maxlen=0)


def test_the_end_of_the_host_is_the_end_of_all(host, calm):
    beside(host, calm, "other", hello("'other'"))
    assert host.end() == 0
