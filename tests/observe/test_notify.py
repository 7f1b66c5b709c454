"""Notices reach a real command and a real server, one at a time, and hold nothing up."""

import json
import os
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue

import pytest

from launcher.engines.children import LocalChildren
from launcher.engines.reader import Reader
from launcher.observe import notify
from launcher.observe.journal import Journal
from launcher.observe.notify import Notifier, Undelivered, by_command, by_url
from launcher.orchestrator.snapshot import State
from launcher.profile.model import Notice, Notify
from tests.conftest import wait_until
from tests.observe.changes import changed

DEFAULT = Notify().on


@pytest.fixture
def journal():
    return Journal(wall=time.time)


@contextmanager
def telling(journal, deliver, wanted=DEFAULT, **options):
    """A notifier in a thread of its own; gives what it said of itself."""
    said = []
    made = Notifier(
        journal, wanted, lambda: deliver, profile="dev", project="/shop", note=said.append, soon=0.001, **options
    )
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield said
    finally:
        made.stop()
        thread.join(20)
        assert not thread.is_alive()


#: What happens -> the changes (an instance's states, with the reason where it matters), and what is told by default.
TOLD = {
    "a start": (("waiting", "starting", "ready"), []),
    "a fall and recovery": (("ready", "unhealthy", "ready"), ["unhealthy", "recovered"]),
    "a crash": (("ready", "backoff", "waiting", "starting", "ready"), ["recovered"]),
    "failed for good": (("ready", "failed"), ["failed"]),
    "it keeps failing": (("ready", "failed: exited; circuit open after 6 failures"), ["circuit"]),
    "a trial start": (("failed: circuit open", "starting", "ready"), ["circuit", "recovered"]),
    "a stop": (("ready", "stopping", "stopped", "waiting", "starting", "ready"), []),
    "down and stopped": (("unhealthy", "stopping", "stopped", "waiting", "starting", "ready"), ["unhealthy"]),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_is_told(journal, what):
    """Each change once, as what it means most."""
    states, expected = TOLD[what]
    found = []
    with telling(journal, found.append):
        before = "pending"
        for text in states:
            state, _, reason = text.partition(": ")
            journal(changed(before, state, reason=reason))
            before = state
    assert [message.event for message in found] == expected


def test_only_what_is_wanted(journal):
    """A circuit that opens is a failure, to those who did not ask for circuits."""
    found = []
    with telling(journal, found.append, [Notice.FAILED, Notice.READY]):
        journal(changed("ready", "failed", reason="circuit open"))
        journal(changed("failed", "starting"))
        journal(changed("starting", "ready"))
        journal(changed("ready", "stopping"))
    assert [message.event for message in found] == ["failed", "ready"]


def test_every_state_has_a_name():
    """Whatever can be entered can be told of, but for what is no news."""
    assert set(State) - {Notice(name) for name in Notice} == {"pending", "waiting"}


def test_tried_again(journal):
    """Until it is taken, and in order."""
    found, tries = [], []

    def deliver(message):
        tries.append(message.event)
        if len(tries) < 4:
            raise Undelivered("busy")
        found.append(message.event)

    with telling(journal, deliver) as said:
        journal(changed("ready", "unhealthy"))
        journal(changed("unhealthy", "ready"))
        wait_until(lambda: len(found) == 2)
    assert tries == ["unhealthy"] * 4 + ["recovered"]
    assert said == []


@pytest.mark.parametrize(
    ("problem", "tries", "told"),
    [
        (Undelivered("h answered 503"), notify.TRIES, "h answered 503"),
        (Undelivered("h answered 404", lasting=True), 1, "h answered 404"),
        (ValueError("may quote anything"), notify.TRIES, "ValueError"),
    ],
)
def test_given_up(journal, problem, tries, told):
    """It is said, and the next one is told."""
    found = []

    def deliver(message):
        found.append(message.event)
        if message.event == "unhealthy":
            raise problem

    with telling(journal, deliver) as said:
        journal(changed("ready", "unhealthy"))
        journal(changed("unhealthy", "ready"))
        wait_until(lambda: "recovered" in found)
    assert found == ["unhealthy"] * tries + ["recovered"]
    assert said == [f"notices: could not tell that api unhealthy: {told}"]


def test_a_slow_taker_holds_nobody_up_and_the_oldest_are_dropped(journal):
    """The loop goes on; how many were dropped is said."""
    go, found = threading.Event(), []

    def deliver(message):
        found.append(message.at)
        go.wait(20)

    with telling(journal, deliver, most=3) as said:
        journal(changed("ready", "failed", at=0))
        wait_until(lambda: found)
        since = time.monotonic()
        for at in range(1, 11):
            journal(changed("ready", "failed", at=at))
        assert time.monotonic() - since < 1
        go.set()
        wait_until(lambda: said)
    assert [at - found[0] for at in found] == [0, 8, 9, 10]
    assert said == ["notices: 7 were dropped: more came than could be delivered"]


def test_the_end_waits_for_no_second_try(journal):
    """What waits is tried once."""
    tried = SimpleQueue()

    def deliver(message):
        tried.put(message.event)
        raise Undelivered("away")

    said = []
    made = Notifier(journal, DEFAULT, lambda: deliver, profile="", project="", note=said.append, soon=1000)
    thread = threading.Thread(target=made.run)
    thread.start()
    journal(changed("ready", "unhealthy"))
    journal(changed("unhealthy", "failed"))
    tried.get(timeout=20)
    made.stop()
    thread.join(20)
    assert tried.get(timeout=20) == "failed"
    assert len(said) == 2


def test_secrets_are_not_told(journal):
    """What is told of a service may quote its output."""
    found = []
    with telling(journal, found.append, redact=lambda text: text.replace("hush", "***")):
        journal(changed("ready", "unhealthy", reason="answered hush"))
    assert found[0].reason == "answered ***"


class Taker(BaseHTTPRequestHandler):
    """Takes what is posted, and answers as its server says."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, self.headers["Content-Type"], json.loads(body)))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Taker) as made:
        made.taken, made.answers = [], []
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def url(server, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    return f"http://127.0.0.1:{server.server_port}/hooks/hush"


@pytest.mark.slow
def test_posted(journal, server, url):
    """As JSON, with all that is known of the change."""
    with telling(journal, by_url(url, timeout=5)):
        journal(changed("ready", "failed", reason="exited with code 3", exit_code=3))
        wait_until(lambda: server.taken)
    ((path, kind, body),) = server.taken
    assert (path, kind) == ("/hooks/hush", "application/json")
    assert body["event"] == body["state"] == "failed"
    assert (body["service"], body["reason"], body["exit_code"]) == ("api", "exited with code 3", 3)
    assert (body["profile"], body["project"]) == ("dev", "/shop")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([503, 429, 408, 200], ""),
        ([404], "answered 404"),
        ([302], "answered 302"),
        ([500] * notify.TRIES, "answered 500"),
    ],
)
def test_what_a_server_answers(journal, server, url, answers, told):
    """What may pass is tried again; what will not is given up; no redirect is followed."""
    server.answers += answers
    taken = len(answers)
    with telling(journal, by_url(url, timeout=5)) as said:
        journal(changed("ready", "failed"))
        wait_until(lambda: len(server.taken) == taken and (said or not told))
    assert [told in line and "hush" not in line for line in said] == [True] * bool(told)
    assert len(server.taken) == taken


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "told"), [("http://127.0.0.1:1/hush", "127.0.0.1:1 does not answer"), ("http://:/hush", "is no URL")]
)
def test_nobody_there(journal, monkeypatch, address, told):
    """No sentence shows the path, which may be a password."""
    monkeypatch.setenv("NO_PROXY", "*")
    with telling(journal, by_url(address, timeout=5)) as said:
        journal(changed("ready", "failed"))
        wait_until(lambda: said)
    assert told in said[0]
    assert "hush" not in said[0]


@pytest.fixture
def children():
    """Commands as the launcher runs them."""
    reader = Reader()
    yield LocalChildren(reader, identity="me")
    reader.close()


@pytest.mark.slow
def test_told_to_a_command(journal, children, tmp_path):
    """JSON on its standard input, the same in variables; one at a time."""
    command = (
        "cat >> json; echo $LAUNCHER_EVENT $LAUNCHER_SERVICE $LAUNCHER_EXIT_CODE: $LAUNCHER_REASON >> said; pwd >> said"
    )
    deliver = by_command(children, command, environ=os.environ, directory=str(tmp_path), timeout=20)
    with telling(journal, deliver) as said:
        journal(changed("ready", "failed", reason="killed 'by' $(me)", exit_code=-9))
        journal(changed("failed", "ready"))
    assert (tmp_path / "said").read_text().splitlines() == [
        "failed api -9: killed 'by' $(me)", str(tmp_path), "recovered api : for a test", str(tmp_path),
    ]  # fmt: skip
    told = [json.loads(line) for line in (tmp_path / "json").read_text().splitlines()]
    assert [(one["event"], one["label"]) for one in told] == [("failed", "api"), ("recovered", "api")]
    assert said == []


@pytest.mark.slow
def test_the_longest_notice_fits_into_the_pipe(journal, children, tmp_path):
    """A command that reads nothing ends all the same."""
    deliver = by_command(children, "wc -c > size", environ=os.environ, directory=str(tmp_path), timeout=20)
    with telling(journal, deliver) as said:
        journal(changed("ready", "failed", reason="é\x01" * 10_000))
    assert int((tmp_path / "size").read_text()) > 1000
    deliver = by_command(children, "exit 0", environ=os.environ, directory=str(tmp_path), timeout=20)
    with telling(journal, deliver) as said:
        journal(changed("ready", "failed", reason="x" * 10_000))
    assert said == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo one; echo no mail >&2; exit 3", "the command ended with code 3: no mail"),
        ("no-such-command", "the command ended with code 127"),
        ("exec sleep 600", "the command took longer than 0.05 s"),
    ],
)
def test_commands_that_fail(journal, children, tmp_path, command, told):
    """The last thing it printed says why."""
    timeout = 0.05 if "sleep" in command else 20
    deliver = by_command(children, command, environ=os.environ, directory=str(tmp_path), timeout=timeout)
    with telling(journal, deliver) as said:
        journal(changed("ready", "failed"))
        wait_until(lambda: said)
    assert told in said[0]
