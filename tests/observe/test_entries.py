"""Entries: one JSON object a line, in the launcher's own log and on a terminal that is asked for them."""

from __future__ import annotations

import json
import os

import pytest

from launcher.errors import PortTaken, ProblemsFound, UnknownService
from launcher.observe import entries
from launcher.observe.console import Console
from launcher.observe.hub import Batch
from launcher.observe.ownlog import OwnLog
from launcher.observe.redact import Redactor
from launcher.observe.styles import Json
from launcher.orchestrator.events import Probed, RestartAsked, SnapshotAsked, Verdict, WaitAsked
from launcher.orchestrator.orders import Run
from launcher.orchestrator.snapshot import Changed, Noted, Reason, State
from launcher.profile.model import Level, Levels, Log

AT = 1_795_493_106.1234
TIME = "2026-11-24T04:05:06.123Z"
EVERYTHING = Log(level=Level.DEBUG)


def change(before, state, reason="", **more):
    return Changed(
        instance="api.1", service="api", label="api", generation=2, before=before, state=state,
        reason=Reason(text=reason), at=AT, **more,
    )  # fmt: skip


def ready(**more):
    return change(State.STARTING, State.READY, "HTTP 200 OK", pid=7, **more)


def spells(level, event, **more):
    return {"level": level, "event": event, **more}


OF_NEWS = [
    # (the news, what the entry says beside time, component, service, instance and generation)
    (change(State.WAITING, State.STARTING, "asked for"), spells("info", "starting", message="asked for")),
    (change(State.STARTING, State.STARTING, "asked for", pid=7), spells("info", "spawned", pid=7)),
    (ready(), spells("info", "ready", pid=7, message="HTTP 200 OK")),
    (change(State.READY, State.UNHEALTHY, "HTTP 503"), spells("warning", "unhealthy", message="HTTP 503")),
    (change(State.READY, State.BACKOFF, "x", exit_code=3), spells("warning", "backoff", exit_code=3, message="x")),
    (change(State.STARTING, State.FAILED, "E3001 x"), spells("error", "failed", code="E3001", message="E3001 x")),
    (change(State.WAITING, State.SKIPPED, "db failed"), spells("error", "skipped", message="db failed")),
]


@pytest.mark.parametrize(("news", "expected"), OF_NEWS, ids=[row[1]["event"] for row in OF_NEWS])
def test_a_change_is_one_entry(news, expected):
    """Event, level and code follow from the change; what does not apply is left out."""
    same = {"time": TIME, "component": "loop", "service": "api", "instance": "api.1", "generation": 2}
    assert json.loads(entries.encode(entries.of_change(news))) == same | expected


def test_errors_are_entries_with_code_and_remedy():
    """Each of several is one."""
    found = entries.of_error(ProblemsFound([PortTaken("taken"), UnknownService("unknown", remedy="Look.")]), AT)
    assert [(entry.code, entry.message, entry.level) for entry in found] == [
        (f"E{PortTaken.code}", "taken", Level.ERROR),
        (f"E{UnknownService.code}", "unknown", Level.ERROR),
    ]
    assert found[1].remedy == "Look."


def test_output_becomes_one_object_a_line():
    """Also what is empty, no UTF-8, or full of JSON's own signs."""
    batch = Batch(Run("api.1", 3), "api", b'one\n\n"\\ \xff\x1b\n', AT)
    assert [json.loads(line) for line in entries.of_output(batch).splitlines()] == [
        {
            "time": TIME, "level": "info", "event": "output", "service": "api", "instance": "api.1",
            "message": text, "generation": 3,
        }
        for text in ("one", "", '"\\ \ufffd\x1b')
    ]  # fmt: skip


LEVELS = [
    # (what, the settings, the events that are written of: a failed check, a request, a waiting, a note, an error)
    ("usual", Log(), ["restart", "waiting", "note", "error"]),
    ("everything", EVERYTHING, ["failed", "restart", "waiting", "note", "error"]),
    ("one component more", Log(levels=Levels(probes=Level.DEBUG)), ["failed", "restart", "waiting", "note", "error"]),
    ("one component less", Log(levels=Levels(control=Level.ERROR)), ["waiting", "note", "error"]),
    ("the loop's warnings", Log(levels=Levels(loop=Level.WARNING)), ["restart", "note", "error"]),
    ("errors only", Log(level=Level.ERROR), ["error"]),
]


