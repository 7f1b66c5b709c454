"""Streams: a snapshot first, then changes; resumed without a gap or a repeat; ended when the launcher ends."""

from __future__ import annotations

import threading

import pytest

from launcher.control import wire
from launcher.control.client import Client
from launcher.errors import CommandRefused, LauncherGone
from launcher.orchestrator.events import Outcome
from launcher.orchestrator.snapshot import Noted, State
from tests.control.conftest import EPOCH, PATIENCE, changed, serving


class Events:
    """Server-sent events of one answer, one after the other."""

    def __init__(self, answer) -> None:
        self._answer = answer

    def next(self) -> tuple[str, str, wire.AnySent]:
        number = name = ""
        while line := self._answer.readline().decode().rstrip("\n"):
            if line.startswith("id: "):
                number = line[4:]
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = wire.decode_sent(line[6:].encode())
        return number, name, data


def test_a_snapshot_and_then_changes(http_to, loop):
    """Each with its number, which goes on behind what the snapshot knows of."""
    loop.journal(changed("api", State.STARTING))
    events = Events(http_to("GET", "/events"))
    assert events.next()[:2] == (f"{EPOCH}-1", "snapshot")
    loop.journal(changed("api", State.READY))
    number, name, sent = events.next()
    assert (number, name) == (f"{EPOCH}-2", "changed")
    assert isinstance(sent, wire.Moved)
    assert sent.news.state is State.READY


def test_only_the_services_asked_for(http_to, loop):
    """Numbers go on all the same."""
    events = Events(http_to("GET", "/events?service=worker"))
    events.next()
    loop.journal(changed("api", State.READY))
    loop.journal(changed("worker", State.READY))
    assert events.next()[0] == f"{EPOCH}-2"


@pytest.mark.parametrize(
    ("seen", "first"),
    [
        (f"{EPOCH}-2", (f"{EPOCH}-3", "changed")),
        (f"{EPOCH}-4", None),
        ("other-2", (f"{EPOCH}-4", "snapshot")),
        (f"{EPOCH}-99", (f"{EPOCH}-4", "snapshot")),
        ("nonsense", (f"{EPOCH}-4", "snapshot")),
    ],
)
def test_a_stream_is_resumed_behind_what_was_seen(http_to, loop, seen, first):
    """Without a gap or a repeat; where that cannot be, with a snapshot."""
    for _ in range(4):
        loop.journal(changed("api", State.READY))
    events = Events(http_to("GET", "/events", Last_Event_ID=seen))
    if first is None:
        loop.journal(Noted(text="five"))
        first = (f"{EPOCH}-5", "noted")
    assert events.next()[:2] == first


def test_what_is_no_longer_kept_is_a_snapshot(http_to, loop):
    """The ring of this test holds sixteen."""
    for _ in range(40):
        loop.journal(changed("api", State.READY))
    assert Events(http_to("GET", "/events", Last_Event_ID=f"{EPOCH}-3")).next()[1] == "snapshot"


def test_a_command_s_progress_ends_with_how_it_ended(client, loop):
    """What it brings about is seen, from the first change on."""
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(client.restart(["api"])))
    thread.start()
    command = loop.next()
    loop.journal(changed("api", State.STARTING))
    command.reply(Outcome(ok=True, lines=("api is ready",)))
    thread.join(PATIENCE)
    assert [type(sent) for sent in seen] == [wire.Moved, wire.Done]
    assert seen[-1].lines == ("api is ready",)


def test_a_command_that_fails_tells_why(client, loop):
    """As the error that it was, of its own class."""
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(client.start()))
    thread.start()
    loop.next().reply(Outcome(ok=False, error=CommandRefused("no")))
    thread.join(PATIENCE)
    assert isinstance(wire.error_of(seen[-1].faults), CommandRefused)
    assert seen[-1].status == 1


def test_output_is_followed_and_what_was_missed_is_counted(client, loop):
    """A follower that falls behind is told how far."""
    answers = client.logs(["api"])
    seen = []

    def read() -> None:
        for sent in answers:
            seen.append(sent)
            if isinstance(sent, wire.Output) and "last" in sent.text:
                return

    thread = threading.Thread(target=read)
    thread.start()
    while not loop.followers:
        pass
    loop.prints("worker", b"not asked for\n")
    loop.prints("api", b"one\n")
    loop.prints("api", b"the last\n")
    thread.join(PATIENCE)
    assert "".join(sent.text for sent in seen if isinstance(sent, wire.Output)) == "one\nthe last\n"
    answers.close()


def test_at_the_end_streams_say_so_and_the_socket_is_gone(loop, tmp_path):
    """And a command whose end came just before is answered."""
    seen, outcome = [], []
    began = threading.Event()

    def watch() -> None:
        for sent in Client(folder=tmp_path).events():
            seen.append(sent)
            began.set()

    with serving(loop):
        watcher = threading.Thread(target=watch)
        stopper = threading.Thread(target=lambda: outcome.extend(Client(folder=tmp_path).stop()))
        watcher.start()
        assert began.wait(PATIENCE)
        stopper.start()
        loop.next().reply(Outcome(ok=True, lines=("all stopped",)))
    watcher.join(PATIENCE)
    stopper.join(PATIENCE)
    assert isinstance(seen[-1], wire.Ended)
    assert outcome[-1].lines == ("all stopped",)
    assert not (tmp_path / "control.sock").exists()


def test_whoever_still_waits_at_the_end_learns_that_the_launcher_is_gone(loop, tmp_path):
    """Its command was never answered."""
    errors = []

    def wait() -> None:
        try:
            errors.extend(Client(folder=tmp_path).wait())
        except LauncherGone as error:
            errors.append(error)

    with serving(loop):
        waiter = threading.Thread(target=wait)
        waiter.start()
        loop.next()
    waiter.join(PATIENCE)
    assert isinstance(errors[-1], LauncherGone | wire.Ended)
