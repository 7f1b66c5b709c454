"""The merged engine while one host comes in the place of another, said word by word: whatever ends, and when."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from launcher.engines.merged import MergedEngine
from launcher.engines.reader import Reader
from launcher.host import channel_of
from launcher.host.address import beside
from launcher.host.blame import Blame
from launcher.host.component import Ending
from launcher.host.frames import Unpacker, pack
from launcher.orchestrator.events import Exited, Meddled, NotRenewed, Opened, Renewed, Risen, Spawned
from launcher.orchestrator.orders import App, Launch, Run
from launcher.plan.model import Plan
from tests.engines.test_merged_contract import merged
from tests.engines.world import PATIENCE, Events, Memory, plan_of

HOST = Run("host.apps", 1)
NAMES = ("api", "web")
LOST = "host, in which it ran, has ended"


class Host:
    """One that says what it is told to."""

    def __init__(self, path: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.listener.settimeout(PATIENCE)
        self.pipes: dict[str, int] = {}
        self._frames = Unpacker()
        self._heard: list[dict[str, Any]] = []
        self._line: socket.socket | None = None

    @property
    def line(self) -> socket.socket:
        if self._line is None:
            self._line, _ = self.listener.accept()
            self._line.settimeout(PATIENCE)
        return self._line

    def say(self, kind: str, **about: object) -> None:
        self.line.sendall(pack(kind, **about))

    def ended(self, name: str, generation: int, ending: Ending) -> None:
        self.say("ended", name=name, generation=generation, **ending._asdict())

    def hears(self, kind: str) -> str:
        """The next thing it is told, which is of this kind; whom it is about."""
        while not self._heard:
            data, descriptors, _, _ = socket.recv_fds(self.line, 1 << 16, 4)
            assert data, "hung up"
            self._heard += [head for head, _ in self._frames.feed(data)]
            for head, (writing, reading) in zip(self._heard, [descriptors] if descriptors else [], strict=False):
                self.pipes[head["name"]] = writing
                os.close(reading)
        head = self._heard.pop(0)
        assert head["kind"] == kind
        return str(head.get("name", ""))

    def close(self) -> None:
        for pipe in self.pipes.values():
            os.close(pipe)
        self.pipes.clear()
        if self._line is not None:
            self._line.close()
        self.listener.close()


@pytest.fixture
def events() -> Events:
    """Nothing is to be killed afterwards: the process of every host is this one."""
    return Events()


@pytest.fixture
def old(run: Path) -> Iterator[Host]:
    host = Host(channel_of(str(run), "apps"))
    yield host
    host.close()


@pytest.fixture
def new(run: Path) -> Iterator[Host]:
    host = Host(beside(channel_of(str(run), "apps")))
    yield host
    host.close()


@pytest.fixture
def engine(run: Path, reader: Reader, events: Events, sink: Memory, old: Host) -> Iterator[MergedEngine]:
    """It runs two components in the old host."""
    made = MergedEngine(reader=reader, run_folder=str(run))
    made.open(_plan(), events.post, sink)
    old.say("told")
    events.until(Opened)
    for name in NAMES:
        made.start(_launch(name, 1))
        events.until(Spawned)
        assert old.hears("start") == f"{name}.1"
    yield made
    made.close()


@pytest.fixture
def filled(engine: MergedEngine, events: Events, new: Host) -> MergedEngine:
    """Both could serve in the new one, too."""
    for name in NAMES:
        engine.renew(_launch(name, 2, is_beside=True))
        assert new.hears("start") == f"{name}.1"
        new.say("risen", name=f"{name}.1", generation=2)
        assert events.next() == Risen(f"{name}.1", 1)
    return engine


def _plan() -> Plan:
    return merged(plan_of(*NAMES))


def _launch(name: str, generation: int, *, is_beside: bool = False) -> Launch:
    app = App(target="m:app", group="apps", paths=("/",), drain=1, stop_timeout=1, is_beside=is_beside)
    return Launch(instance=f"{name}.1", generation=generation, app=app, directory="/", env={})


def _renewed() -> list[Renewed]:
    return [Renewed("api.1", 1, ""), Renewed("web.1", 1, ""), Renewed("host.apps", 1, "")]


def test_all_come_over_and_the_old_one_is_told_to_leave(
    filled: MergedEngine, events: Events, sink: Memory, old: Host, new: Host
) -> None:
    """What either prints is told as its own; a stop goes to where it runs now."""
    filled.take_place(HOST)
    new.hears("take_place")
    new.say("taken")
    assert [events.next() for _ in range(3)] == _renewed()
    assert old.hears("leave") == ""
    os.write(old.pipes["web.1"], b"old\n")
    os.write(new.pipes["web.1"], b"new\n")
    sink.wait_for(Run("web.1", 1), b"old")
    sink.wait_for(Run("web.1", 2), b"new")
    old.ended("web.1", 1, Ending(0, "", asked=True))
    sink.wait_until(lambda: sink.ended == [Run("web.1", 1)])
    old.close()
    sink.wait_until(lambda: set(sink.ended) == {Run("web.1", 1), Run("api.1", 1)})
    filled.stop(Run("web.1", 2), how=None)  # type: ignore[arg-type]  # there is but one way
    assert new.hears("stop") == "web.1"
    new.close()
    assert {events.until(Exited).generation for _ in NAMES} == {2}


def test_one_that_fails_in_the_new_one_is_told_of_and_the_old_one_hears_nothing(
    filled: MergedEngine, events: Events, sink: Memory, new: Host
) -> None:
    new.say("noted", name="web.1", generation=2, text="changed the umask")
    new.ended("web.1", 2, Ending(1, "it raised", asked=False))
    assert events.next() == Meddled("web.1", 1, "changed the umask")
    assert events.next() == NotRenewed("web.1", 1, "it raised")
    assert sink.ended == [Run("web.1", 2)]
    new.close()
    filled.take_place(HOST)
    assert events.next() == NotRenewed("host.apps", 1, "its new process does not answer")
    filled.stop(Run("api.1", 1), how=None)  # type: ignore[arg-type]  # as above


def test_who_took_the_new_one_along_is_told(filled: MergedEngine, events: Events, new: Host, run: Path) -> None:
    blame = Blame(beside(channel_of(str(run), "apps")))
    blame.settle("api.1", "when it called os._exit(3)")
    new.close()
    assert events.next() == NotRenewed("api.1", 1, "it took its new process along when it called os._exit(3)")
    blame.close()
    assert filled is not None


def test_an_end_while_the_place_is_taken_is_nobodys_business(
    filled: MergedEngine, events: Events, old: Host, new: Host
) -> None:
    """Of one, or of the old process: what has come in the place of those runs."""
    filled.take_place(HOST)
    new.hears("take_place")
    old.ended("web.1", 1, Ending(1, "it raised", asked=False))
    old.close()
    new.say("taken")
    assert [events.next() for _ in range(3)] == _renewed()


def test_an_end_while_the_place_is_taken_is_told_if_the_new_process_ends_too(
    filled: MergedEngine, events: Events, old: Host, new: Host
) -> None:
    filled.take_place(HOST)
    new.hears("take_place")
    old.ended("web.1", 1, Ending(1, "it raised", asked=False))
    old.close()
    new.close()
    assert events.until(NotRenewed) == NotRenewed("host.apps", 1, "its new process does not answer")
    told = [events.until(Exited) for _ in NAMES]
    assert {(one.instance, one.generation, one.why) for one in told} == {("web.1", 1, "it raised"), ("api.1", 1, LOST)}


def test_a_host_that_is_not_there_is_told_of(engine: MergedEngine, events: Events) -> None:
    """Nothing listens beside the old one."""
    engine.renew(_launch("web", 2, is_beside=True))
    assert events.next() == NotRenewed("web.1", 1, "its new process does not answer")
