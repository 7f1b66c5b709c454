"""A shared process gets a new one beside itself, in earnest: under load, with 1,000 web sockets, and with faults."""

from __future__ import annotations

import os
import resource
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest

from tests.e2e.load import Load, ask
from tests.e2e.project import PATIENCE, eventually, free_ports, is_alive

pytestmark = pytest.mark.slow

#: Before it is ready it waits at the gate, if there is one, and says who it is.
APP = """
import asyncio, os, pathlib
import common
async def begin():
    gate = pathlib.Path("gate")
    if gate.exists():
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.read_text()))
        writer.write(f"{{os.getpid()}}\\n".encode())
        await reader.read()
        writer.close()
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await begin()
        {start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
    elif scope["type"] == "websocket":
        await receive()
        await send({{"type": "websocket.accept"}})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    else:
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": common.TEXT}})
"""
PROFILE = """
[launcher]
mode = "single"
ports = "{ports}"
[defaults]
stop = {{ grace = 2, drain = 1 }}
restart = {{ delay = 0.1 }}
[services.one]
app = "one:app"
{one}
[services.two]
app = "two:app"
depends_on = ["one"]
{two}
"""
NAMES = ("one", "two")
MOST = 1000
WEB_SOCKET = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Gate:
    """Where an app waits before it is ready, once this is put up."""

    def __init__(self, project):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        project.file("gate", str(self._listener.getsockname()[1]))
        self._file = project.root / "gate"
        self._waiting = []

    def arrival(self):
        """The process of the next that waits."""
        waiting, _ = self._listener.accept()
        self._waiting.append(waiting)
        with waiting.makefile() as stream:
            return int(stream.readline())

    def open(self):
        """Let all go on, and whoever comes."""
        self._file.unlink()
        self.close()

    def close(self):
        for waiting in self._waiting:
            waiting.close()
        self._listener.close()


@pytest.fixture
def begin(project):
    """Makes two components that share a module, in the background; each may have keys, or a source, of its own."""

    def begin(one="", two="", **sources):
        project.profile(PROFILE.format(ports=free_ports(), one=one, two=two))
        code(project, "old")
        for name in NAMES:
            project.file(f"{name}.py", sources.get(f"source_of_{name}", APP.format(start="pass")))
        started = project.run("start", "dev", "--detach", "--wait")
        assert started.returncode == 0, started.stderr
        return project

    return begin


@pytest.fixture
def up(begin):
    return begin()


@pytest.fixture
def gate(up):
    """Put up when all run already."""
    made = Gate(up)
    yield made
    made.close()


@pytest.fixture
def aside():
    """Does something meanwhile."""
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def code(project, text):
    """Another module that both import."""
    project.file("common.py", f"TEXT = b{text!r}\n")


def answers(project):
    """What both answer now."""
    status = project.status()
    found = []
    for name in NAMES:
        with closing(HTTPConnection("127.0.0.1", status[name]["port"], timeout=PATIENCE)) as connection:
            found.append(ask(connection)[1])
    return found


def pids(project):
    return {name: view["pid"] for name, view in project.status().items()}


PLACES = {"a port of its own": ("", "/"), "below a prefix": ('prefix = "/{name}"', "/{name}")}


@pytest.mark.parametrize(("key", "path"), PLACES.values(), ids=PLACES)
def test_no_request_fails_while_all_get_a_new_process(begin, key, path):
    """Of either component, on connections that are kept; whichever way it is asked for."""
    project = begin(*(key.format(name=name) for name in NAMES))
    before = project.status()
    with ExitStack() as stack:
        loads = [stack.enter_context(Load(before[name]["port"], path.format(name=name))) for name in NAMES]
        for text, word in (("new code", "one"), ("newer code still", "host.apps")):
            code(project, text)
            restarted = project.run("restart", word)
            assert restarted.returncode == 0, restarted.stdout + restarted.stderr
            for name in NAMES:
                assert f"{name} has started anew beside itself, in a new process" in restarted.stdout
            for load in loads:
                load.heard((200, text))
            assert project.run("wait").returncode == 0
    for load in loads:
        texts = {(200, text) for text in ("old", "new code", "newer code still")}
        assert set(load.answers) <= {*texts, ("closed while idle",)}, load.answers
    after = project.status()
    assert len(set(pids(project).values())) == 1
    for name in before:
        assert after[name]["generation"] == before[name]["generation"] + 2
        assert after[name]["restarts"] == before[name]["restarts"]
        assert after[name]["pid"] != before[name]["pid"]
    eventually(lambda: not is_alive(before["one"]["pid"]))


def test_one_that_has_failed_is_answered_for_by_the_new_process(begin):
    """Neither started there nor forgotten."""
    up = begin(two='restart = "no"\nrequired = false', source_of_two="1 / 0\n")
    code(up, "new code")
    assert up.run("restart", "host.apps").returncode == 0
    status = up.status()
    assert (status["one"]["generation"], status["two"]["state"]) == (2, "failed")
    with closing(HTTPConnection("127.0.0.1", status["two"]["port"], timeout=PATIENCE)) as connection:
        code_told, problem = ask(connection)
    assert code_told == 503
    assert "ZeroDivisionError" in problem


