"""What a component does to the process its neighbours only hear of: it is put back, or the component refused."""

from __future__ import annotations

import json
import os
from textwrap import dedent

import pytest

from tests.host.hosted import hello

pytestmark = pytest.mark.slow  # each test starts an interpreter with uvicorn

#: Tells, when asked, how the process is.
LOOKS = """
import gc, json, locale, logging, os, signal, socket, sys, warnings

def text():
    mask = os.umask(0o022)
    os.umask(mask)
    return json.dumps({
        "level": logging.root.level,
        "handlers": len(logging.root.handlers),
        "is_disabled": logging.getLogger("neighbour").disabled,
        "folder": os.getcwd(),
        "umask": mask,
        "TERM": getattr(signal.getsignal(signal.SIGTERM), "__module__", "none"),
        "USR1": str(signal.getsignal(signal.SIGUSR1)),
        "timeout": socket.getdefaulttimeout(),
        "excepthook": sys.excepthook is sys.__excepthook__,
        "recursion": sys.getrecursionlimit(),
        "collects": gc.isenabled(),
        "stdout": type(sys.stdout).__name__,
        "first": sys.path[0],
    })

logging.getLogger("neighbour")
"""


@pytest.fixture
def neighbour(host):
    """A component that tells how the process is."""
    return host.start_ready("neighbour", LOOKS + hello("").removeprefix("def text(): return \n"))


def state(neighbour) -> dict[str, object]:
    answer: dict[str, object] = json.loads(neighbour.ask("/").text)
    return answer


RUDE = {
    "dictConfig": (
        "import logging.config; logging.config.dictConfig({'version': 1, 'root': {'level': 'DEBUG'}})",
        ["changed other loggers (disabled "],
    ),
    "chdir": ("import os; os.chdir('/tmp')", [" to /tmp: put back"]),
    "umask": ("import os; os.umask(0)", [" to 0000: put back"]),
    "the default time-out": ("import socket; socket.setdefaulttimeout(3)", ["time-out of sockets from None to 3"]),
    "sys.excepthook": ("import sys; sys.excepthook = print", ["changed sys.excepthook from "]),
    "the recursion limit": ("import sys; sys.setrecursionlimit(5000)", [" the recursion limit from 1000 to 5000"]),
    "the garbage collector": ("import gc; gc.disable()", ["changed the garbage collector from True to False"]),
    "sys.stdout": ("import sys; sys.stdout = sys.__stdout__", ["changed sys.stdout from "]),
    "sys.path": ("import sys; sys.path.insert(0, '/elsewhere')", ["changed sys.path (added /elsewhere): put back"]),
}
SIGNALS = {
    "signal handlers": (
        "import signal; [signal.signal(number, print) for number in (signal.SIGTERM, signal.SIGUSR1)]",
        ["changed signal handlers (of SIGUSR1, SIGTERM): put back"],
    ),
}
LIFESPAN = """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            {}
            await send({{"type": "lifespan.startup.complete"}})
            await receive()
        else:
            await send({{"type": "http.response.start", "status": 200, "headers": []}})
            await send({{"type": "http.response.body", "body": b"rude"}})
"""


def assert_told(host, parts):
    """Each is noted of the component, and stands in its log once."""
    for part in parts:
        assert host.noted("rude", part).startswith("changed ")
        host.components["rude"].says(f"rude {part}" if part.startswith("changed") else part)
        assert host.components["rude"].output().count(part) == 1


@pytest.mark.parametrize(("does", "parts"), (RUDE | SIGNALS).values(), ids=RUDE | SIGNALS)
def test_what_an_import_changed_is_put_back_and_said(host, neighbour, does, parts):
    before = state(neighbour)
    host.start_ready("rude", f"{does}\n" + hello("'rude'"))
    assert state(neighbour) == before
    assert_told(host, parts)
    assert "changed" not in neighbour.output()


@pytest.mark.parametrize(("does", "parts"), RUDE.values(), ids=RUDE)
def test_what_a_start_changed_is_put_back_and_said(host, neighbour, does, parts):
    before = state(neighbour)
    host.start_ready("rude", LIFESPAN.format(does))
    assert state(neighbour) == before
    assert_told(host, parts)


def test_an_import_gives_way_to_the_neighbours(host):
    """The collector's full looks are put off while it lasts, and the interpreter changes hands sooner."""
    source = "import gc, sys\nAT_IMPORT = gc.get_threshold()\n"
    told = host.start_ready("told", source + hello("repr([AT_IMPORT, gc.get_threshold(), sys.getswitchinterval()])"))
    at_import, later, interval = json.loads(told.ask("/").text.replace("(", "[").replace(")", "]"))
    assert at_import[:2] == later[:2]
    assert at_import[2] > later[2] * 1000
    assert interval < 0.005


def test_what_a_failed_import_or_start_changed_is_put_back_too(host, neighbour):
    before = state(neighbour)
    host.start("rude", "import os\nos.umask(0)\n1 / 0")
    assert host.ended("rude").code == 1
    host.start("worse", LIFESPAN.format("import os; os.umask(0); 1 / 0"))
    assert host.ended("worse").code == 1
    assert state(neighbour) == before


def test_nothing_is_said_of_one_that_changes_nothing(host, neighbour):
    calm = host.start_ready("calm", "import logging\nlogging.getLogger('calm').setLevel('INFO')\n" + hello("'calm'"))
    assert "changed" not in calm.output()


