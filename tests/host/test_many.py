"""Many components in one process: what one does, or what becomes of it, is nothing to the others."""

from __future__ import annotations

import http.client
import json
import os
import socket
from importlib.util import find_spec
from textwrap import dedent

import pytest

from tests.host.hosted import Host, hello

pytestmark = pytest.mark.slow  # each test starts an interpreter with uvicorn


@pytest.fixture
def calm(host):
    """A component that answers; what others do is held against it."""
    return host.start_ready("calm", hello("'calm'"))


ASGI = """
    import asyncio, os, sys

    async def answer(send, body):
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": body}})

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            {start}
            await send({{"type": "lifespan.startup.complete"}})
            await receive()
            {stop}
            await send({{"type": "lifespan.shutdown.complete"}})
        else:
            {request}
            await answer(send, b"answer")
"""


def asgi(start: str = "pass", stop: str = "pass", request: str = "pass") -> str:
    return ASGI.format(start=start, stop=stop, request=request)


FAILS = {
    "its import raises": ("1 / 0", 1, 'importing "bad" raised ZeroDivisionError'),
    "its import calls sys.exit": ("raise SystemExit(4)", 4, "it called sys.exit() while it was imported"),
    "a module it needs is missing": ("import absent", 1, 'importing "bad" failed: there is no module "absent"'),
    "it has no such attribute": ("apps = 1", 1, 'module "bad" has no "app" (did you mean "apps"?)'),
    "its lifespan raises": (
        asgi(start="1 / 0"),
        1,
        "its lifespan failed to start: it raised ZeroDivisionError; its log says more",
    ),
    "its lifespan calls sys.exit": (
        asgi(start="sys.exit(1)"),
        1,
        "its lifespan failed to start: it raised SystemExit; its log says more",
    ),
}


@pytest.mark.parametrize(("source", "code", "why"), FAILS.values(), ids=FAILS)
def test_what_fails_to_start_answers_503(host, calm, source, code, why):
    """It says when to come back, and what is wrong."""
    bad = host.start("bad", source)
    ended = host.ended("bad")
    assert (ended.code, ended.why) == (code, why)
    connection = http.client.HTTPConnection("127.0.0.1", bad.port, timeout=20)
    connection.request("GET", "/")
    answer = connection.getresponse()
    problem = json.loads(answer.read())
    connection.close()
    assert (answer.status, answer.getheader("Retry-After")) == (503, "2")
    assert answer.getheader("Content-Type") == "application/problem+json"
    assert (problem["component"], problem["detail"]) == ("bad", f"bad: {why}")
    assert calm.ask("/").text == "calm"


def test_one_that_failed_is_started_again_in_its_place(host):
    """While it starts it is answered for; then it answers itself."""
    refusing = "import os\nTRY = os.environ['TRY']\nif TRY == '1': raise ValueError\n"
    bad = host.start("bad", refusing + hello("TRY"), TRY="1")
    assert host.ended("bad").why == 'importing "bad" raised ValueError'
    assert bad.ask("/").status == 503
    host.start("bad", "", TRY="2")
    while (answer := bad.ask("/")).status == 503:
        pass
    assert answer.text == "2"


ENDS = {
    "a background task": ("app.task = asyncio.create_task(die(3))", 3),
    "a callback": ("asyncio.get_running_loop().call_soon(sys.exit, 5)", 5),
    "a task, without an error": ("app.task = asyncio.create_task(die())", 0),
}


@pytest.mark.parametrize(("request_", "code"), ENDS.values(), ids=ENDS)
def test_sys_exit_ends_the_component_alone(host, calm, request_, code):
    """In a background task or a callback; a request that calls it is answered with 500."""
    source = "async def die(*code): sys.exit(*code)\n" + dedent(asgi(request=f"if scope['path'] != '/': {request_}"))
    rude = host.start_ready("rude", source)
    rude.ask("/die")
    if "call_soon" in request_ and find_spec("uvloop"):
        assert rude.ask("/").status == 200  # uvloop does not tell whose callback it was: it ends alone
        return
    ended = host.ended("rude")
    assert (ended.code, ended.why.partition("(")[0]) == (code, "it called sys.exit")
    assert calm.ask("/").text == "calm"
    if code:
        assert rude.ask("/").status == 503


