"""Faults of one component with mode "single": each is told in a sentence that names it; its neighbour answers on."""

from __future__ import annotations

import os
import signal
import sys
from http.client import HTTPConnection, IncompleteRead
from textwrap import dedent

import pytest

from tests.e2e.project import eventually, free_ports, is_alive

pytestmark = pytest.mark.slow

PROFILE = """
[launcher]
mode = "single"
ports = "{ports}"
[defaults]
port = "auto"
[services.calm]
app = "calm:app"
[services.rude]
app = "{app}"
required = false
{keys}
"""

#: What differs from it is put into its places.
ASGI = """
import asyncio, os, signal, sys, threading

async def answer(send, body=b"rude"):
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": body}})

{top}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        {stop}
        await send({{"type": "lifespan.shutdown.complete"}})
    elif scope["path"] == "/do":
        {request}
    else:
        await answer(send)
"""
NEVER = 'restart = { policy = "no" }\n'


def asgi(*, top: str = "", start: str = "pass", stop: str = "pass", request: str = "await answer(send)") -> str:
    """The source of an app that does these at its import, its start, its end, and when it is asked for `/do`."""
    return ASGI.format(top=dedent(top), start=start, stop=stop, request=request)


@pytest.fixture
def pair(project):
    """Makes the two: `calm`, and `rude` of this source, which is not required; and the sources of others."""

    def make(source: str, *, app: str = "rude:app", keys: str = NEVER, **others: str):
        project.profile(PROFILE.format(app=app, keys=keys, ports=free_ports()))
        project.file("calm.py", asgi().replace("rude", "calm"))
        for name, text in {"rude": source, **others}.items():
            project.file(f"{name}.py", text)
        return project

    return make


@pytest.fixture
def up(pair):
    """Makes the two, and starts them."""

    def start(source: str, **how: str):
        project = pair(source, **how)
        started = project.run("start", "--detach", "--wait")
        assert started.returncode == 0, started.stdout + started.stderr
        return project

    return start