def test_what_a_neighbour_does_while_one_is_imported_is_not_what_to_go_back_to(host, neighbour):
    """One has changed the umask in its start, which goes on, when another is imported; it ends first."""
    before = state(neighbour)
    for name in ("gate", "door"):
        os.mkfifo(host.folder / name)
    waits = f"await asyncio.to_thread(lambda: open('{host.folder}/gate').read())"
    starts = host.start("starts", LIFESPAN.format(f"import asyncio, os; os.umask(0); print('in'); {waits}"))
    starts.says("in")
    slow = host.start("slow", f"print('in')\nopen('{host.folder}/door').read()\n" + hello("'slow'"))
    slow.says("in")
    for name, component in (("gate", starts), ("door", slow)):
        with (host.folder / name).open("w"):
            pass
        assert component.ask("/").status == 200
    assert state(neighbour) == before
    assert "changed" not in slow.output()


def test_sigterm_during_an_import_is_not_taken_for_the_components_doing(host):
    """The second one ends the process at once, as ever: the first has put Python's own handlers there."""
    os.mkfifo(host.folder / "gate")
    slow = host.start("slow", f"print('in')\nopen('{host.folder}/gate').read()\n" + hello("''"))
    slow.says("in")
    host.process.terminate()
    with (host.folder / "gate").open("w"):
        pass
    assert host.process.wait(20) == 0
    assert "signal handlers" not in slow.output()


# --- what cannot be shared ---


def refused(host, name="rude"):
    """Why it was, as its end and its log tell; what the neighbour does is its own."""
    ended = host.ended(name)
    assert ended.code == 1
    assert ended.why.startswith("it cannot share a process (E7005): ")
    assert 'placement = "own"' in ended.why
    host.components[name].says(ended.why)
    assert ended.why in json.loads(host.components[name].ask("/").text)["detail"]
    return ended.why


AT_IMPORT = {
    "a loop": ("async def main(): pass\nasyncio.run(main())", "its import calls asyncio.run ("),
    "a loop, and goes on": (
        "coroutine = asyncio.sleep(0)\ntry: asyncio.run(coroutine)\nexcept RuntimeError: pass",
        "its import calls asyncio.run (",
    ),
    "a fork": ("os.fork()", "its import calls os.fork ("),
}


@pytest.mark.parametrize(("does", "reason"), AT_IMPORT.values(), ids=AT_IMPORT)
def test_an_import_that_does_what_only_its_own_process_can_bear_is_refused(host, neighbour, does, reason):
    """Every time, until it does so no more."""
    source = f"import asyncio, os\n{does}\n" + hello("'rude'")
    for _ in range(2):
        host.start("rude", source)
        assert reason in refused(host)
    assert neighbour.ask("/").status == 200
    host.start("rude", "import asyncio, os\n" + hello("'rude'"))
    while (answer := host.components["rude"].ask("/")).status == 503:
        pass
    assert answer.text == "rude"


def test_another_path_is_refused_before_the_import(host, neighbour, folder):
    host.start("rude", "print('imported')\n", paths=(str(folder), str(folder / "other")))
    assert "its Python path is " in refused(host)
    assert "imported" not in host.components["rude"].output()
    assert neighbour.ask("/").status == 200


def test_a_module_whose_name_the_process_has_already_is_refused(host, neighbour):
    """The host itself has imported Python's."""
    host.start("queue", hello("'queue'"))
    assert f'its module "queue" is {host.folder}/queue.py, but the process has one from ' in refused(host, "queue")
    assert neighbour.ask("/").status == 200


def test_two_djangos_are_refused(host, folder):
    pytest.importorskip("django")
    source = """
        import os
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings_{}")
        import django
        django.setup()
    """
    for name in ("one", "rude"):
        (folder / f"settings_{name}.py").write_text(f"SECRET_KEY = '{name}'\n")
    one = host.start_ready("one", dedent(source.format("one")) + hello("'one'"))
    host.start("rude", dedent(source.format("rude")) + hello("'rude'"))
    assert "its DJANGO_SETTINGS_MODULE is settings_rude, but the Django of this process runs with" in refused(host)
    assert one.ask("/").text == "one"


# --- what holds up everybody ---


def test_who_holds_up_the_loop_is_named_once(host, neighbour):
    """In its own log while it lasts, to who commands when it is over; again within ten seconds, to nobody."""
    blocks = host.start_ready("blocks", "import time\n" + hello("time.sleep(0.7) or 'done'"))
    noted = host.noted("blocks", "held up the event loop for ")
    assert noted.endswith(f", in text at {host.folder}/blocks.py:2")
    blocks.says("blocks holds up the event loop, for ")
    assert blocks.ask("/").text == "done"
    assert host.measured("blocks").lag > 0.2
    assert blocks.output().count("the event loop") == 1
    assert "the event loop" not in neighbour.output()


def test_each_component_s_logging_is_as_it_set_it_up(host):
    """Its messages have its format, and from its level on; those of another are as that one wants them."""
    told = """
import logging
def said():
    logging.getLogger("library").info("a word")
    logging.getLogger("library").warning("a warning")
    return "said"
"""
    loud = 'import logging\nlogging.basicConfig(level="INFO", format="LOUD %(levelname)s %(message)s")\n'
    for name, begins in (("loud", loud), ("calm", "")):
        assert host.start_ready(name, begins + told + hello("said()")).ask("/").text == "said"
    host.components["loud"].says("LOUD INFO a word")
    host.components["loud"].says("LOUD WARNING a warning")
    host.components["calm"].says("a warning")
    assert "a word" not in host.components["calm"].output()