@pytest.mark.parametrize("prefix", [None, "/rude"], ids=["its own port", "a shared one"])
def test_what_is_under_way_is_cut_off_when_its_component_dies(host, calm, prefix):
    """Nobody is left to answer it; it would wait for ever."""
    rude = host.start(
        "rude",
        """
        import asyncio, sys

        async def die():
            await asyncio.sleep(0.05)
            sys.exit(3)

        async def app(scope, receive, send):
            assert scope["type"] == "http"
            if scope["path"].endswith("/wait"):
                app.task = asyncio.create_task(die())
                await asyncio.sleep(60)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        """,
        prefix=prefix,
    )
    while rude.ask(f"{prefix or ''}/").status == 503:
        pass
    assert rude.ask(f"{prefix or ''}/wait").status == 500
    assert host.ended("rude").why == "it called sys.exit(3)"
    assert calm.ask("/").text == "calm"


@pytest.mark.parametrize("rude", ["sys.exit(3)", "1 / 0", "raise RecursionError"])
def test_a_request_that_raises_costs_itself_alone(host, calm, rude):
    component = host.start_ready("rude", asgi(request=f"if scope['path'] == '/rude': {rude}"))
    assert component.ask("/rude").status == 500
    assert component.ask("/").text == "answer"
    assert calm.ask("/").text == "calm"
    assert host.measured("rude").errors >= 1


def test_a_lifespan_that_ends_by_itself_ends_the_component(host, calm):
    source = """
        import asyncio

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                app.over = asyncio.Event()
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await app.over.wait()
            else:
                if scope["path"] == "/over":
                    app.over.set()
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b""})
    """
    short = host.start_ready("short", source)
    short.ask("/over")
    ended = host.ended("short")
    assert (ended.code, ended.why) == (1, "its lifespan ended by itself")
    assert short.ask("/").status == 503
    assert calm.ask("/").text == "calm"


def test_neighbours_answer_while_one_is_imported(host, calm):
    """The import waits on a FIFO; meanwhile the event loop turns, and a second import waits its turn."""
    os.mkfifo(host.folder / "gate")
    slow = host.start("slow", f"print('importing')\nopen('{host.folder}/gate').read()\n" + hello("'slow'"))
    slow.says("importing")
    second = host.start("second", hello("'second'"))
    assert calm.ask("/").text == "calm"
    assert not second.output()
    with (host.folder / "gate").open("w"):
        pass
    assert slow.ask("/").text == "slow"
    assert second.ask("/").text == "second"


def test_a_stop_during_the_lifespans_start_cuts_it_off(host):
    host.start("slow", asgi(start="print('waits', flush=True); await asyncio.Event().wait()")).says("waits")
    host.stop("slow")
    assert host.ended("slow").code == 0


def test_a_lifespan_that_hangs_at_the_end_costs_its_own_time(host, calm):
    host.start_ready("hangs", asgi(stop="await asyncio.Event().wait()"), stop_timeout=0.2)
    host.stop("hangs")
    ended = host.ended("hangs")
    assert (ended.code, ended.why) == (1, "its lifespan did not end within 0.2 s")
    assert calm.ask("/").text == "calm"


