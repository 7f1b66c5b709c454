"""The zygote: imports once what apps have in common, and is for each fork what a fresh interpreter would be."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from launcher.engines.line import Line
from launcher.host import SERVE
from tests.host.forking import Zygote
from tests.host.hosted import HELLO, hello
from tests.serving import TIMEOUT

pytestmark = [
    pytest.mark.slow,  # each test starts an interpreter with uvicorn
    pytest.mark.skipif(sys.platform != "linux", reason="orphans come to us on Linux only"),
]

#: Says who has imported it.
TELLS = "import os; print(f'{__name__} imported by {os.getpid()}')"
THREAD = """
import threading
def wait_for_ever():
    threading.Event().wait()
threading.Thread(target=wait_for_ever, name="flusher", daemon=True).start()
"""
#: A thread that `threading` knows nothing of, as a C library makes it.
NATIVE = "import _thread, threading; _thread.start_new_thread(threading.Event().wait, ())"


@pytest.fixture
def site(tmp_path_factory):
    """Writes installed modules; the folder is on every path."""
    folder = tmp_path_factory.mktemp("site")

    def write(**sources):
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(source)
        return str(folder)

    return write


@pytest.fixture
def zygote(tmp_path):
    """Makes one with the apps named; it is gone at the end."""
    made = []

    def make(*options, apps, **env):
        made.append(Zygote(tmp_path, *options, apps=apps, **env))
        return made[-1]

    yield make
    for one in made:
        one.close()


def importing(*modules, text="'hello'"):
    """An app that imports these."""
    return "".join(f"import {module}\n" for module in modules) + hello(text)


def test_what_apps_have_in_common_is_imported_once(zygote, site):
    """By the zygote alone; what is one app's, or their own, by each."""
    path = site(common=TELLS, rare=TELLS)
    apps = {"a": importing("common", "rare", "own"), "b": importing("common", "own"), "own": TELLS}
    one = zygote(apps=apps, PYTHONPATH=path)
    a, b = one.fork_ready("a"), one.fork_ready("b")
    assert one.output() == f"common imported by {one.process.pid}\n"
    assert "common" not in a.output() + b.output()
    assert f"rare imported by {a.pid}\nown imported by {a.pid}\n" in a.output()
    assert f"own imported by {b.pid}\n" in b.output()


def test_what_is_named_is_imported_instead(zygote, site):
    path = site(named=TELLS, common=TELLS)
    one = zygote("--preload", "named", apps={}, PYTHONPATH=path)
    one.write("a", importing("named", "common"))
    child = one.fork_ready("a")
    assert one.output() == f"named imported by {one.process.pid}\n"
    assert f"common imported by {child.pid}" in child.output()


def test_what_cannot_be_imported_is_left_to_the_apps(zygote, site):
    """What was asked for by name is told of; either way the app's own failure says all."""
    path = site(broken="1 / 0", quits="raise SystemExit(3)")
    apps = {name: importing("broken", "absent") for name in "ab"}
    one = zygote("--preload", "quits", apps=apps, PYTHONPATH=path)
    assert one.output() == 'cannot import "quits" once for all: SystemExit: 3\n'
    child = one.fork("a")
    assert child.wait() == 1
    assert 'cannot serve "a:app": importing "a" raised ZeroDivisionError' in child.output()


def test_a_module_that_leaves_a_thread_is_left_to_the_apps(zygote, site):
    """A fork would not have the thread. It is named with where it runs; the process has begun anew."""
    path = site(plain=TELLS, threaded=f"{TELLS}\n{THREAD}")
    apps = {name: importing("plain", "threaded", text="str(__import__('threading').active_count())") for name in "ab"}
    one = zygote(apps=apps, PYTHONPATH=path)
    told = f'importing "threaded" leaves threads running (flusher, {path}/threaded.py:4), which no fork has: each app'
    assert told in one.output()
    assert one.output().endswith(f"plain imported by {one.process.pid}\n")
    for name in apps:
        child = one.fork_ready(name)
        assert f"threaded imported by {child.pid}" in child.output()
        assert child.ask("/").text == "2"


def test_so_is_one_that_leaves_a_thread_which_python_does_not_know(zygote, site):
    path = site(native=NATIVE)
    one = zygote(apps={name: importing("native") for name in "ab"}, PYTHONPATH=path)
    assert 'importing "native" leaves threads running (1 not of Python' in one.output()


def test_numpy_is_known_to_end_its_threads_before_a_fork(zygote, site):
    """Also where another module imports it."""
    path = site(numpy=f"{TELLS}\n{NATIVE}", frames="import numpy")
    one = zygote(apps={name: importing("frames") for name in "ab"}, PYTHONPATH=path)
    assert one.output() == f"numpy imported by {one.process.pid}\n"


