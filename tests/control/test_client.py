"""Asking a launcher that is there, that is not, that goes away, and that speaks in tongues; from near and from afar."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from launcher.control import wire
from launcher.control.admission import rules_for
from launcher.control.client import Client
from launcher.control.listening import listen_on
from launcher.errors import (
    BadRequest,
    ForeignRequest,
    LauncherGone,
    NotAdmitted,
    NothingRunning,
    UnknownService,
    WaitTimeout,
)
from launcher.orchestrator.events import Outcome
from launcher.orchestrator.snapshot import State
from tests.control.conftest import PATIENCE, batch, changed, serving

TOKEN = "a token"


@contextmanager
def saying(listener: socket.socket, says: bytes, *, closes: bool = True):
    """Somebody who takes one connection, reads, says `says` and closes; or doesn't close before the end."""
    end = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(says)
            if not closes:
                end.wait(PATIENCE)

    thread = threading.Thread(target=serve)
    with listener:
        listener.listen()
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(PATIENCE)


def at(folder) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(folder / "control.sock"))
    return made


@pytest.fixture
def remote(tmp_path, loop):
    """A server over TCP that asks for a token, and its address."""
    port = free_port()
    listener = listen_on(f"127.0.0.1:{port}")
    with serving(tmp_path, loop, tcp=listener, rules=rules_for("127.0.0.1", port, token=TOKEN, hosts=())):
        yield f"http://127.0.0.1:{port}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.fixture(params=["near", "afar"])
def either(request, remote, tmp_path) -> Client:
    """The same launcher, over its Unix socket and over TCP."""
    return Client(folder=tmp_path) if request.param == "near" else Client(host=f"{remote}/", token=TOKEN)


def test_looks(either, loop):
    """In types, the same from near and from afar."""
    assert either.status() == loop.snapshot
    assert either.timeline().took == 0.5
    assert b'"level":"alive"' in either.get("/health", level="alive")
    with pytest.raises(UnknownService, match="did you mean `db`"):
        either.get("/services/dbb")


def test_events(either, loop):
    """Typed, until the launcher says that it ends; going on where one was."""
    events = either.events(["db"])
    assert isinstance(next(events), wire.Everything)
    loop.tell(changed("db", State.READY))
    assert next(events) == wire.Moved(news=changed("db", State.READY))
    events.close()
    loop.tell(changed("db", State.FAILED))
    again = either.events(after="e1-1")
    assert next(again).news.state is State.FAILED
    again.close()


def test_a_command(either, loop):
    with loop.answering(Outcome(ok=True, lines=("db is ready",))) as taken:
        (done,) = either.restart(["db"], force=True)
    assert done == wire.Done(ok=True, lines=("db is ready",))
    assert taken[0].force
    with pytest.raises(UnknownService):
        list(either.start(["dbb"]))
    (late,) = either.wait(["api"], timeout=0.01)
    assert isinstance(wire.error_of(late.faults), WaitTimeout)


def test_leaving_the_iterator_closes_the_conversation(either, loop):
    answers = either.logs(["db"])
    began = threading.Thread(target=lambda: loop.next_follower()(batch("db", b"x\n")))
    began.start()
    assert next(answers).text == "x\n"
    began.join(PATIENCE)
    answers.close()
    assert loop.next_follower() is None


def test_the_end_of_the_launcher_ends_a_stream(tmp_path, loop):
    with serving(tmp_path, loop) as server:
        events = Client(folder=tmp_path).events()
        next(events)
        server.close()
        assert list(events) == [wire.Ended()]


# Near -----------------------------------------------------------------------------------------------------------


def test_no_socket_means_that_nothing_runs(tmp_path):
    with pytest.raises(NothingRunning):
        Client(folder=tmp_path).status()


def test_a_socket_left_by_a_crash_means_that_nothing_runs(tmp_path):
    at(tmp_path).close()
    with pytest.raises(NothingRunning, match="refused"):
        Client(folder=tmp_path).status()


HEAD = b"HTTP/1.1 200 OK\r\n"
EVENTS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

# What comes instead of an answer.
CUT = {
    "nothing": b"",
    "half a head": HEAD,
    "half an answer": HEAD + b'Content-Length: 100\r\n\r\n{"version": 1',
    "something else": b"220 mail.example.org ESMTP\r\n",
}


@pytest.mark.parametrize("says", CUT.values(), ids=CUT)
def test_an_end_before_the_answer_means_that_the_launcher_is_gone(tmp_path, says):
    with saying(at(tmp_path), says), pytest.raises(LauncherGone):
        Client(folder=tmp_path).status()