@pytest.fixture
def log(writer, tmp_path):
    def make(settings=EVERYTHING, *secrets):
        redactor = Redactor()
        redactor.learn(secrets)
        return OwnLog(writer, tmp_path, settings=settings, redaction=redactor, note=pytest.fail, wall=lambda: AT)

    return make


@pytest.fixture
def written(writer, tmp_path):
    def read():
        assert writer.flush(5)
        return [json.loads(line) for line in (tmp_path / "launcher.log").read_bytes().splitlines()]

    return read


@pytest.mark.parametrize(("settings", "events"), [row[1:] for row in LEVELS], ids=[row[0] for row in LEVELS])
def test_levels_decide_what_is_written(log, written, settings, events):
    """One for all, and one for each component in its place; whatever is heard goes on to who it is for."""
    made, posted = log(settings), []
    asked = RestartAsked(services=("api",), by="restarted by command", reply=lambda _: None)
    verdict = Probed("api.1", 2, Verdict(ok=False, answer="HTTP 503", took=0.25))
    made.hearing_checks(posted.append)(verdict)
    made.hearing_requests(posted.append)(asked)
    made(change(State.PENDING, State.WAITING, "asked for"))
    made(Noted(text="patience", warning=True))
    made.fail(PortTaken("taken"))
    assert [entry["event"] for entry in written()] == events
    assert posted == [verdict, asked]


def test_what_is_only_asked_is_no_request(log, tmp_path, writer):
    """A look changes nothing."""
    hear = log().hearing_requests(lambda _: None)
    hear(SnapshotAsked(lambda _: None))
    hear(WaitAsked(reply=lambda _: None))
    assert writer.flush(5)
    assert not (tmp_path / "launcher.log").exists()


def test_the_log_holds_no_secret(log, written):
    """What comes from probes, commands and errors was not redacted before."""
    made = log(EVERYTHING, "hunter2")
    made.hearing_checks(lambda _: None)(Probed("api.1", 2, Verdict(ok=True, answer="got hunter2", took=0.25)))
    asked = RestartAsked(services=("api",), by="by hunter2", reply=lambda _: None)
    made.hearing_requests(lambda _: None)(asked)
    made.say("words of hunter2")
    made.fail(PortTaken("taken by hunter2"))
    assert [entry["message"] for entry in written()] == [
        "got ***",
        "restart api: by ***",
        "words of ***",
        "taken by ***",
    ]
    assert written()[0]["took"] == 0.25


def test_the_log_is_rotated_by_size(log, written, tmp_path):
    """As many files are kept as the profile says, and no line is torn."""
    made = log(Log(size=2000, keep=3))
    for number in range(100):
        made.say(f"line {number}")
        written()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["launcher.log", "launcher.log.1", "launcher.log.2", "launcher.log.3"]
    for path in tmp_path.iterdir():
        assert path.stat().st_size <= 2000
        assert all(json.loads(line)["event"] == "note" for line in path.read_bytes().splitlines())


def test_a_terminal_gets_nothing_but_objects(writer, tmp_path):
    """Output, words, changes, and the error that closes a start-up; a start is told before its output."""
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    console = Console(writer, Json(Log()), descriptor=out, wall=lambda: AT)
    console.print(Batch(Run("api.1", 2), "api", b"hello\n", AT))
    console(change(State.WAITING, State.STARTING, "asked for"))
    console(change(State.STARTING, State.STARTING, "asked for", pid=7))
    console(ready())
    console.system("all ready")
    assert console.fail(PortTaken("taken"))
    console.close()
    os.close(out)
    found = [json.loads(line) for line in (tmp_path / "out").read_bytes().splitlines()]
    assert [entry["event"] for entry in found] == ["starting", "spawned", "output", "ready", "note", "error"]
    assert {entry["time"] for entry in found} == {TIME}
