"""The control socket before and after the first client."""

from __future__ import annotations

import threading
from queue import SimpleQueue

import pytest

from launcher.control import wire
from launcher.control.client import Client
from launcher.control.standby import Standby
from launcher.engines.reader import Reader
from launcher.errors import RunFolderUnusable
from launcher.orchestrator.events import Outcome
from launcher.orchestrator.snapshot import State
from tests.control.conftest import PATIENCE, changed


@pytest.fixture
def reader():
    made = Reader()
    yield made
    made.close()


@pytest.fixture
def standby(tmp_path, loop, reader):
    made = Standby(tmp_path, post=loop.post, follow=loop.follow, when_readable=reader.when_readable)
    made.open()
    return made


def control_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "control"]


def test_nothing_but_a_descriptor_exists_until_a_client_comes(standby, tmp_path, reader):
    """News is nobody's; at the end the socket is gone."""
    assert control_threads() == []
    standby(changed("api", State.READY))
    reader.close()
    standby.close()
    assert list(tmp_path.iterdir()) == []


def test_the_first_client_is_answered_and_so_is_the_next(standby, tmp_path, reader):
    """The server that its connection brings about takes it, and later ones."""
    for _ in range(2):
        assert isinstance(Client(tmp_path).tell(wire.Ping()), wire.Pong)
    assert control_threads() == ["control"]
    reader.close()
    standby.close()
    assert control_threads() == []


def test_news_reaches_the_server_that_has_come_into_being(standby, tmp_path, loop, reader):
    """A client that waits sees the progress."""
    seen: SimpleQueue[object] = SimpleQueue()

    def ask() -> None:
        for answer in Client(tmp_path).ask(wire.Wait()):
            seen.put(answer)

    asker = threading.Thread(target=ask)
    asker.start()
    command = loop.next()
    standby(changed("api", State.READY))
    assert isinstance(seen.get(timeout=PATIENCE), wire.Moved)
    command.reply(Outcome(ok=True))
    asker.join(PATIENCE)
    reader.close()
    standby.close()


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path, loop, reader):
    """The start ends with the sentence of `listen`."""
    standby = Standby(tmp_path / "missing", post=loop.post, follow=loop.follow, when_readable=reader.when_readable)
    with pytest.raises(RunFolderUnusable):
        standby.open()
