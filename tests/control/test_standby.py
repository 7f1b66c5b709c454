"""The control sockets before and after the first client."""

from __future__ import annotations

import socket
import threading

import pytest

from launcher.control.client import Client
from launcher.control.standby import Standby
from launcher.engines.reader import Reader
from launcher.errors import ApiUnavailable, RunFolderUnusable, VariableUnset
from launcher.profile.model import Api
from tests.control.conftest import connect
from tests.control.test_client import free_port


@pytest.fixture
def reader():
    made = Reader()
    yield made
    made.close()


@pytest.fixture
def stand_by(tmp_path, loop, reader):
    """Make one that listens; closed at the end, as the runtime does it."""
    made = []

    def make(api: Api | None = None) -> Standby:
        made.append(
            Standby(
                tmp_path,
                api or Api(),
                sources=lambda: loop.sources(tmp_path),
                when_readable=reader.when_readable,
                resolve=lambda text: text.replace("${T}", "resolved"),
            )
        )
        made[-1].open()
        return made[-1]

    yield make
    reader.close()
    for each in made:
        each.close()
    assert control_threads() == []
    assert list(tmp_path.iterdir()) == []


def control_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "control"]


def test_nothing_but_a_descriptor_exists_until_a_client_comes(stand_by):
    """And at the end the socket is gone."""
    stand_by()
    assert control_threads() == []


def test_the_first_client_is_answered_and_so_is_the_next(stand_by, loop, tmp_path):
    """The server that its connection brings about takes it, and later ones."""
    stand_by()
    for _ in range(2):
        assert Client(folder=tmp_path).status() == loop.snapshot
    assert control_threads() == ["control"]


def test_over_tcp_with_a_token_from_a_variable(stand_by, loop, tmp_path):
    """Whichever socket is asked first, both are served."""
    port = free_port()
    stand_by(Api(listen=f"127.0.0.1:{port}", token="${T}"))
    assert Client(host=f"http://127.0.0.1:{port}", token="resolved").status() == loop.snapshot
    assert Client(folder=tmp_path).status() == loop.snapshot
    assert control_threads() == ["control"]


def test_clients_that_come_at_once_bring_about_one_server(stand_by, loop, tmp_path):
    """However many they are."""
    stand_by()
    socks = [connect(tmp_path) for _ in range(20)]
    for sock in socks:
        sock.send(b"GET /health?level=alive HTTP/1.1\r\nHost: x\r\n\r\n")
    for sock in socks:
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        sock.close()
    assert control_threads() == ["control"]


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path, loop, reader):
    """The start ends with the sentence of `listen`."""
    standby = Standby(tmp_path / "missing", Api(), sources=lambda: None, when_readable=reader.when_readable)
    with pytest.raises(RunFolderUnusable):
        standby.open()


def test_an_address_that_is_taken_ends_the_start(tmp_path, reader):
    """And leaves no socket in the run folder."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        standby = Standby(tmp_path, Api(listen=address), sources=lambda: None, when_readable=reader.when_readable)
        with pytest.raises(ApiUnavailable, match=f"the API cannot listen on {address}: Address already in use"):
            standby.open()
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_is_not_set_ends_the_start(tmp_path, reader):
    """Before anything listens: never an API without its token."""

    def resolve(text: str) -> str:
        raise VariableUnset("${T} is not set")

    api = Api(listen="127.0.0.1:9", token="${T}")
    standby = Standby(tmp_path, api, sources=lambda: None, when_readable=reader.when_readable, resolve=resolve)
    with pytest.raises(VariableUnset):
        standby.open()
    assert list(tmp_path.iterdir()) == []
