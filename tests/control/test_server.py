"""The control socket of a running launcher, over real Unix sockets; the test plays the loop."""

from __future__ import annotations

import contextlib
import socket
import stat
import threading

import pytest

from launcher.control import connection, wire
from launcher.control.listening import listen
from launcher.errors import BadRequest, LauncherGone, RunFolderUnusable, WaitTimeout
from launcher.orchestrator.events import Outcome, RestartAsked, SnapshotAsked, StartAsked, StopAsked, WaitAsked
from launcher.orchestrator.snapshot import Noted, State
from tests.control.conftest import LAST_START, PATIENCE, batch, changed, serving, snapshot


def test_only_the_owner_reaches_the_socket(server, tmp_path):
    assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600


def test_a_ping_is_answered_without_the_loop(client, loop):
    assert isinstance(client.tell(wire.Ping()), wire.Pong)


def test_status_is_the_loops_snapshot(client, loop):
    answers = client.ask(wire.Status())
    asked = threading.Thread(target=lambda: loop.next().answer(snapshot(api=State.READY)))
    asked.start()
    assert next(answers) == wire.Now(snapshot=snapshot(api=State.READY))
    asked.join(PATIENCE)


def test_the_last_start_is_told_without_the_loop(client, loop):
    assert client.tell(wire.LastStart()) == wire.Timed(timeline=LAST_START)


