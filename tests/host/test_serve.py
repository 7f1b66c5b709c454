"""The host as the launcher runs it: a real interpreter, a real socket at descriptor 3, real signals."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

from tests.serving import SERVE, Child, serving, serving_ready

pytestmark = pytest.mark.slow  # each test starts an interpreter with uvicorn

HELLO = """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text().encode()})
"""


@pytest.fixture
def write(tmp_path):
    """Write modules, given as name=source, into a folder of their own; returns the folder."""

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(dedent(source))
        return tmp_path

    return write


def hello(text):
    return f"def text(): return {text}\n{dedent(HELLO)}"


def environment_of(folder, *packages):
    """An interpreter whose only packages are those named: launcher is not there. -S leaves site-packages away."""
    for package in packages:
        place = Path(find_spec(package).origin).parent
        (folder / package).symlink_to(place)
    return {"python": (sys.executable, "-S"), "env": {"PYTHONPATH": str(folder)}}


def test_an_app_answers_on_the_socket_handed_over(write):
    with serving_ready("hello:app", directory=write(hello=hello("'hello'"))) as server:
        assert server.ask("/").text == "hello"


def test_the_host_tells_how_long_the_import_took(write):
    """Before it is ready, and without what the server itself needed."""
    with serving_ready("hello:app", directory=write(hello=hello("'hello'"))) as server:
        assert 0 < server.imported < 20


def test_one_app_loads_nothing_of_what_keeps_many_apart(write):
    """Nor anything else that only they need."""
    own = '" ".join(name for name in sys.modules if name.startswith("launcher_host."))'
    with serving_ready("hello:app", directory=write(hello="import sys\n" + hello(own))) as server:
        loaded = {name.partition(".")[2] for name in server.ask("/").text.split()}
    needed = "boundary command component current exhausted gate importing lifespan listener notify one target"
    assert loaded == set(needed.split())


def test_a_factory_makes_the_app(write):
    folder = write(hello=hello("'made'") + "\ndef create(): return app\n")
    with serving_ready("hello:create()", directory=folder) as server:
        assert server.ask("/").text == "made"


def test_the_interpreter_of_the_app_needs_uvicorn_but_not_launcher(write, tmp_path_factory):
    text = "'launcher' if __import__('importlib.util').util.find_spec('launcher') else 'no launcher'"
    bare = environment_of(tmp_path_factory.mktemp("site"), "uvicorn", "click", "h11")
    with serving_ready("hello:app", directory=write(hello=hello(text)), **bare) as server:
        assert server.ask("/").text == "no launcher"


def test_no_module_of_the_host_can_be_taken_for_one_of_the_app(write, tmp_path_factory):
    """Installed modules named `target`, `notify` … are the ones the app imports, though ours is the script's folder."""
    names = ("target", "notify", "server", "serve", "command")
    installed = tmp_path_factory.mktemp("installed")
    for name in names:
        (installed / f"{name}.py").write_text(f"OWN = {name!r}")
    told = " + ' ' + ".join(f"{name}.OWN" for name in names)
    folder = write(hello=f"import {', '.join(names)}\n" + hello(told))
    with serving_ready("hello:app", directory=folder, env={"PYTHONPATH": str(installed)}) as server:
        assert server.ask("/").text == " ".join(names)


def test_directory_comes_first_on_the_path_then_pythonpath(write, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "first.py").write_text("NAME = 'pythonpath'")
    (other / "second.py").write_text("NAME = 'pythonpath'")
    folder = write(hello="import first, second\n" + hello("first.NAME + ' ' + second.NAME"), first="NAME = 'directory'")
    with serving_ready("hello:app", directory=folder, options=["--pythonpath", str(other)]) as server:
        assert server.ask("/").text == "directory pythonpath"


def test_children_of_the_app_get_neither_the_socket_nor_its_variables(write):
    script = 'echo "[$LISTEN_FDS$LISTEN_PID]"; (: <&3) 2> /dev/null || echo gone'
    folder = write(
        child=f"""
        import subprocess
        def told(): return subprocess.check_output(["sh", "-c", {script!r}], close_fds=False).decode()
        """,
        hello="import child\n" + hello("child.told()"),
    )
    with serving_ready("hello:app", directory=folder) as server:
        assert server.ask("/").text == "[]\ngone\n"


def test_what_the_app_prints_comes_at_once_and_plain(write):
    """Into a pipe or file Python would hold lines back; colour codes come only with FORCE_COLOR."""
    source = hello("print('printed') or 'ok'")
    with serving_ready("hello:app", directory=write(hello=source)) as server:
        server.ask("/")
        assert "printed\n" in server.output()
        assert '"GET / HTTP/1.1" 200 OK' in server.output()
        assert "\x1b[" not in server.output()
    with serving_ready("hello:app", directory=write(hello=source), env={"FORCE_COLOR": "1"}) as server:
        assert "\x1b[" in server.output()


