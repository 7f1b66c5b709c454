"""The control sockets before and after the first client."""

from __future__ import annotations

import socket
import threading

import pytest

from launcher.control.client import Client
from launcher.control.standby import Standby
from launcher.engines.reader import Reader
from launcher.errors import ApiUnavailable, RunFolderUnusable
from launcher.profile.model import Api


@pytest.fixture
def reader():
    made = Reader()
    yield made
    made.close()


def control_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "control"]


def standby_of(loop, folder, reader, api=None) -> Standby:
    return Standby(folder, api or Api(), sources=lambda: loop.sources, when_readable=reader.when_readable)


def test_nothing_but_a_descriptor_exists_until_a_client_comes(loop, tmp_path, reader):
    """At the end the socket is gone."""
    standby = standby_of(loop, tmp_path, reader)
    standby.open()
    assert control_threads() == []
    reader.close()
    standby.close()
    assert list(tmp_path.iterdir()) == []


def test_the_first_client_is_answered_and_so_is_the_next(loop, tmp_path, reader):
    """The server that its connection brings about takes it, and later ones."""
    standby = standby_of(loop, tmp_path, reader)
    standby.open()
    for _ in range(2):
        assert Client(folder=tmp_path).status().profile == "dev"
    assert control_threads() == ["control"]
    reader.close()
    standby.close()
    assert control_threads() == []


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(loop, tmp_path, reader):
    """The start ends with the sentence of `listen`."""
    with pytest.raises(RunFolderUnusable):
        standby_of(loop, tmp_path / "missing", reader).open()


def test_an_address_that_is_taken_is_told(loop, tmp_path, reader):
    """And the Unix socket does not stay behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        api = Api(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ApiUnavailable, match="cannot listen on"):
            standby_of(loop, tmp_path, reader, api).open()
    assert list(tmp_path.iterdir()) == []