def ask(project, name, path="/"):
    connection = HTTPConnection("127.0.0.1", project.status()[name]["port"], timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def says(project, name, text):
    eventually(lambda: text in project.run("logs", name).stdout)


REFUSED = {
    "a module that is missing": ("", "rudy:app", 'there is no module "rudy" (did you mean "rude"?)'),
    "an attribute that is missing": (
        "application = 1",
        "rude:app",
        'module "rude" has no "app" (did you mean "application"?)',
    ),
    "no app": ("app = 3", "rude:app", '"app" is an int, not an ASGI or WSGI application'),
    "an app of ASGI 2": ("def app(scope): ...", "rude:app", '"app" takes one argument, as an app of ASGI 2 does'),
    "an import that forks": (f"import os\nos.fork()\n{asgi()}", "rude:app", "its import calls os.fork ("),
    "an import that runs a loop": (
        f"import asyncio\nasyncio.run(asyncio.sleep(0))\n{asgi()}",
        "rude:app",
        "its import calls asyncio.run (",
    ),
    "a factory without its brackets": ("def app(): ...", "rude:app", 'if it makes the app, write "rude:app()"'),
}


@pytest.mark.parametrize(("source", "app", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_told_and_answered_for(up, source, app, sentence):
    project = up(source, app=app)
    assert project.status()["rude"]["state"] == "failed"
    assert sentence in project.run("why", "rude").stdout
    status, problem = ask(project, "rude")
    assert status == 503
    assert sentence in problem.replace("\\", "")
    assert ask(project, "calm") == (200, "calm")


#: Takes more than its process may, the first time; what the module keeps goes with it.
GREEDY = """
import os, resource
if not os.path.exists("greedy"):
    open("greedy", "w").close()
    with open("/proc/self/statm") as sizes:
        limit = int(sizes.read().split()[0]) * resource.getpagesize() + (64 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    taken = []
    while True:
        taken.append(bytes(1000))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is not kept")
def test_one_that_takes_too_much_memory_is_tried_again(up):
    """By its own policy, in the same process."""
    project = up(GREEDY + asgi(), keys="restart = { delay = 0.01 }\n")
    status = project.status()
    assert {name: status[name]["restarts"] for name in ("rude", "host.apps")} == {"rude": 1, "host.apps": 0}
    assert [ask(project, name) for name in ("rude", "calm")] == [(200, "rude"), (200, "calm")]
    eventually(lambda: 'importing "rude" raised MemoryError' in project.run("history", "rude").stdout)


HANGS = {
    "an import": ("print('hangs', flush=True)\nimport threading\nthreading.Event().wait()\n", "rude.py:3"),
    "a lifespan": (asgi(start="print('hangs', flush=True); await asyncio.Event().wait()"), "not ready within 1 s"),
}


@pytest.mark.parametrize(("source", "told"), HANGS.values(), ids=HANGS)
def test_a_start_that_hangs_ends_with_ready_timeout(up, source, told):
    """An import that hangs, and nothing can cut off, costs a new process, which is there at once."""
    project = up(source, keys=f"{NEVER}ready_timeout = 1\nstop = {{ grace = 1 }}\n")
    assert project.status()["rude"]["state"] == "failed"
    why = project.run("why", "rude").stdout
    assert "rude is failed: not ready within 1 s" in why
    assert told in why
    status, problem = ask(project, "rude")
    assert status == 503
    assert "rude.1: not ready within 1 s" in problem
    assert ask(project, "calm") == (200, "calm")


def test_who_waits_behind_an_import_that_hangs_is_not_blamed(up):
    """It is imported in the process that comes next, within the same start."""
    late = '[services.late]\napp = "late:app"\n'
    hangs = "import threading\nthreading.Event().wait()\n"
    project = up(hangs, keys=f"{NEVER}ready_timeout = 1\nstop = {{ grace = 1 }}\n{late}", late=asgi())
    status = project.status()
    assert {name: status[name]["state"] for name in ("rude", "late")} == {"rude": "failed", "late": "ready"}
    assert ask(project, "late") == (200, "rude")


def test_what_an_import_prints_is_its_own_however_much_it_is(up):
    """Two megabytes without a newline, and bytes that are no text."""
    project = up("import sys\nprint('x' * 2_000_000)\nsys.stdout.buffer.write(b'\\xff\\xfe\\n')\n" + asgi())
    assert ask(project, "rude") == (200, "rude")
    assert ask(project, "calm") == (200, "calm")
    says(project, "rude", "x" * 1000)
    assert "xxx" not in project.run("logs", "calm").stdout


def test_threads_that_do_not_end_are_named_when_the_process_does(up):
    """They outlive their component, and hold up the end until its deadline."""
    project = up(
        asgi(top="threading.Thread(target=threading.Event().wait, name='counter').start()"),
        keys="stop = { grace = 0.5, drain = 0.1 }\n",
    )
    calm = "[services.calm]\n"
    profile = project.root / "profiles" / "dev.toml"
    profile.write_text(profile.read_text().replace(calm, f"{calm}stop = {{ grace = 0.5, drain = 0.1 }}\n"))
    assert project.run("restart", "rude").returncode == 0
    pid = project.status()["host.apps"]["pid"]
    assert project.run("stop").returncode == 0
    assert not is_alive(pid)
    assert 'thread "counter" is in ' in project.run("logs", "host.apps").stdout


def test_a_lifespan_that_raises_at_the_end_is_told(up):
    project = up(asgi(stop="1 / 0"))
    assert project.run("stop", "rude").returncode == 0
    why = project.run("why", "rude").stdout
    assert "its lifespan failed to end: it raised ZeroDivisionError; its log says more" in why
    assert ask(project, "calm") == (200, "calm")


def test_a_body_that_never_ends_is_ended_with_the_drain(up):
    """The client sees that it is not whole."""
    parts = 'await send({"type": "http.response.body", "body": b"x", "more_body": True})'
    endless = f"""await send({{"type": "http.response.start", "status": 200, "headers": []}})
        while True:
            {parts}
            await asyncio.sleep(0.01)"""
    project = up(asgi(request=endless), keys="stop = { drain = 0.2 }\n")
    connection = HTTPConnection("127.0.0.1", project.status()["rude"]["port"], timeout=20)
    connection.request("GET", "/do")
    answer = connection.getresponse()
    assert answer.read(1) == b"x"
    assert project.run("stop", "rude").returncode == 0
    with pytest.raises(IncompleteRead):
        answer.read()
    connection.close()
    assert ask(project, "calm") == (200, "calm")


def test_tasks_that_are_left_end_with_their_component_and_those_that_will_not_are_named(up):
    top = """
        kept = []
        async def tick():
            try:
                await asyncio.Event().wait()
            finally:
                print("tick has ended", flush=True)
        async def deaf():
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
    """
    project = up(asgi(top=top, start="kept.extend([asyncio.create_task(tick()), asyncio.create_task(deaf())])"))
    assert project.run("stop", "rude").returncode == 0
    says(project, "rude", "tick has ended")
    says(project, "rude", '"rude:app" has ended, but not all of its tasks, though they were cancelled: deaf at ')
    assert ask(project, "calm") == (200, "calm")


DEATHS = {
    "a segfault": ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV", "rude.py"),
    "os._exit": ("os._exit(7)", "exited with code 7", '"rude.1" called os._exit(7), in app at '),
    "an abort": ("os.abort()", "killed by SIGABRT", "rude.py"),
}


@pytest.mark.parametrize(("death", "why", "told"), DEATHS.values(), ids=DEATHS)
def test_what_ends_the_process_is_told_and_all_are_back(up, death, why, told):
    project = up(asgi(request=death), keys="")
    before = project.status()["host.apps"]
    with pytest.raises(ConnectionError):
        ask(project, "rude", "/do")
    eventually(lambda: project.status()["host.apps"]["generation"] > before["generation"])
    assert project.run("wait", "--timeout", "25").returncode == 0
    assert ask(project, "calm") == (200, "calm")
    assert ask(project, "rude") == (200, "rude")
    eventually(lambda: why in project.run("history", "host.apps").stdout)
    says(project, "host.apps", told)


STARTS = {
    "while one is imported": "print('begins', flush=True)\nimport threading\nthreading.Event().wait()\n",
    "while its lifespan starts": asgi(start="print('begins', flush=True); await asyncio.Event().wait()"),
}


@pytest.mark.parametrize("source", STARTS.values(), ids=STARTS)
def test_sigterm_during_the_start_ends_everything(pair, source):
    project = pair(source, keys=f"{NEVER}stop = {{ grace = 1 }}\n")
    running = project.start()
    running.until("rude +. begins")
    pid = project.status()["host.apps"]["pid"]
    os.kill(running.process.pid, signal.SIGTERM)
    assert running.end() == 143
    assert not is_alive(pid)
    assert "Traceback" not in running.output
    assert not list((project.root / ".launcher" / "dev").glob("*.sock"))
