"""What happens, as server-sent events: a snapshot first, then every change, once and in order."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from msgspec.structs import replace

from launcher.control import server as server_module
from launcher.control import streams
from launcher.orchestrator.events import Outcome
from launcher.orchestrator.snapshot import Noted, Reason, State
from tests.control.conftest import PATIENCE, Asking, batch, changed, connect, hung_up, serving


def test_a_snapshot_first_and_then_what_happens(ask, loop):
    """Numbered without a gap, behind what the snapshot knows of."""
    loop.tell(changed("db", State.STARTING))
    stream = ask.stream("/events")
    number, name, data = stream.next()
    assert (number, name, data["snapshot"]["profile"]) == ("e1-1", "snapshot", "dev")
    loop.tell(changed("db", State.READY))
    loop.tell(Noted(text="all ready"))
    number, name, data = stream.next()
    assert (number, name, data["news"]["state"]) == ("e1-2", "changed", "ready")
    number, name, data = stream.next()
    assert (number, name, data["news"]["text"]) == ("e1-3", "noted", "all ready")


def test_of_some_services_only(ask, loop):
    """What else happens is left out, and what is of no service too."""
    stream = ask.stream("/events?service=db")
    stream.next()
    for news in (changed("api", State.READY), Noted(text="x"), changed("db", State.READY)):
        loop.tell(news)
    assert stream.next()[0] == "e1-3"


def test_a_stream_goes_on_behind_the_last_event_seen(ask, loop):
    """Without a gap or a repeat, and without a snapshot."""
    stream = ask.stream("/events")
    stream.next()
    for _ in range(5):
        loop.tell(changed("db", State.READY))
    seen = [stream.next()[0] for _ in range(3)]
    assert seen == ["e1-1", "e1-2", "e1-3"]
    again = ask.stream("/events", after=seen[-1])
    loop.tell(changed("api", State.READY))
    assert [again.next()[:2] for _ in range(3)] == [(f"e1-{number}", "changed") for number in (4, 5, 6)]


@pytest.mark.parametrize("seen", ["e1-0", "e1-35", "e0-90", "e1-101", "e1-", "e1-x", "90", "-1", "e1--1", "e1-٣"])
def test_what_cannot_be_gone_on_with_begins_anew(ask, loop, seen):
    """Too old, of another launcher, of the future, or no number at all."""
    for _ in range(100):
        loop.tell(changed("db", State.READY))
    assert ask.stream("/events", after=seen.encode("utf-8").decode("latin-1")).next()[:2] == ("e1-100", "snapshot")


def large(loop):
    """What the loop answers is more than a socket and uvicorn hold."""
    first, *rest = loop.snapshot.instances
    first = replace(first, reason=Reason(text="x" * 2_000_000))
    loop.snapshot = replace(loop.snapshot, instances=(first, *rest))


def test_who_does_not_read_for_a_while_gets_a_snapshot_of_what_was_missed(ask, loop):
    """And nobody has waited: what happened was told meanwhile."""
    large(loop)
    stream = ask.stream("/events")
    assert stream.answer.readline() == b"id: e1-0\n"
    for _ in range(200):
        loop.tell(changed("db", State.READY))
    assert ask("GET", "/health?level=alive")[0] == 200
    seen = [("e1-0", stream.next()[1])]
    while seen[-1][0] != "e1-200":
        seen.append(stream.next()[:2])
    assert [name for _, name in seen].count("snapshot") >= 2
    numbers = [(int(number.rpartition("-")[2]), name) for number, name in seen]
    assert all(after == before + 1 or name == "snapshot" for (before, _), (after, name) in pairwise(numbers))


@pytest.mark.parametrize("target", ["/events", "/status"])
def test_who_takes_nothing_at_all_is_cut_off(tmp_path, loop, monkeypatch, target):
    """However large the answer: it is not kept for ever."""
    monkeypatch.setattr(server_module, "UNREAD", 0.05)
    monkeypatch.setattr(server_module, "SWEEP", 0.01)
    large(loop)
    with serving(tmp_path, loop), connect(tmp_path) as sock:
        sock.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        taken = len(sock.recv(4096))
        hung_up(sock)
        while data := sock.recv(65536):
            taken += len(data)
        assert taken < 2_000_000


def test_a_quiet_stream_says_now_and_then_that_it_lives(ask, loop, monkeypatch):
    """So that a client that is gone is noticed; a comment is nothing to a client."""
    monkeypatch.setattr(streams, "PULSE", 0.01)
    stream = ask.stream("/events")
    stream.next()
    assert stream.answer.readline() == b"\n"  # behind the snapshot
    assert stream.answer.readline() == b": still here\n"
    loop.tell(changed("db", State.READY))
    assert stream.next()[:2] == ("e1-1", "changed")


def test_logs_of_the_past(ask, tmp_path):
    """The last lines of each, merged, then the end."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "db.1.log").write_text("2026-11-24T04:05:06.000Z one\n2026-11-24T04:05:08.000Z three\n")
    (logs / "api.2.log").write_text("2026-11-24T04:05:07.000Z two\n")
    stream = ask.stream("/logs?lines=1")
    texts = [stream.next()[2]["text"] for _ in range(2)]
    assert texts == ["two\n", "three\n"]
    assert stream.next() is None
    assert ask.stream("/logs?service=api&since=1s").next() is None


