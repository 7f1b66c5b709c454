"""One JSON object a line: what goes in comes out equal, and nothing unknown is taken for something known."""

from __future__ import annotations

import pytest

from launcher.control import wire
from launcher.errors import BadRequest, NothingRunning, PortTaken, ProblemsFound, ServiceFailed, StartRolledBack
from launcher.orchestrator.events import Outcome
from launcher.orchestrator.snapshot import Noted, State
from tests.control.conftest import changed, snapshot

REQUESTS = [
    wire.Ping(),
    wire.Status(),
    wire.Start(services=("api", "web"), named=True, follow=True, by="somebody"),
    wire.Stop(services=("api",)),
    wire.Restart(services=("api",), force=True),
    wire.Shutdown(by="somebody"),
    wire.Wait(services=("api",), timeout=1.5),
    wire.Logs(services=("api",)),
]

ANSWERS = [
    wire.Pong(pid=1, version="1"),
    wire.Now(snapshot=snapshot(api=State.READY)),
    wire.Moved(news=changed("api", State.READY)),
    wire.Told(news=Noted(text="two\nlines", warning=True)),
    wire.Output(instance="api.1", label="api", text="ü\n\x1b[31m\n", at=1.5),
    wire.Missed(lines=3),
    wire.Done(ok=False, lines=("a",), status=4, problems=(wire.Problem(code=3004, sentence="s"),)),
    wire.Ended(),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda value: type(value).__name__)
def test_a_request_is_one_line_and_reads_back_equal(request_):
    line = wire.encode(request_)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert wire.decode_request(line) == request_


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda value: type(value).__name__)
def test_an_answer_is_one_line_and_reads_back_equal(answer):
    line = wire.encode(answer)
    assert line.count(b"\n") == 1
    assert wire.decode_answer(line) == answer


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"status",
        b"[]",
        b"{}",
        b'{"do": "dance"}',
        b'{"do": "stop"}',
        b'{"do": "stop", "services": "api"}',
        b'{"do": "start", "servises": ["api"]}',
        b'{"do": "status"} {}',
        b'{"do": "wait", "timeout": -1}',
        b'{"do": "start", "by": "\xff"}',
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(line):
    with pytest.raises(BadRequest, match=r"request not understood: .+"):
        wire.decode_request(line)


def test_the_protocol_ends_where_the_page_says():
    """Each request's last answer; a refusal ends all of them, a followed start only with the launcher."""
    failed, done = wire.Done(ok=False), wire.Done(ok=True)
    assert wire.is_last(wire.Ping(), wire.Pong(pid=1, version=""))
    assert wire.is_last(wire.Logs(), failed)
    assert not wire.is_last(wire.Logs(), done)
    assert wire.is_last(wire.Start(), done)
    assert not wire.is_last(wire.Start(follow=True), done)
    assert wire.is_last(wire.Start(follow=True), wire.Ended())


def test_an_error_arrives_as_the_same_error():
    error = PortTaken("port 80 is taken", where="dev.toml:3", remedy="Free it.")
    back = wire.error_of(wire.done_of(Outcome(ok=False, error=error)))
    assert (type(back), str(back), back.remedy) == (PortTaken, "dev.toml:3: port 80 is taken", "Free it.")


def test_several_errors_arrive_one_by_one():
    back = wire.error_of(wire.refusal(ProblemsFound([ServiceFailed("a"), NothingRunning("b")])))
    assert isinstance(back, ProblemsFound)
    assert [type(problem) for problem in back.problems] == [ServiceFailed, NothingRunning]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome(ok=True), 0),
        (Outcome(ok=False), 1),
        (Outcome(ok=False, status=7), 7),
        (Outcome(ok=False, error=StartRolledBack("x")), 4),
    ],
)
def test_a_failure_never_has_status_0(outcome, status):
    assert wire.done_of(outcome).status == status