BROKEN = {"an import": "1 / 0\n", "a lifespan": APP.format(start="1 / 0")}


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_new_code_that_fails_leaves_all_of_the_old_process_serving(up, source):
    """The first has come up there already; nobody notices. Once it is mended, it comes in."""
    before = pids(up)
    code(up, "new code")
    up.file("two.py", source)
    restarted = up.run("restart", "host.apps")
    assert restarted.returncode == 1
    assert "E7006 host.apps goes on as it was, with all that runs in it: in a new process, two: " in restarted.stderr
    assert "ZeroDivisionError" in restarted.stderr
    assert answers(up) == ["old", "old"]
    assert pids(up) == before
    assert "ZeroDivisionError" in up.run("logs", "two").stdout
    assert up.status()["one"]["reason"]["text"].startswith("goes on as it was: in a new process, two: ")
    up.file("two.py", APP.format(start="pass"))
    assert up.run("restart", "one").returncode == 0
    assert answers(up) == ["new code", "new code"]


def test_after_an_import_that_does_not_end_all_get_a_new_process(begin):
    """The old one has its grace, for what cannot be cut off."""
    up = begin(one="ready_timeout = 1")
    before = pids(up)
    up.file("one.py", "import threading\nthreading.Event().wait()\n")
    restarted = up.run("restart", "one")
    assert restarted.returncode == 1
    assert "E7006 one goes on as it was, for its new code did not start: not ready within 1 s; its import is in" in (
        restarted.stderr
    )
    code(up, "new code")
    up.file("one.py", APP.format(start="pass"))
    restarted = up.run("restart", "one")
    assert restarted.returncode == 0, restarted.stderr
    assert "one has started anew beside itself, in a new process" in restarted.stdout
    assert answers(up) == ["new code", "new code"]
    assert up.run("wait").returncode == 0
    assert not is_alive(before["one"])


def test_a_new_process_that_is_killed_leaves_the_old_one_serving(up, gate, aside):
    before = pids(up)
    restarting = aside(up.run, "restart", "host.apps")
    os.kill(gate.arrival(), signal.SIGKILL)
    restarted = restarting.result()
    assert restarted.returncode == 1
    assert "in a new process, its new process killed by SIGKILL" in restarted.stderr
    assert answers(up) == ["old", "old"]
    assert pids(up) == before
    gate.open()
    assert up.run("restart", "host.apps").returncode == 0


def test_who_ends_the_new_process_is_named(up):
    up.file("two.py", "import os\nos._exit(3)\n")
    restarted = up.run("restart", "host.apps")
    assert restarted.returncode == 1
    assert "two: it took its new process along when it called os._exit(3)" in restarted.stderr
    assert answers(up) == ["old", "old"]


def test_an_old_process_that_is_killed_takes_the_new_one_along_and_all_come_back(up, gate, aside):
    """As after any crash; the sockets are held, so who asks meanwhile waits."""
    before = pids(up)
    code(up, "new code")
    restarting = aside(up.run, "restart", "host.apps")
    new = gate.arrival()
    os.kill(before["one"], signal.SIGKILL)
    eventually(lambda: not is_alive(new))
    gate.open()
    assert answers(up) == ["new code", "new code"]
    assert restarting.result().returncode == 0
    assert pids(up)["one"] not in (before["one"], new)


@pytest.mark.parametrize("how", ["stop", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_of_either_process(up, gate, aside, how):
    """Whether the launcher is told to end, or killed."""
    old = up.status()["one"]["pid"]
    aside(up.run, "restart", "host.apps")
    new = gate.arrival()
    assert is_alive(old)
    if how == "stop":
        assert up.run("stop").returncode == 0
    else:
        os.kill(int((up.root / ".launcher" / "dev" / "lock").read_text().split()[0]), getattr(signal, how))
    eventually(lambda: not is_alive(old) and not is_alive(new))


def test_a_second_restart_is_refused_meanwhile_and_can_be_forced(up, gate, aside):
    restarting = aside(up.run, "restart", "host.apps")
    new = gate.arrival()
    refused = up.run("restart", "two")
    assert refused.returncode != 0
    assert "two is not restarted: host.apps is being exchanged" in refused.stderr
    gate.open()
    assert restarting.result().returncode == 0
    assert pids(up)["two"] == new


def open_web_socket(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.sendall(WEB_SOCKET)
    stream = client.makefile("rb")
    assert stream.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
    while stream.readline() != b"\r\n":
        pass
    return client, stream


@pytest.fixture
def many_files():
    """Each web socket takes a descriptor here, and one there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * MOST)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("kind", ["in the same process", "in a new process"])
def test_a_thousand_web_sockets_are_told_to_come_again(begin, kind):
    """Each is closed with 1012, service restart; whoever comes again comes to the new one."""
    pytest.importorskip("wsproto")
    up = begin()
    port = up.status()["one"]["port"]
    clients = [open_web_socket(port) for _ in range(MOST)]
    if kind == "in a new process":
        code(up, "new code")
    restarted = up.run("restart", "one")
    assert restarted.returncode == 0, restarted.stderr
    assert f"one has started anew beside itself, {kind}" in restarted.stdout
    for client, stream in clients:
        assert stream.read(4) == b"\x88\x02" + (1012).to_bytes(2, "big")
        stream.close()
        client.close()
    client, stream = open_web_socket(port)
    stream.close()
    client.close()
    assert up.run("wait").returncode == 0