def test_a_wsgi_app_is_served_through_a2wsgi(write):
    pytest.importorskip("a2wsgi")
    folder = write(
        old="""
        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [environ["PATH_INFO"].encode()]
        """
    )
    with serving_ready("old:app", directory=folder) as server:
        assert server.ask("/wsgi").text == "/wsgi"


def test_a_wsgi_app_without_a2wsgi_is_told_how_to_get_it(write, tmp_path_factory):
    bare = environment_of(tmp_path_factory.mktemp("site"), "uvicorn", "click", "h11")
    with serving("old:app", directory=write(old="def app(environ, start_response): ..."), **bare) as server:
        assert server.wait() == 1
        assert server.output().endswith(f"{sys.executable} -m pip install a2wsgi\n")


LIFESPAN = """
    import os
    from contextlib import asynccontextmanager
    from starlette.applications import Starlette

    @asynccontextmanager
    async def lifespan(app):
        {start}
        yield
        {end}

    app = Starlette(lifespan=lifespan)
"""


def test_ready_is_reported_only_when_the_lifespan_has_started(write):
    """The start-up waits on a FIFO: until it is written to, no notice comes."""
    folder = write(slow=LIFESPAN.format(start="open('gate').read()", end="print('ended')"))
    os.mkfifo(folder / "gate")
    with serving("slow:app", directory=folder) as server:
        with (folder / "gate").open("w") as gate:  # opens when the lifespan has opened it for reading
            assert not server.has_notice()
            gate.write("go")
        assert server.notice() == "READY=1"
        assert server.stop() == 0
        assert "ended" in server.output()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_ready_goes_to_an_abstract_socket_too(write):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind("")  # the kernel draws a name
        notices.settimeout(20)
        address = "@" + notices.getsockname()[1:].decode()
        with serving("hello:app", directory=write(hello=hello("''")), env={"NOTIFY_SOCKET": address}):
            assert notices.recv(100).startswith(b"X_LAUNCHER_IMPORT_SECONDS=0.")
            assert notices.recv(100) == b"READY=1"


def test_a_lifespan_that_fails_to_start_ends_with_its_reason(write):
    folder = write(bad=LIFESPAN.format(start="raise RuntimeError('no database')", end=""))
    with serving("bad:app", directory=folder) as server:
        assert server.notice() == ""
        assert server.wait() == 1
        assert "RuntimeError: no database" in server.output()
        assert server.output().endswith(
            'cannot serve "bad:app": its lifespan failed to start: it raised RuntimeError; its log says more\n'
        )


def test_a_lifespan_that_fails_to_end_is_no_clean_stop(write):
    folder = write(bad=LIFESPAN.format(start="", end="raise RuntimeError('disk full')"))
    with serving_ready("bad:app", directory=folder) as server:
        assert server.stop() == 1
        assert "RuntimeError: disk full" in server.output()


#: Answers when the FIFO `gate` is written to; the request is known to be in flight once the FIFO can be opened.
IN_FLIGHT = """
    import asyncio

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        text = await asyncio.to_thread(lambda: open("gate").read())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})
"""


@pytest.fixture
def in_flight(write):
    """Starts a server whose one request is in flight: yields (server, gate, answers of the request)."""
    folder = write(slow=IN_FLIGHT)
    os.mkfifo(folder / "gate")
    answers = []
    with serving_ready("slow:app", directory=folder, options=["--drain", "15"]) as server:

        def ask():
            try:
                answers.append(server.ask("/").text)
            except OSError as error:
                answers.append(type(error).__name__)

        asking = threading.Thread(target=ask)
        asking.start()
        with (folder / "gate").open("w") as gate:
            yield server, gate, answers, asking
        asking.join(20)


def test_sigterm_lets_a_request_in_flight_finish(in_flight):
    server, gate, answers, asking = in_flight
    server.send(signal.SIGTERM)
    gate.write("finished")
    gate.close()
    asking.join(20)
    assert answers == ["finished"]
    assert server.wait() == 0


def test_the_second_signal_ends_it_at_once(in_flight):
    server, _, answers, asking = in_flight
    server.send(signal.SIGTERM)
    server.says("Shutting down")
    server.send(signal.SIGTERM)
    assert server.wait() == -signal.SIGTERM
    asking.join(20)
    assert answers != ["finished"]


def test_drain_bounds_the_wait_for_a_request_in_flight(write):
    folder = write(
        stuck="""
        import asyncio
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            print("in flight")
            await asyncio.Event().wait()
        """
    )
    with serving_ready("stuck:app", directory=folder, options=["--drain", "0.1"]) as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        server.says("in flight")
        assert server.stop() == 0
        connection.close()


