"""Every endpoint: what it answers, and what it refuses."""

from __future__ import annotations

import pytest

from launcher.control.api import BY
from launcher.control.endpoints import ENDPOINTS
from launcher.errors import CATALOGUE, CommandRefused, WaitTimeout
from launcher.orchestrator.events import CheckAsked, Outcome, RestartAsked, StartAsked, StopAsked, WaitAsked
from launcher.orchestrator.snapshot import State
from tests.control.conftest import Connection, changed

# Request -> HTTP's status, the code, a part of the sentence.
REFUSED = {
    "an unknown path": ("GET", "/statis", 404, 9013, "there is no /statis here, did you mean `/status`?"),
    "a path below": ("GET", "/status/", 404, 9013, "/status/"),
    "an unknown service": ("GET", "/services/dbb", 404, 2003, 'no service "dbb", did you mean `db`?'),
    "a service of a filter": ("GET", "/status?service=db&service=x", 404, 2003, 'no service "x"'),
    "a service of a stream": ("GET", "/events?service=x", 404, 2003, 'no service "x"'),
    "a service of logs": ("GET", "/logs?service=x", 404, 2003, 'no service "x"'),
    "a service of a command": ("POST", "/services/x/stop", 404, 2003, 'no service "x"'),
    "services of a command": ("POST", "/restart?service=x", 404, 2003, 'no service "x"'),
    "a service that is a path": ("GET", "/services/..%2Fdb", 404, 9013, "there is no /services/../db"),
    "a method": ("POST", "/status", 405, 9014, "/status takes GET, HEAD, not POST"),
    "a look that would command": ("GET", "/stop", 405, 9014, "/stop takes POST, not GET"),
    "a verb of nobody's": ("FROB", "/status", 405, 9014, "not FROB"),
    "OPTIONS: there is no CORS": ("OPTIONS", "/status", 405, 9014, "not OPTIONS"),
    "an unknown parameter": ("GET", "/status?servic=db", 400, 9004, "takes no `servic`, did you mean `service`?"),
    "a parameter of the path": ("GET", "/services/db?name=api", 400, 9004, "takes no `name`"),
    "twice": ("GET", "/wait?wait=1&wait=2", 400, 9004, "wait: given 2 times"),
    "no level": ("GET", "/health?level=best", 400, 9004, 'level: expected alive or ready, got "best"'),
    "no number": ("GET", "/logs?lines=ten", 400, 9004, 'lines: expected a whole number, got "ten"'),
    "a negative number": ("GET", "/logs?lines=-1", 400, 9004, "lines: expected a whole number from 0 on"),
    "no duration": ("GET", "/history?since=yesterday", 400, 9004, "since: "),
    "a negative duration": ("GET", "/wait?wait=-1", 400, 9004, "wait: expected a time from 0 seconds on"),
    "an endless duration": ("GET", "/wait?wait=inf", 400, 9004, "wait: expected a time"),
    "no number at all": ("GET", "/wait?wait=nan", 400, 9004, "wait: expected a time"),
    "no truth": ("POST", "/restart?force=perhaps", 400, 9004, 'force: expected true or false, got "perhaps"'),
    "a long value is cut": ("GET", f"/health?level={'x' * 5000}", 400, 9004, f'got "{"x" * 40}"'),
    "bytes that are no UTF-8": ("GET", "/services/%ff", 404, 2003, "no service"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_and_how(ask, case):
    """As a problem after RFC 9457, with the code that `launcher explain` knows."""
    method, target, status, code, words = REFUSED[case]
    got, problem = ask(method, target)
    assert (got, problem["status"], problem["code"]) == (status, status, code)
    assert words in problem["detail"]
    assert problem["type"] == f"urn:launcher:error:{code}"
    assert problem["title"] == CATALOGUE[code].title


def test_a_method_refused_names_those_there_are(ask, tmp_path):
    connection = Connection(tmp_path)
    connection.request("DELETE", "/status")
    answer = connection.getresponse()
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    connection.close()


def test_status_is_the_snapshot_of_now(ask, loop):
    assert [one["state"] for one in ask("GET", "/status")[1]["instances"]] == ["ready", "waiting", "ready"]
    loop.set(api=State.STARTING)
    assert [one["state"] for one in ask("GET", "/status")[1]["instances"]] == ["ready", "starting", "ready"]


# A name given -> the instances meant.
MEANT = {"db": ["db.1"], "api": ["api.1", "api.2"], "api.2": ["api.2"]}


@pytest.mark.parametrize("name", MEANT)
def test_a_service_is_named_by_itself_or_by_an_instance(ask, name):
    _, filtered = ask("GET", f"/status?service={name}")
    status, alone = ask("GET", f"/services/{name}")
    assert status == 200
    assert [one["name"] for one in filtered["instances"]] == MEANT[name]
    assert [one["name"] for one in alone["instances"]] == MEANT[name]


def test_health_by_level(ask, loop):
    """`ready` is what stands in front of traffic: 503 names who is missing; `alive` is that the loop answers."""
    assert ask("GET", "/health") == (
        503,
        {"ok": False, "level": "ready", "missing": ["api is waiting (for a test)"]},
    )
    assert ask("GET", "/health?level=alive") == (200, {"ok": True, "level": "alive", "missing": []})
    loop.set(api=State.COMPLETED)
    assert ask("GET", "/health?level=ready") == (200, {"ok": True, "level": "ready", "missing": []})


def test_what_is_handed_on(ask, loop):
    """History, timeline, graph, profile and the document come from where they are kept."""
    assert ask("GET", "/history?service=db&since=1m") == (200, {"services": ["db"], "since": 60.0})
    assert ask("GET", "/timeline")[1]["took"] == 0.5
    layers = {one["service"]: (one["layer"], one["depends_on"]) for one in ask("GET", "/graph")[1]["services"]}
    assert layers["db"] == (0, [])
    assert layers["api"][0] == 1
    assert layers["api"][1][0]["service"] == "db"
    assert set(ask("GET", "/openapi.json")[1]["paths"]) == {endpoint.path for endpoint in ENDPOINTS}
    loop.history_trouble = True
    assert ask("GET", "/history")[0] == 503


def test_the_profile_hides_its_secrets(ask):
    _, plan = ask("GET", "/profile")
    assert "s3cret" not in str(plan)
    assert "***" in str(plan)


def test_metrics_are_text(server, tmp_path):
    connection = Connection(tmp_path)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"launcher_info" in answer.read()
    connection.close()


# Command -> what the loop is asked.
COMMANDS = {
    "/services/db/start": (StartAsked, ("db",), {"named": True, "by": BY}),
    "/services/db/stop": (StopAsked, ("db",), {"by": BY}),
    "/services/api.2/restart": (RestartAsked, ("api.2",), {"force": False, "by": BY}),
    "/services/db/restart?force": (RestartAsked, ("db",), {"force": True}),
    "/start": (StartAsked, (), {"named": False}),
    "/start?service=db&service=api&named=true": (StartAsked, ("db", "api"), {"named": True}),
    "/restart?service=db": (RestartAsked, ("db",), {"force": False}),
    "/stop?service=db": (StopAsked, ("db",), {"by": BY}),
    "/stop": (StopAsked, (), {"by": BY}),
}


@pytest.mark.parametrize("target", COMMANDS)
def test_a_command_is_asked_of_the_loop(ask, loop, target):
    """And answered with the state reached, in either form."""
    kind, services, fields = COMMANDS[target]
    with loop.answering(Outcome(ok=True, lines=("done",))) as taken:
        status, answer = ask("POST", target)
    assert (status, answer["ok"], answer["lines"], answer["status"]) == (200, True, ["done"], 0)
    assert {one["service"] for one in answer["instances"]} == {
        name.partition(".")[0] for name in services or ("db", "api")
    }
    (command,) = taken
    assert (type(command), command.services) == (kind, services)
    assert {name: getattr(command, name) for name in fields} == fields
    with loop.answering(Outcome(ok=True, lines=("done",))):
        stream = ask.stream(target, method="POST")
        assert stream.next()[1:] == ("done", {"ok": True, "lines": ["done"], "status": 0, "culprit": "", "faults": []})
        assert stream.next() is None


@pytest.mark.parametrize(("target", "kind"), [("/wait?service=db", WaitAsked), ("/probe?service=db", CheckAsked)])
def test_a_question_that_takes_its_time(ask, loop, target, kind):
    with loop.answering(Outcome(ok=False, lines=("db: HTTP 500",), status=1)) as taken:
        assert ask("GET", target)[1]["lines"] == ["db: HTTP 500"]
    assert type(taken[0]) is kind


def test_a_command_refused(ask, loop):
    """By the loop, with its reasons: 409; in a stream, the faults of `done`."""
    refused = Outcome(ok=False, error=CommandRefused("cannot restart api: db is stopped"))
    with loop.answering(refused):
        status, problem = ask("POST", "/services/api/restart")
    assert (status, problem["code"], problem["exit_status"]) == (409, 2010, CommandRefused.status)
    with loop.answering(refused):
        _, name, done = ask.stream("/services/api/restart", method="POST").next()
    assert (name, done["ok"], done["faults"][0]["code"]) == ("done", False, 2010)


@pytest.mark.parametrize("target", ["/wait?wait=0.01", "/wait?wait=10ms", "/wait?service=api&wait=0"])
def test_a_wait_is_bounded(ask, loop, target):
    """504 says who is not there yet; the command goes on, and its late answer is nobody's."""
    status, problem = ask("GET", target)
    assert (status, problem["code"], problem["exit_status"]) == (504, 4002, WaitTimeout.status)
    assert "api is waiting (for a test)" in problem["detail"]
    loop.next().reply(Outcome(ok=True))
    stream = ask.stream(target)
    _, name, done = stream.next()
    assert (name, done["ok"], done["faults"][0]["code"]) == ("done", False, 4002)
    assert stream.next() is None


def test_progress_of_a_command_before_its_end(ask, loop):
    """Nothing that it brings about is missed, and nothing told before it repeated."""
    loop.tell(changed("db", State.READY))
    stream = ask.stream("/start", method="POST")
    command = loop.next()
    loop.tell(changed("api", State.STARTING))
    assert stream.next()[2]["news"]["state"] == "starting"
    loop.tell(changed("api", State.READY))
    command.reply(Outcome(ok=True))
    assert stream.names() == ["changed", "done"]


def test_a_command_whose_asker_leaves_goes_on(ask, loop, tmp_path):
    """Its answer is nobody's, and the next is answered."""
    connection = Connection(tmp_path)
    connection.request("POST", "/services/db/restart")
    command = loop.next()
    connection.close()
    command.reply(Outcome(ok=True))
    assert ask("GET", "/health?level=alive")[0] == 200
