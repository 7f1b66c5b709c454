"""Asking a launcher that is there, that is not, that goes away, and that speaks in tongues."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest

from launcher.control import client as client_module
from launcher.control import wire
from launcher.control.client import Client
from launcher.errors import BadRequest, LauncherGone, NothingRunning
from tests.control.conftest import PATIENCE, serving


@contextmanager
def answering(folder, *, says: bytes, closes: bool = True):
    """A launcher that takes one connection, reads a line, says `says` and closes; or doesn't close before the end."""
    end = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "control.sock"))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(says)
                if not closes:
                    end.wait(PATIENCE)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(PATIENCE)


def test_no_socket_means_that_nothing_runs(tmp_path):
    with pytest.raises(NothingRunning):
        Client(tmp_path).tell(wire.Ping())


def test_a_socket_left_by_a_crash_means_that_nothing_runs(tmp_path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "control.sock"))
    with pytest.raises(NothingRunning, match="refused"):
        Client(tmp_path).tell(wire.Ping())


@pytest.mark.parametrize("says", [b"", b'{"say": "told", "news": {"text": "x"}}\n', b'{"say": "do'])
def test_an_end_before_the_last_answer_means_that_the_launcher_is_gone(tmp_path, says):
    with answering(tmp_path, says=says), pytest.raises(LauncherGone):
        Client(tmp_path).tell(wire.Shutdown())


def test_an_answer_of_another_version_is_told_as_that(tmp_path):
    with answering(tmp_path, says=b'{"say": "hello"}\n'), pytest.raises(BadRequest, match="not understood"):
        Client(tmp_path).tell(wire.Ping())


def test_a_launcher_that_does_not_answer_a_plain_question_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "PATIENCE", 0.02)
    with answering(tmp_path, says=b"", closes=False), pytest.raises(LauncherGone, match="not answered"):
        Client(tmp_path).tell(wire.Status())


def test_leaving_the_iterator_closes_the_conversation(client, loop):
    answers = client.ask(wire.Logs())
    waiting = threading.Thread(target=lambda: loop.next_follower()(_line()))
    waiting.start()
    assert next(answers).text == "x\n"
    waiting.join(PATIENCE)
    answers.close()
    assert loop.next_follower() is None


def _line():
    from tests.control.conftest import batch  # noqa: PLC0415

    return batch("api", b"x\n")


def test_a_run_folder_deeper_than_a_socket_address_is_reached(tmp_path, loop):
    """A Unix address holds 107 bytes; projects lie deeper."""
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    with serving(folder, loop):
        assert isinstance(Client(folder).tell(wire.Ping()), wire.Pong)