def test_threads_that_run_in_any_case_are_told(tmp_path, site):
    """Of a module that is imported whenever this Python starts; nothing is forked then."""
    path = site(sitecustomize=THREAD)
    done = subprocess.run(
        [sys.executable, SERVE, "--zygote", str(tmp_path / "z"), "--group", "g"],
        capture_output=True, text=True, check=False, timeout=TIMEOUT, env={"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 1
    assert f'cannot serve "g": threads run (flusher, {path}/sitecustomize.py:3), whatever is imported' in done.stderr


def test_numpys_random_numbers_are_each_childs_own(zygote, site):
    random = "random = sys.modules['numpy.random'] = SimpleNamespace(seed=lambda: print('seeded'))"
    path = site(numpy=f"from types import SimpleNamespace\nimport sys\n{random}")
    one = zygote(apps={name: importing("numpy") for name in "ab"}, PYTHONPATH=path)
    assert "seeded" not in one.output()
    assert "seeded" in one.fork_ready("a").output()


def test_a_module_of_an_app_is_never_another_ones_silently(zygote, site):
    """In a process of its own the app would find its own `helper`; here that cannot be, and is said."""
    path = site(common="import helper", helper="")
    one = zygote(apps={name: importing("common") for name in "ab"}, PYTHONPATH=path)
    assert one.output() == ""
    one.write("helper", "")
    child = one.fork("a")
    assert child.wait() == 1
    assert f'its "helper" ({one.folder}/helper.py) is hidden by another one' in child.output()
    assert f"({path}/helper.py)" in child.output()


def test_a_child_has_the_environment_it_is_given(zygote, site, tmp_path):
    """No variable of the zygote's, and its own time zone."""
    one = zygote(
        apps={"a": "import os, time\n" + hello("f\"{os.environ.get('ZYGOTE')} {time.tzname[0]}\"")}, ZYGOTE="1"
    )
    del one.env["ZYGOTE"]
    one.env["TZ"] = "XYZ+3"
    assert one.fork_ready("a").ask("/").text == "None XYZ"


def test_a_child_ends_as_a_process_does(zygote):
    """The first signal drains and ends it with 0, its exit hooks run; one that dies by a signal says so."""
    source = "import atexit; atexit.register(print, 'at exit')\n"
    one = zygote(apps={"a": source + hello("'hello'")})
    child = one.fork_ready("a")
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait() == 0
    assert child.output().endswith("at exit\n")
    child = one.fork_ready("a")
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -9


def test_a_child_goes_on_without_the_zygote(zygote):
    one = zygote(apps={"a": hello("'hello'")})
    child = one.fork_ready("a")
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(TIMEOUT) == 0
    assert not (one.folder / "z.sock").exists()
    assert child.ask("/").text == "hello"
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait() == 0


def test_a_child_that_is_not_let_begin_ends(zygote):
    """Its gate was closed: whoever asked for it is gone."""
    one = zygote(apps={"a": f"print('begun')\n{hello('1')}"})
    child = one.fork("a", begins=False)
    assert child.wait() == 0
    assert child.output() == ""


def test_why_there_is_no_child_is_told(zygote):
    one = zygote(apps={"a": hello("'hello'")})
    assert one.refused("a", directory="/no/such/folder") == "No such file or directory"
    assert one.refused("a", limits={"RLIMIT_NOFILE": 10**9}).startswith("RLIMIT_NOFILE cannot be set to 1000000000: ")
    assert one.fork_ready("a").ask("/").text == "hello"


def test_the_newest_who_connects_commands(zygote):
    """The one before is hung up on."""
    one = zygote(apps={"a": hello("'hello'")})
    assert one.heard("hello")["pid"] == one.process.pid
    before, one.line = one.line, Line(one.path)
    one.heard("hello")
    before.close()
    assert one.fork_ready("a").ask("/").text == "hello"


def test_one_who_goes_without_waiting_for_what_was_asked_costs_nothing(zygote):
    """What was asked for does not begin; the next one is obeyed."""
    one = zygote(apps={"a": "print('begun')\n" + hello("'1'")})
    one.heard("hello")
    one.process.send_signal(signal.SIGSTOP)
    for padding in ("x" * 150_000, "", ""):  # so that the end of the first comes together with the second
        _, gate = one.ask_for("a", padding=padding)
        os.close(gate)
    one.line.close()
    one.process.send_signal(signal.SIGCONT)
    for child in one.children:
        assert select.select([child._pipe], [], [], TIMEOUT)[0]  # nobody holds its other end any more
    one.line = Line(one.path)
    one.heard("hello")
    assert one.fork_ready("a").ask("/").text == "1"
    assert [child.output() for child in one.children[:3]] == ["", "", ""]
    assert one.process.poll() is None


def test_nothing_is_left_open_by_a_fork(zygote):
    """Neither in the zygote nor in the next child."""
    source = "import os\n" + hello("str(sorted(map(int, os.listdir('/proc/self/fd')))[:4])")
    one = zygote(apps={"a": source})
    one.fork_ready("a")
    before = one.open_descriptors()
    for _ in range(3):
        one.fork_ready("a")
    assert one.open_descriptors() == before


def test_what_is_shared_is_left_alone_by_the_collector(zygote):
    """A collection in a child would write to pages that are shared."""
    source = "import gc\n" + hello("f'{gc.isenabled()} {gc.get_freeze_count() > 1000}'")
    assert zygote(apps={"a": source}).fork_ready("a").ask("/").text == "True True"


def test_a_python_without_uvicorn_is_told(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", SERVE, "--zygote", str(tmp_path / "z"), "--group", "g"],
        capture_output=True, text=True, check=False, timeout=TIMEOUT,
    )  # fmt: skip
    assert done.returncode == 78
    assert 'cannot serve "g": ' in done.stderr


def test_fastapi_is_warm(zygote):
    """What it imports at its first route has been imported."""
    source = f"""
import sys
before = set(sys.modules)
from fastapi import FastAPI
from pydantic import BaseModel
class Item(BaseModel):
    name: str
served = FastAPI()
@served.get("/")
async def root() -> Item: ...
came = sorted(set(sys.modules) - before)
{HELLO.replace("text()", "str(came)")}
"""
    one = zygote(apps=dict.fromkeys("ab", source))
    assert one.fork_ready("a").ask("/").text == "[]"
    assert one.output() == ""