@pytest.mark.parametrize(
    ("request_", "event", "fields"),
    [
        (wire.Start(services=("api",), named=True, by="me"), StartAsked, {"services": ("api",), "named": True}),
        (wire.Stop(services=("api",), by="me"), StopAsked, {"services": ("api",)}),
        (wire.Restart(services=("api",), force=True, by="me"), RestartAsked, {"services": ("api",), "force": True}),
        (wire.Shutdown(by="me"), StopAsked, {"services": ()}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_command_becomes_the_event_that_says_the_same(raw, loop, request_, event, fields):
    asker = raw()
    asker.send(wire.encode(request_))
    asked = loop.next()
    assert type(asked) is event
    assert {name: getattr(asked, name) for name in fields} == fields
    assert asked.by == "me"
    asked.reply(Outcome(ok=True, lines=("api does",)))
    assert asker.line()["lines"] == ["api does"]


def test_progress_is_told_until_the_outcome(raw, loop, server):
    """Whoever has a command under way hears the news, in order; others hear nothing."""
    asker, other = raw(), raw()
    asker.send(b'{"do": "start"}\n')
    command = loop.next()
    server(changed("api", State.STARTING))
    server(Noted(text="patience"))
    command.reply(Outcome(ok=True))
    server(changed("api", State.UNHEALTHY))
    other.send(b'{"do": "ping"}\n')
    assert [asker.line()["say"] for _ in range(3)] == ["moved", "told", "done"]
    assert other.line()["say"] == "pong"
    asker.send(b'{"do": "ping"}\n')
    assert asker.line()["say"] == "pong"


def test_requests_on_one_connection_wait_for_each_other(raw, loop):
    asker = raw()
    asker.send(b'{"do": "stop", "services": ["a"]}\n{"do": "stop", "services": ["b"]}\n{"do": "ping"}\n')
    first = loop.next()
    first.reply(Outcome(ok=True, lines=("first",)))
    loop.next().reply(Outcome(ok=True, lines=("second",)))
    assert [asker.line().get("lines") for _ in range(3)] == [["first"], ["second"], None]


def test_two_clients_do_not_wait_for_each_other(raw, loop):
    slow, quick = raw(), raw()
    slow.send(b'{"do": "wait"}\n')
    assert isinstance(loop.next(), WaitAsked)
    quick.send(b'{"do": "ping"}\n')
    assert quick.line()["say"] == "pong"


def test_a_wait_that_takes_too_long_says_what_is_missing(client, loop):
    """The loop knows no time-out of a wait; the server asks it what is late and answers in its stead."""

    def play() -> None:
        assert isinstance(loop.next(), WaitAsked)
        asked = loop.next()
        assert isinstance(asked, SnapshotAsked)
        asked.answer(snapshot(api=State.READY, web=State.STARTING))

    player = threading.Thread(target=play)
    player.start()
    error = wire.error_of(client.tell(wire.Wait(timeout=0.01)))
    player.join(PATIENCE)
    assert isinstance(error, WaitTimeout)
    assert str(error) == "not ready within 0.01 s: web is starting (for a test)"


def test_a_late_outcome_answers_no_other_request(raw, loop):
    """After a wait has timed out, what the loop says of it in the end is nobody's answer."""
    asker = raw()
    asker.send(b'{"do": "wait", "timeout": 0}\n')
    wait, look = loop.next(), loop.next()
    look.answer(snapshot(api=State.STARTING))
    assert asker.line()["status"] == 4
    asker.send(b'{"do": "stop", "services": ["api"]}\n')
    stop = loop.next()
    wait.reply(Outcome(ok=True, lines=("the wait",)))
    stop.reply(Outcome(ok=True, lines=("the stop",)))
    assert asker.line()["lines"] == ["the stop"]


# Output --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["api", "api.1"])
def test_a_follower_gets_the_lines_of_the_services_it_named(raw, loop, name):
    asker = raw()
    asker.send(wire.encode(wire.Logs(services=(name,))))
    follow = loop.next_follower()
    follow(batch("web", b"other\n"))
    follow(batch("api", b"one\ntwo \xff\n"))
    assert asker.line() == {"say": "output", "instance": "api.1", "label": "api", "text": "one\ntwo �\n", "at": 1.5}


def test_a_follower_that_leaves_is_forgotten(raw, loop):
    asker = raw()
    asker.send(b'{"do": "logs"}\n')
    assert loop.next_follower() is not None
    asker.close()
    assert loop.next_follower() is None
    assert loop.consumers == ()


def test_a_start_that_follows_gets_output_before_and_after_its_outcome(raw, loop, server):
    asker = raw()
    asker.send(b'{"do": "start", "follow": true}\n')
    follow, command = loop.next_follower(), loop.next()
    follow(batch("api", b"one\n"))
    assert asker.line()["text"] == "one\n"
    command.reply(Outcome(ok=True))
    assert asker.line()["say"] == "done"
    follow(batch("api", b"two\n"))
    assert asker.line()["text"] == "two\n"
    server.close()
    assert [asker.line(), asker.line()] == [{"say": "ended"}, None]


def test_a_follower_that_does_not_read_misses_lines_and_is_told_how_many(raw, loop, monkeypatch):
    """Nothing is kept without bound for it, nobody waits for it, and every line is either sent or counted."""
    monkeypatch.setattr(connection, "BACKLOG", 1 << 16)
    asker, other = raw(), raw()
    asker.send(b'{"do": "logs"}\n')
    follow = loop.next_follower()
    for _ in range(400):
        follow(batch("api", b"x" * 9_999 + b"\n"))
        other.send(b'{"do": "ping"}\n')  # in step with the server, so that it has looked at each batch
        assert other.line()["say"] == "pong"
    shown = missed = 0
    while shown + missed < 400:
        answer = asker.line()
        if answer["say"] == "missed":
            missed += answer["lines"]
        else:
            shown += answer["text"].count("\n")
        follow(batch("web", b""))
    assert missed > 100
    assert shown > connection.BATCHES


# Bad clients ---------------------------------------------------------------------------------------------------


def test_garbage_is_answered_and_the_conversation_goes_on(raw):
    asker = raw()
    asker.send(b"\x00\xffnonsense\n\n" + b'{"do": "dance"}\n' + b'{"do": "ping"}\n')
    answers = [asker.line() for _ in range(4)]
    assert [answer["say"] for answer in answers] == ["done", "done", "done", "pong"]
    assert {answer["problems"][0]["code"] for answer in answers[:3]} == {BadRequest.code}


@pytest.mark.parametrize("tail", [b"", b"\n"])
def test_an_over_long_request_is_refused_and_ends_the_connection(raw, tail):
    asker = raw()
    asker.send(b"x" * (wire.LONGEST_REQUEST + 1) + tail)
    assert "at most 65536 bytes" in asker.line()["problems"][0]["sentence"]
    with contextlib.suppress(ConnectionResetError):  # what was sent and never read resets a Unix socket
        assert asker.line() is None


def test_a_request_of_the_greatest_length_is_read(raw, loop):
    asker = raw()
    request = b'{"do": "ping"}'
    asker.send(request + b" " * (wire.LONGEST_REQUEST - len(request)) + b"\n")
    assert asker.line()["say"] == "pong"


def test_a_request_in_pieces_is_put_together(raw, loop):
    asker = raw()
    for byte in b'{"do": "ping"}\n':
        asker.send(bytes([byte]))
    assert asker.line()["say"] == "pong"


def test_stop_without_names_does_not_stop_everything(raw):
    asker = raw()
    asker.send(b'{"do": "stop", "services": []}\n')
    assert asker.line()["problems"][0]["code"] == BadRequest.code


def test_a_client_that_never_reads_its_progress_is_dropped(raw, loop, server, monkeypatch):
    monkeypatch.setattr(connection, "BACKLOG", 1 << 12)
    deaf, other = raw(), raw()
    deaf.send(b'{"do": "start"}\n')
    command = loop.next()
    for number in range(2_000):
        server(Noted(text="x" * 1_000))
        if number % 100 == 0:
            other.send(b'{"do": "ping"}\n')
            assert other.line()["say"] == "pong"
    command.reply(Outcome(ok=True))
    answers = []
    try:
        while (answer := deaf.line()) is not None:
            answers.append(answer["say"])
    except ValueError:
        pass  # the last line was cut off
    assert len(answers) < 2_000
    assert "done" not in answers


def test_a_client_that_leaves_in_the_middle_costs_nothing(raw, loop, server):
    gone, other = raw(), raw()
    gone.send(b'{"do": "start"}\n')
    command = loop.next()
    gone.close()
    server(changed("api", State.STARTING))
    command.reply(Outcome(ok=True))
    other.send(b'{"do": "ping"}\n')
    assert other.line()["say"] == "pong"


# Beginning and end ---------------------------------------------------------------------------------------------


def test_a_socket_left_by_a_crash_is_replaced(tmp_path, loop):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "control.sock"))
    with serving(tmp_path, loop), socket.socket(socket.AF_UNIX) as asker:
        asker.connect(str(tmp_path / "control.sock"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(RunFolderUnusable, match=r"cannot listen in .*missing"):
        listen(tmp_path / "missing")


def test_the_outcome_of_a_shutdown_arrives_before_the_launcher_is_gone(raw, loop, server):
    asker = raw()
    asker.send(b'{"do": "shutdown"}\n')
    loop.next().reply(Outcome(ok=True, lines=("stopped",)))
    server.close()
    assert asker.line()["lines"] == ["stopped"]
    assert asker.line() is None


def test_whoever_still_waits_at_the_end_learns_that_the_launcher_is_gone(client, loop, server):
    answers = client.ask(wire.Wait())
    closer = threading.Thread(target=lambda: (loop.next(), server.close()))
    closer.start()
    with pytest.raises(LauncherGone):
        next(answers)
    closer.join(PATIENCE)


def test_closing_does_not_wait_for_a_client_that_does_not_read(raw, loop, server):
    deaf = raw()
    deaf.send(b'{"do": "logs"}\n')
    follow = loop.next_follower()
    for _ in range(connection.BATCHES):
        follow(batch("api", b"x" * 50_000 + b"\n"))
    server.close(timeout=0.05)
    assert server._gone.wait(PATIENCE)


def test_news_after_the_end_are_nobodys(loop, tmp_path):
    with serving(tmp_path, loop) as server:
        server.close()
        server(changed("api", State.READY))
        server.close()
