"""Asking a launcher that is there, that is not, that goes away, and that speaks in tongues."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest

from launcher.control import client as client_module
from launcher.control.client import Client
from launcher.errors import BadRequest, LauncherGone, NothingRunning, UnknownService
from tests.control.conftest import PATIENCE, Loop, serving


@contextmanager
def answering(folder, *, says: bytes, closes: bool = True):
    """A launcher that takes one connection, reads, says `says` and closes; or doesn't close before the end."""
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
    """There is no file to connect to."""
    with pytest.raises(NothingRunning):
        Client(folder=tmp_path).status()


def test_a_socket_left_by_a_crash_means_that_nothing_runs(tmp_path):
    """Nobody listens on it."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "control.sock"))
    with pytest.raises(NothingRunning, match="refused"):
        Client(folder=tmp_path).status()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", b"HTTP/1.1 2"])
def test_an_end_before_the_answer_means_that_the_launcher_is_gone(tmp_path, says):
    """However far it had come."""
    with answering(tmp_path, says=says), pytest.raises(LauncherGone):
        Client(folder=tmp_path).status()


def test_another_program_s_answer_is_not_understood(tmp_path):
    """Said in a sentence."""
    says = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with answering(tmp_path, says=says), pytest.raises(BadRequest, match="not understood"):
        Client(folder=tmp_path).status()


def test_a_launcher_that_hangs_is_not_waited_for_without_end(tmp_path, monkeypatch):
    """A look is answered in milliseconds, or never."""
    monkeypatch.setattr(client_module, "PATIENCE", 0.05)
    with answering(tmp_path, says=b"", closes=False), pytest.raises(LauncherGone, match="has not answered for"):
        Client(folder=tmp_path).status()


def test_a_refusal_comes_back_as_the_error_it_was(client):
    """Of its own class, with its remedy."""
    with pytest.raises(UnknownService, match="did you mean `api`"):
        client.get("/status", service="apy")


def test_nobody_listens_at_a_host():
    """A remote launcher that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(LauncherGone, match="no launcher answers"):
            Client(host=f"http://127.0.0.1:{taken.getsockname()[1]}").status()


def test_a_run_folder_deeper_than_a_socket_address_is_reached(tmp_path):
    """A Unix address holds 107 bytes; projects lie deeper."""
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    with serving(Loop(folder)):
        assert Client(folder=folder).status().profile == "dev"