def test_requests_in_flight_are_finished_when_a_component_stops(host):
    os.mkfifo(host.folder / "gate")
    one = host.start(
        "one", asgi(request=f"print('in flight'); await asyncio.to_thread(lambda: open('{host.folder}/gate').read())")
    )
    with socket.create_connection(("127.0.0.1", one.port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        one.says("in flight")
        host.stop("one")
        one.says("Shutting down")
        with (host.folder / "gate").open("w"):
            pass
        assert client.makefile("rb").read().endswith(b"answer\r\n0\r\n\r\n")
    assert host.ended("one").code == 0


def test_what_stopped_answers_no_more_and_what_comes_waits_for_the_next(host):
    """The socket is the commander's: it goes on listening."""
    one = host.start_ready("one", hello("'first'"))
    host.stop("one")
    assert host.ended("one").code == 0
    with socket.create_connection(("127.0.0.1", one.port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        host.start("one", "")
        assert b"200 OK" in client.makefile("rb").read()


def test_lines_go_to_the_component_that_wrote_them(host):
    """`print` and logging alike, at import, at start, and in requests of both at once; the access log, too."""
    source = """
        import logging
        print("{name} imports")
        logging.basicConfig(format="%(message)s")
        log = logging.getLogger("{name}")
        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                print("{name} starts")
                await send({{"type": "lifespan.startup.complete"}})
                await receive()
            else:
                log.warning("{name} is asked")
                await send({{"type": "http.response.start", "status": 200, "headers": []}})
                await send({{"type": "http.response.body", "body": b""}})
    """
    names = ("red", "blue")
    for name in names:
        host.start_ready(name, source.format(name=name))
    for name in names:
        one = host.components[name]
        one.says('"GET / HTTP/1.1" 200 OK')
        for word in ("imports", "starts", "is asked"):
            assert f"{name} {word}" in one.output()
        other = next(each for each in names if each != name)
        assert other not in one.output()


def test_a_wsgi_app_is_a_component_too(host, calm):
    pytest.importorskip("a2wsgi")
    source = """
        def app(environ, start_response):
            print("asked")
            start_response("200 OK", [])
            return [environ["PATH_INFO"].encode()]
    """
    old = host.start_ready("old", source)
    assert old.ask("/wsgi").text == "/wsgi"
    old.says("asked")
    host.stop("old")
    assert host.ended("old").code == 0
    assert calm.ask("/").text == "calm"


def test_a_factory_makes_the_component(host):
    made = host.start_ready("made", hello("'made'") + "\ndef create(): return app\n", target="create()")
    assert made.ask("/").text == "made"


def test_measures_tell_what_each_has_done(host, calm):
    """Requests, errors and seconds of each; the time that its code kept the loop is its own."""
    busy = host.start_ready("busy", "import time\n" + hello("time.sleep(0.05) or 'busy'"))
    busy.ask("/")
    measured = host.measured("busy")
    assert (measured.requests, measured.errors, measured.under_way) == (2, 0, 0)
    assert measured.seconds >= measured.busy * 0.9 >= 0.09
    assert host.measured("calm").busy < 0.05
    assert calm.ask("/").text == "calm"


def test_sigterm_ends_all_components_and_then_the_process(host, calm):
    host.start_ready("one", asgi(stop="print('ended', flush=True)"))
    assert host.end() == 0
    host.components["one"].says("ended")
    assert host.is_lost()


def test_at_the_deadline_the_process_ends_all_the_same(folder):
    """An import hangs that nothing can interrupt: the rest has ended in time, and the process does."""
    host = Host(folder, grace=1)
    try:
        calm = host.start_ready("calm", asgi(stop="print('ended', flush=True)"))
        stuck = host.start("stuck", "print('hangs')\nimport threading\nthreading.Event().wait()")
        stuck.says("hangs")
        assert host.end() == 1
        calm.says("ended")
        assert host.process.stdout is not None
        assert b"not everything has ended in time" in host.process.stdout.read()
    finally:
        host.close()


def test_the_channel_is_its_owners_alone(host):
    (path,) = host.folder.glob("host-*.sock")
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_component_has_an_environment_of_its_own(host):
    """At its import and in its requests, its threads and its children; the host's variables are not among them."""
    source = "import os, subprocess, threading\nAT_IMPORT = os.environ['WHO']\n" + hello("told()")
    source += dedent(
        """
        def told():
            found = [AT_IMPORT, os.getenv("WHO"), subprocess.check_output(["sh", "-c", "printf $WHO"]).decode()]
            thread = threading.Thread(target=lambda: found.append(os.environ["WHO"]))
            thread.start()
            thread.join()
            return " ".join([*found, str("NOTIFY_SOCKET" in os.environ)])
        """
    )
    for name in ("red", "blue"):
        host.start_ready(name, source, WHO=name, PATH=os.environ["PATH"])
    for name in ("red", "blue"):
        assert host.components[name].ask("/").text == f"{name} {name} {name} {name} False"