def test_logs_that_are_followed(ask, loop):
    """Of the services asked for; leaving ends the subscription."""
    stream = ask.stream("/logs?service=db&follow")
    follower = loop.next_follower()
    follower(batch("api", b"not asked for\n"))
    follower(batch("db", b"one\ntwo \xff\n"))
    assert stream.next() == ("", "output", {"instance": "db.1", "label": "db", "text": "one\ntwo \ufffd\n", "at": 1.5})
    ask.close()
    follower(batch("db", b"noticed at the next write\n"))
    assert loop.next_follower() is None


def test_who_reads_output_too_slowly_is_told_how_much_was_missed(ask, loop):
    """The reader's thread never waits: what does not fit is counted."""
    stream = ask.stream("/logs?follow")
    follower = loop.next_follower()
    for _ in range(200):
        follower(batch("db", b"x" * 50_000 + b"\n"))
    lines, missed = 0, 0
    while lines + missed < 200:
        _, name, data = stream.next()
        missed += data["lines"] if name == "missed" else 0
        lines += data["text"].count("\n") if name == "output" else 0
    assert missed > 0


def test_the_end_is_told_to_everybody(tmp_path, loop):
    """What was told before it arrives first; then `ended`, the end of the stream, and no socket."""
    with serving(tmp_path, loop) as server:
        ask = Asking(tmp_path)
        events, logs, stop = ask.stream("/events"), ask.stream("/logs?follow"), ask.stream("/stop", method="POST")
        events.next()
        command = loop.next()
        loop.next_follower()(batch("db", b"bye\n"))
        loop.tell(changed("db", State.STOPPED))
        loop.over = True
        command.reply(Outcome(ok=True, lines=("all stopped",)))
        server.close()
        assert events.names() == ["changed", "ended"]
        assert logs.names() == ["output", "ended"]
        assert stop.names() == ["changed", "done"]
        assert not (tmp_path / "control.sock").exists()
        ask.close()


def test_a_stop_of_everything_is_answered_with_the_states_reached(tmp_path, loop):
    """Though nobody can be asked any more."""
    with serving(tmp_path, loop) as server:
        ask = Asking(tmp_path)
        got = []
        asker = threading.Thread(target=lambda: got.append(ask("POST", "/stop")))
        asker.start()
        command = loop.next()
        for label in ("db", "api"):
            loop.tell(changed(label, State.STOPPED, at=9.0))
        loop.over = True
        command.reply(Outcome(ok=True))
        server.close()
        asker.join(PATIENCE)
    ((status, answer),) = got
    assert (status, answer["ok"]) == (200, True)
    assert [(one["name"], one["state"], one["since"]) for one in answer["instances"]] == [
        ("db.1", "stopped", 9.0),
        ("api.1", "stopped", 9.0),
        ("api.2", "ready", 1.0),
    ]


def test_what_is_never_answered_is_given_up_at_the_end(tmp_path, loop):
    """A command and a look that the loop did not come to: 503, and a stream ends."""
    with serving(tmp_path, loop) as server:
        ask = Asking(tmp_path)
        got = []
        asker = threading.Thread(target=lambda: got.append(ask("POST", "/start")))
        asker.start()
        loop.next()
        stream = ask.stream("/start", method="POST")
        loop.next()
        server.close()
        asker.join(PATIENCE)
        assert stream.names() == ["ended"]
        ask.close()
    ((status, problem),) = got
    assert (status, problem["code"]) == (503, 9003)


def test_a_reader_that_is_stuck_does_not_hold_up_the_end(tmp_path, loop, monkeypatch):
    """It is cut off when the time for the end is over."""
    monkeypatch.setattr(server_module, "PATIENCE", 0.1)
    large(loop)
    with serving(tmp_path, loop) as server, connect(tmp_path) as sock:
        sock.send(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(10)
        server.close()
        assert not (tmp_path / "control.sock").exists()