@pytest.mark.parametrize("says", [EVENTS, EVENTS + b'8\r\ndata: {"\r\n', EVENTS + b"99\r\ndata"])
def test_an_end_amid_a_stream_means_that_the_launcher_is_gone(tmp_path, says):
    with saying(at(tmp_path), says), pytest.raises(LauncherGone):
        list(Client(folder=tmp_path).events())


# Answers of another version, or of another program.
STRANGE = {
    "no JSON": HEAD + b"Content-Length: 2\r\n\r\nhi",
    "other JSON": HEAD + b"Content-Length: 2\r\n\r\n{}",
    "a page": b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>",
    "no UTF-8": HEAD + b"Content-Length: 1\r\n\r\n\xff",
}


@pytest.mark.parametrize("says", STRANGE.values(), ids=STRANGE)
def test_an_answer_that_is_not_understood_is_told_as_that(tmp_path, says):
    with saying(at(tmp_path), says), pytest.raises(BadRequest, match="not understood"):
        Client(folder=tmp_path).status()


def test_an_event_that_is_not_understood_is_told_as_that(tmp_path):
    line = b'data: {"say": "hello"}\n'
    says = EVENTS + b"%x\r\n%s\r\n0\r\n\r\n" % (len(line), line)
    with saying(at(tmp_path), says), pytest.raises(BadRequest, match="not understood"):
        list(Client(folder=tmp_path).events())


def test_a_launcher_that_does_not_answer_a_look_is_given_up(tmp_path):
    with saying(at(tmp_path), b"", closes=False), pytest.raises(LauncherGone, match="not answered"):
        Client(folder=tmp_path, patience=0.02).status()


LISTENS = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listens", flush=True)
listener.accept()
"""


def test_a_launcher_that_is_stopped_is_given_up(tmp_path):
    """SIGSTOP: the kernel takes the connection, and nobody answers."""
    command = [sys.executable, "-S", "-c", LISTENS, str(tmp_path / "control.sock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"listens\n"
        os.kill(process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(LauncherGone, match="not answered"):
                Client(folder=tmp_path, patience=0.02).status()
        finally:
            process.kill()


def test_many_at_once_wait_for_their_turn(tmp_path):
    """A launcher that is busy is not one that does not run; one that never takes anybody is given up."""
    with at(tmp_path) as listener:
        listener.listen(1)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for each in waiting:
            each.connect(str(tmp_path / "control.sock"))
        with pytest.raises(LauncherGone, match="takes no connection"):
            Client(folder=tmp_path, patience=0.05).status()
        for each in waiting:
            each.close()


def test_a_run_folder_deeper_than_a_socket_address_is_reached(tmp_path, loop):
    """A Unix address holds 107 bytes; projects lie deeper."""
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    with serving(folder, loop):
        assert Client(folder=folder).status() == loop.snapshot


# Afar -----------------------------------------------------------------------------------------------------------


def test_a_token_is_asked_for(remote):
    for token in ("", "another"):
        with pytest.raises(NotAdmitted, match="its token"):
            Client(host=remote, token=token).status()


def test_another_name_for_it_is_foreign(remote):
    """Until the profile names it in `hosts`."""
    with pytest.raises(ForeignRequest, match="this is not"):
        Client(host=remote.replace("127.0.0.1", "127.1"), token=TOKEN).status()


def test_nobody_there(monkeypatch):
    with pytest.raises(LauncherGone, match="no launcher answers at http"):
        Client(host=f"http://127.0.0.1:{free_port()}").status()


@pytest.mark.parametrize("host", ["127.0.0.1:9", "ftp://127.0.0.1", "http://", "http://[::1"])
def test_no_address(host):
    with pytest.raises(LauncherGone, match="no launcher answers at"):
        Client(host=host).status()


# What a web server that is no launcher answers, and what is then said.
WEB = {
    "a page that is not there": (STRANGE["a page"], "answers with HTTP 404, not as a launcher"),
    "somewhere else": (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        "answers with HTTP 302, not as a launcher",
    ),
    "a page": (HEAD + b"Content-Length: 6\r\n\r\n<html>", "not understood"),
}


@pytest.mark.parametrize("case", WEB)
def test_a_web_server_that_is_no_launcher(case):
    says, words = WEB[case]
    listener = socket.create_server(("127.0.0.1", 0))
    host = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with saying(listener, says), pytest.raises(BadRequest, match=words):
        Client(host=host).status()


@pytest.mark.parametrize("says", [EVENTS, EVENTS + b'8\r\ndata: {"\r\n', HEAD + b"Content-Length: 9\r\n\r\nx", b""])
def test_an_end_amid_an_answer_from_afar(says):
    listener = socket.create_server(("127.0.0.1", 0))
    host = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with saying(listener, says), pytest.raises(LauncherGone):
        list(Client(host=host).events())
