"""The plugin's end of the line, with supervisord's events and none of its processes: what no timing can hide."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from supervisor import events
from supervisor.states import ProcessStates

from launcher.engines.supervisord.client import Ended, Heard, Printed, Started, Supervisor
from launcher.engines.supervisord.server import Server


class Quick:
    """Programs whose processes print, and end with code 7, before supervisord says that they were started."""

    def __init__(self, process: SimpleNamespace) -> None:
        self._process = process
        self.ends = False

    def all(self) -> list[dict[str, object]]:
        return []

    def shut_down(self, *, failed: bool) -> None:  # noqa: ARG002
        self.ends = True

    def start(self, name: str, environment: dict[str, str]) -> dict[str, object]:  # noqa: ARG002
        self._process.pid, self._process.laststart = 4711, 100.0
        events.notify(events.ProcessLogStdoutEvent(self._process, 4711, "cannot go on\n"))
        self._process.state, self._process.exitstatus = ProcessStates.EXITED, 7
        events.notify(events.ProcessStateExitedEvent(self._process, ProcessStates.RUNNING, expected=False))
        self._process.pid = 0
        return {"fault": 50, "text": "Bad exit code 7"}


@pytest.fixture
def sockets() -> dict[int, object]:
    return {}


@pytest.fixture
def programs() -> Quick:
    return Quick(
        SimpleNamespace(
            config=SimpleNamespace(name="web"), pid=0, state=ProcessStates.STOPPED, laststart=0.0, exitstatus=None
        )
    )


@pytest.fixture
def server(tmp_path: Path, sockets: dict[int, object], programs: Quick) -> Iterator[Server]:
    made = Server(SimpleNamespace(get_socket_map=lambda: sockets), tmp_path, programs)  # type: ignore[arg-type]
    yield made
    made.close()


def heard_by(supervisor: Supervisor, count: int) -> list[Heard]:
    found: list[Heard] = []
    while len(found) < count:
        found += supervisor.hear()
    return found


def called(server: Server, folder: Path) -> Supervisor:
    """An agent that has called."""
    calling = threading.Thread(target=lambda: callers.append(Supervisor(folder)))
    callers: list[Supervisor] = []
    calling.start()
    while not callers:
        server.handle_read_event()
        calling.join(0.01)
    return callers[0]


def read(server: Server, sockets: dict[int, object]) -> None:
    """Have the plugin read what the agent says."""
    next(each for each in sockets.values() if each is not server).handle_read_event()  # type: ignore[attr-defined]


def test_what_an_agent_says_last_is_heard(
    server: Server, sockets: dict[int, object], programs: Quick, tmp_path: Path
) -> None:
    """Though supervisord tells of something before it has read that; and what is printed then, the next one hears."""
    supervisor = called(server, tmp_path)
    supervisor.shut_down(failed=False)
    supervisor.close()
    programs.start("web", {})
    read(server, sockets)
    assert programs.ends
    read(server, sockets)
    assert list(sockets.values()) == [server]
    supervisor = called(server, tmp_path)
    assert [*supervisor.early, *heard_by(supervisor, 1 - len(supervisor.early))] == [
        Printed("web", 4711, b"cannot go on\n")
    ]
    supervisor.close()


def test_one_that_ends_at_once_did_start(server: Server, sockets: dict[int, object], tmp_path: Path) -> None:
    """With its process id, then what it printed, then its end; not a refusal that quotes its exit code."""
    supervisor = called(server, tmp_path)
    supervisor.start("web", {})
    read(server, sockets)
    started, printed, ended = heard_by(supervisor, 3)
    assert isinstance(started, Started)
    assert started.result.pid == 4711  # type: ignore[union-attr]
    assert printed == Printed("web", 4711, b"cannot go on\n")
    assert isinstance(ended, Ended)
    assert (ended.program.pid, ended.program.exit_code) == (4711, 7)
    supervisor.close()
