"""What each endpoint answers, and that a command's answer is the state reached."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from launcher.control.endpoints import ENDPOINTS
from launcher.control.openapi import document, markdown
from launcher.errors import CommandRefused
from launcher.orchestrator.events import CheckAsked, Outcome, RestartAsked, StartAsked, StopAsked, WaitAsked
from launcher.orchestrator.snapshot import State
from tests.control.conftest import PATIENCE
from tests.e2e.project import ROOT

LOOKS = {
    "/status": (200, lambda found: [one["name"] for one in found["instances"]] == ["api.1", "worker.1"]),
    "/status?service=api": (200, lambda found: len(found["instances"]) == 1),
    "/services/worker": (200, lambda found: found["instances"][0]["state"] == "ready"),
    "/health": (200, lambda found: found == {"ok": True, "level": "ready", "missing": []}),
    "/health?level=alive": (200, lambda found: found["ok"]),
    "/history?since=1h": (200, lambda found: found == {"asked": 0, "since": 3600.0}),
    "/graph": (200, lambda found: [one["service"] for one in found["services"]] == ["api", "worker"]),
    "/timeline": (200, lambda found: found["took"] == 2.0),
    "/profile": (200, lambda found: found["env"] == {"API_TOKEN": "***"}),
    "/openapi.json": (200, lambda found: found["openapi"] == "3.1.0"),
    "/status?service=apy": (404, lambda found: found["code"] == 2003 and "did you mean `api`" in found["detail"]),
    "/services/nobody": (404, lambda found: found["code"] == 2003),
    "/nowhere": (404, lambda found: found["code"] == 9013),
    "/status?servce=api": (400, lambda found: "did you mean `service`" in found["detail"]),
    "/health?level=high": (400, lambda found: "expected alive or ready" in found["detail"]),
    "/health?level=alive&level=ready": (400, lambda found: "given 2 times" in found["detail"]),
    "/history?since=soon": (400, lambda found: found["code"] == 9004),
    "/logs?lines=-1": (400, lambda found: "a whole number from 0 on" in found["detail"]),
    "/services/api/start": (405, lambda found: found["code"] == 9014 and "POST" in found["detail"]),
}


@pytest.mark.parametrize("target", LOOKS)
def test_looking(http_to, target):
    """Each endpoint, and what is refused, as a problem after RFC 9457."""
    status, holds = LOOKS[target]
    answer = http_to("GET", target)
    found = json.loads(answer.read())
    assert answer.status == status
    assert holds(found), found
    if status >= 400:
        assert answer.getheader("content-type") == "application/problem+json"
        assert {"type", "title", "status", "detail", "code", "remedy"} <= found.keys()


def test_health_tells_who_is_missing(http_to, loop):
    """With 503, so that whoever looks at nothing else knows."""
    loop.states["worker"] = State.BACKOFF
    answer = http_to("GET", "/health")
    assert answer.status == 503
    assert json.loads(answer.read())["missing"] == ["worker is backoff (for a test)"]


COMMANDS = {
    "/services/api/start": (StartAsked, ("api",)),
    "/services/api/stop": (StopAsked, ("api",)),
    "/services/api/restart?force=true": (RestartAsked, ("api",)),
    "/start?service=api&service=worker": (StartAsked, ("api", "worker")),
    "/restart": (RestartAsked, ()),
    "/stop": (StopAsked, ()),
}


@pytest.mark.parametrize("target", COMMANDS)
def test_a_command_is_answered_with_the_state_reached(http_to, loop, target):
    """Not before the loop has said how it ended."""
    kind, services = COMMANDS[target]

    def answer() -> None:
        command = loop.next()
        assert isinstance(command, kind)
        assert command.services == services
        loop.states["api"] = State.COMPLETED
        command.reply(Outcome(ok=True, lines=("api is completed",)))

    thread = threading.Thread(target=answer)
    thread.start()
    found = json.loads(http_to("POST", target).read())
    thread.join(PATIENCE)
    assert found["ok"]
    assert found["lines"] == ["api is completed"]
    assert found["instances"][0]["state"] == "completed"


@pytest.mark.parametrize(("target", "kind"), [("/probe", CheckAsked), ("/wait?service=api", WaitAsked)])
def test_questions_that_take_their_time(http_to, loop, target, kind):
    """Asked with GET, answered by the loop."""
    thread = threading.Thread(target=lambda: (command := loop.next(), command.reply(Outcome(ok=True)))[1])
    thread.start()
    assert http_to("GET", target).status == 200
    thread.join(PATIENCE)
    assert kind is not None


def test_a_refusal_is_a_problem(http_to, loop):
    """With the launcher's own code, the remedy and a terminal's exit status."""
    thread = threading.Thread(
        target=lambda: loop.next().reply(Outcome(ok=False, error=CommandRefused("no", remedy="Do this.")))
    )
    thread.start()
    answer = http_to("POST", "/restart")
    found = json.loads(answer.read())
    thread.join(PATIENCE)
    assert (answer.status, found["code"], found["remedy"], found["exit_status"]) == (409, 2010, "Do this.", 1)


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_waiting_is_bounded(http_to, loop, accept):
    """Then it tells what is missing, and the command goes on."""
    loop.states["worker"] = State.STARTING
    answer = http_to("POST", "/start?wait=0.05", Accept=accept)
    text = answer.read().decode()
    assert "not ready within 0.05 s: worker is starting (for a test)" in text
    assert answer.status == (504 if accept == "*/*" else 200)


def test_the_document_and_the_page_are_those_of_the_table():
    """docs/api.md is made by `openapi.markdown`; every reference of the document leads somewhere."""
    assert (ROOT / "docs/api.md").read_text(encoding="utf-8") == markdown()
    made = document()
    assert {(path, method) for path, item in made["paths"].items() for method in item} == {
        (endpoint.path, endpoint.method.lower()) for endpoint in ENDPOINTS
    }
    text = json.dumps(made)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= made["components"]["schemas"].keys()


@pytest.mark.parametrize(
    "sent", [b"\x00\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET /status HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000]
)
def test_what_is_no_request_costs_its_sender_the_connection(server, tmp_path, client, sent):
    """And nobody else anything."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(tmp_path / "control.sock"))
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    assert client.status().profile == "dev"