def test_a_request_made_while_nobody_serves_is_answered_by_the_next_process(write):
    """The socket is only handed over: it goes on listening when the app has ended."""
    folder = write(hello=hello("'served'"))
    with serving_ready("hello:app", directory=folder) as first:
        assert first.stop() == 0
        with socket.create_connection(("127.0.0.1", first.port), timeout=20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            with serving_ready("hello:app", directory=folder, listener=first.listener):
                assert client.makefile("rb").read().endswith(b"served\r\n0\r\n\r\n")


ERRORS = {
    "no colon in the spec": ("app", 'an app is written "module:name"'),
    "no such module": ("ap:app", 'there is no module "ap" (did you mean "app"?); looked in '),
    "no such module in a package": ("pack.modul:app", 'there is no module "pack.modul" (did you mean "pack.module"?)'),
    "no such attribute": ("app:aplication", 'module "app" has no "aplication" (did you mean "application"?)'),
    "not callable": ("app:number", '"number" is an int, not an ASGI or WSGI application'),
    "a factory not called": ("app:create", '"create" takes no arguments: if it makes the app, write "app:create()"'),
    "a factory that makes no app": ("app:create()", 'what "create()" returned is a dict, not an ASGI or WSGI'),
    "no factory": ("app:number()", '"number" is no factory: it is an int, which cannot be called'),
}

FAILURES = {
    "the import raises": ("raises:app", 'importing "raises" raised ZeroDivisionError', 'raises.py", line 2'),
    "a module it needs is missing": (
        "needs:app",
        'importing "needs" failed: there is no module "absent"',
        'needs.py", line 1',
    ),
    "a syntax error": ("syntax:app", 'importing "syntax" raised SyntaxError', 'syntax.py", line 1'),
    "the factory raises": ("factory:create()", 'the factory "create" raised ValueError', 'factory.py", line 1'),
}


@pytest.mark.parametrize(("spec", "sentence"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_served_ends_with_one_clear_line(write, spec, sentence):
    folder = write(
        app="""
        number = 1
        async def application(scope, receive, send): ...
        def create(): return {}
        """
    )
    (folder / "pack").mkdir()
    (folder / "pack" / "__init__.py").touch()
    (folder / "pack" / "module.py").touch()
    with serving(spec, directory=folder) as server:
        assert server.notice() == ""
        assert server.wait() == 1
        last = server.output().splitlines()[-1]
        assert last.startswith(f'cannot serve "{spec}": {sentence}')
        assert server.output().count("\n") == 1


@pytest.mark.parametrize(("spec", "sentence", "line"), FAILURES.values(), ids=FAILURES)
def test_an_error_of_the_apps_own_shows_its_frames_and_no_others(write, spec, sentence, line):
    folder = write(
        raises="def divide():\n    return 1 / 0\n\ndivide()\n",
        needs="import absent\n",
        syntax="def app(:\n",
        factory="def create(): raise ValueError('no')\n",
    )
    with serving(spec, directory=folder) as server:
        assert server.wait() == 1
        output = server.output()
        assert output.splitlines()[-1] == f'cannot serve "{spec}": {sentence}'
        assert f'File "{folder}/{line}' in output
        assert output.count("  File ") == output.count(f'  File "{folder}/')


def test_without_uvicorn_it_says_which_interpreter_lacks_it(write):
    python = (sys.executable, "-S")
    with serving("hello:app", directory=write(hello=hello("''")), python=python) as server:
        assert server.wait() == 78
        expected = (
            f'cannot serve "hello:app": {sys.executable} has no uvicorn: {sys.executable} -m pip install uvicorn\n'
        )
        assert server.output() == expected


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({}, "no listening socket was handed over"),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "1"}, "the sockets are meant for process 1 (LISTEN_PID)"),
        ({"LISTEN_FDS": "none", "LISTEN_PID": "1"}, "no listening socket was handed over"),
    ],
)
def test_sockets_meant_for_somebody_else_are_not_taken(write, env, sentence):
    folder = write(hello=hello("''"))
    child = Child([sys.executable, str(SERVE), "hello:app"], env=env, directory=folder)
    try:
        assert child.wait() == 1
        assert child.output().startswith(f'cannot serve "hello:app": {sentence}')
    finally:
        child.close()


def test_an_unknown_log_level_is_refused(write):
    with serving("hello:app", directory=write(hello=hello("''")), env={"UVICORN_LOG_LEVEL": "loud"}) as server:
        assert server.wait() == 1
        assert 'UVICORN_LOG_LEVEL="loud" is none of critical, error' in server.output()
