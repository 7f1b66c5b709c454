"""`launcher merge`: the module it writes, under real servers that know nothing of launcher."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.e2e.project import PATIENCE, ROOT

pytestmark = pytest.mark.slow

#: Says when it begins and ends, and tells of itself.
APP = """
import os, sys, asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI
print("import {name}", flush=True)
async def leave(): sys.exit(3)
@asynccontextmanager
async def lifespan(app):
    print("begin {name}", flush=True)
    yield
    print("end {name}", flush=True)
app = FastAPI(title="{name}", lifespan=lifespan)
@app.get("/")
async def about():
    return {{"name": "{name}", "where": os.getcwd(), **{{k: v for k, v in os.environ.items() if k.startswith("MY_")}}}}
@app.get("/leave")
async def leaves(): sys.exit(3)
@app.get("/callback")
async def callback(): asyncio.get_running_loop().call_soon(sys.exit, 3)
@app.get("/task")
async def task(): app.state.task = asyncio.create_task(leave())
"""
PROFILE = """
[services.web]
app = "front:app"
depends_on = ["catalog"]
env = { MY_CATALOG = "${services.catalog.url}/x", MY_TEXT = "a \\"b\\" {c} 'd' \\\\ é 🎈\\n$$HOME" }
[services.catalog]
app = "catalog:app"
depends_on = ["orders"]
env = { MY_FOLDER = "${MY_HOME}/data", MY_OTHER = "${MY_NONE:-none}", MY_API_KEY = "hush-hush" }
[services.orders]
app = "orders:app"
prefix = "/o"
[services.worker]
command = "sleep 100"
"""
SERVERS = {
    "uvicorn": ("-m", "uvicorn", "merged_app:app", "--port", "{port}"),
    "hypercorn": ("-m", "hypercorn", "merged_app:app", "--bind", "127.0.0.1:{port}"),
    "gunicorn": (
        "-m",
        "gunicorn",
        "--worker-class=uvicorn_worker.UvicornWorker",
        "--bind=127.0.0.1:{port}",
        "merged_app:app",
    ),
}


class Server:
    """A server of others, with what it prints in a file."""

    def __init__(self, name: str, folder: Path, *more: str, **env: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._log = folder / "server.log"
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PORT": str(self.port),
            "MY_HOME": "/home/me",
            "MY_API_KEY": "from outside",
            **env,
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(word.format(port=self.port) for word in SERVERS[name]), *more],
                cwd=folder,
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def steps(self) -> list[str]:
        """What the apps have said."""
        return [line for line in self.output().splitlines() if line.split(" ")[0] in ("import", "begin", "end")]

    def ask(self, path: str):
        """One request, tried until the server listens."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.output()
            connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode(), answer.headers
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, self.output()
                time.sleep(0.02)
            finally:
                connection.close()

    def until(self, path: str, status: int):
        """Ask until it answers so."""
        deadline = time.monotonic() + PATIENCE
        while (answer := self.ask(path))[0] != status:
            assert time.monotonic() < deadline, f"{answer}\n{self.output()}"
            time.sleep(0.02)
        return answer

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@pytest.fixture
def shop(project):
    for name in ("front", "catalog", "orders"):
        project.file(f"{name}.py", APP.format(name=name))
    project.profile(PROFILE)
    return project


@pytest.fixture
def serve(shop):
    """Merge, and serve what was written."""
    made = []

    def serve(name="uvicorn", *more, **env):
        merged = shop.run("merge", ".")
        assert merged.returncode == 0, merged.stderr
        made.append(Server(name, shop.root, *more, **env))
        return made[-1]

    yield serve
    for server in made:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)  # its workers, too: they outlive it
        server.process.wait()


@pytest.mark.parametrize("name", SERVERS)
def test_any_server_serves_them_all(serve, shop, name):
    """In order, under their prefixes, each with its own environment; and ends them the other way round."""
    server = serve(name)
    about = json.loads(server.ask("/")[1])
    assert about == {
        "name": "front",
        "where": str(shop.root),
        "MY_HOME": "/home/me",
        "MY_API_KEY": "from outside",
        "MY_CATALOG": f"http://127.0.0.1:{server.port}/catalog/x",
        "MY_TEXT": "a \"b\" {c} 'd' \\ é 🎈\n$HOME",
    }
    about = json.loads(server.ask("/catalog/")[1])
    assert (about["name"], about["MY_FOLDER"], about["MY_OTHER"]) == ("catalog", "/home/me/data", "none")
    assert about["MY_API_KEY"] == "from outside"
    assert json.loads(server.ask("/o/")[1])["name"] == "orders"
    assert server.steps() == [f"{step} {app}" for app in ("orders", "catalog", "front") for step in ("import", "begin")]
    described = json.loads(server.ask("/openapi.json")[1])
    assert {"/", "/catalog/", "/o/"} <= described["paths"].keys()
    assert server.ask("/docs")[0] == 200
    server.end()
    assert server.steps()[6:] == ["end front", "end catalog", "end orders"]


@pytest.mark.parametrize("name", SERVERS)
def test_one_that_fails_answers_503_while_the_others_go_on(serve, shop, name):
    """What needs it waits for it; once it is mended, both come up by themselves."""
    shop.file("catalog.py", "1 / 0\n")
    server = serve(name)
    code, text, headers = server.ask("/catalog/")
    assert (code, headers["Retry-After"], headers["Content-Type"]) == (503, "2", "application/problem+json")
    assert json.loads(text)["detail"] == 'catalog: importing "catalog" raised ZeroDivisionError'
    assert json.loads(server.ask("/")[1])["detail"] == "web: it waits for catalog, which is not ready"
    assert server.ask("/o/")[0] == 200
    assert server.ask("/docs")[0] == 200
    shop.file("catalog.py", APP.format(name="catalog"))
    server.until("/catalog/", 200)
    server.until("/", 200)


@pytest.mark.parametrize("name", SERVERS)
def test_sys_exit_ends_no_more_than_its_app(serve, name):
    """In a request: 500. In a background task: that app is started again."""
    server = serve(name)
    assert server.ask("/o/leave")[0] == 500
    assert server.ask("/o/task")[0] == 200
    server.until("/o/", 200)
    assert server.ask("/catalog/")[0] == 200
    deadline = time.monotonic() + PATIENCE
    while server.steps().count("begin orders") < 2:
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.02)
    server.until("/o/", 200)
    assert server.steps().count("begin catalog") == 1


def test_a_variable_that_is_missing_fails_the_app_that_needs_it(serve, shop):
    profile = PROFILE.replace("${MY_HOME}", "${MY_PLACE:?says where}")
    shop.profile(profile)
    server = serve()
    assert json.loads(server.ask("/catalog/")[1])["detail"] == "catalog: variable MY_PLACE: says where"
    assert server.ask("/o/")[0] == 200


def test_env_files_are_the_servers(serve, shop):
    shop.file("vars.env", "MY_PLACE=here\n")
    shop.profile(PROFILE.replace("${MY_HOME}", "${MY_PLACE}"))
    server = serve("uvicorn", "--env-file", "vars.env")
    assert json.loads(server.ask("/catalog/")[1])["MY_FOLDER"] == "here/data"


def test_a_callback_that_exits_ends_the_server(serve):
    """Only the loop could hold it, and that is the server's."""
    server = serve()
    server.ask("/o/callback")
    assert server.process.wait(PATIENCE) == 3


def test_without_lifespans_nothing_starts(serve):
    server = serve("uvicorn", "--lifespan", "off")
    code, text, _ = server.ask("/o/")
    assert (code, json.loads(text)["detail"]) == (503, "orders: it has not started yet")


def test_one_that_hangs_at_its_start_is_not_waited_for_longer_than_it_says(serve, shop):
    shop.file(
        "catalog.py", APP.format(name="catalog").replace("    yield\n", "    await asyncio.sleep(60)\n    yield\n")
    )
    shop.profile(
        PROFILE.replace('app = "catalog:app"', 'app = "catalog:app"\nready_timeout = 0.2').replace('["catalog"]', "[]")
    )
    server = serve()
    assert json.loads(server.ask("/catalog/")[1])["detail"] == "catalog: it has not started yet"
    assert server.ask("/")[0] == 200
    server.end()
    assert "Finished server process" in server.output()


def test_a_hidden_route_fails_the_later_app(serve, shop):
    with (shop.root / "front.py").open("a", encoding="utf-8") as file:
        file.write('@app.get("/o/items")\nasync def hidden(): ...\n')
    server = serve()
    code, text, _ = server.ask("/")
    assert code == 503
    assert 'GET /o/items of "web"' in json.loads(text)["detail"]
    assert 'is hidden by "orders"' in json.loads(text)["detail"]


def test_what_the_module_does_not_hold_is_told(shop):
    """No secret is in it; what has a process of its own is named, and what got a prefix."""
    merged = shop.run("merge")
    assert merged.returncode == 0
    assert "hush-hush" not in merged.stdout
    told = merged.stderr.splitlines()
    assert "W6007 a merged app has no process for a command: service worker" in told
    assert "W7025 service catalog has no `prefix`: here it is at /catalog" in told
    assert "W7025 service web has no `prefix`: here it is at /" in told
    assert any(line.startswith("W6011 MY_API_KEY is secret") for line in told)
    assert not any("orders" in line and "W7025" in line for line in told)


def test_it_is_checked_and_kept_from_being_overwritten(shop):
    """As every export; a file of another name is the same module."""
    assert shop.run("export", "merged", "shop_app.py").returncode == 0
    assert shop.run("merge", "shop_app.py", "--check").returncode == 0
    with (shop.root / "shop_app.py").open("a", encoding="utf-8") as file:
        file.write("# by hand\n")
    assert shop.run("merge", "shop_app.py", "--check").returncode == 1
    assert "was edited since it was exported" in shop.run("merge", "shop_app.py").stderr
    assert shop.run("merge", "shop_app.py", "--force").returncode == 0


def test_it_passes_the_linter(shop):
    assert shop.run("merge", ".").returncode == 0
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert ruff is not None
    checked = subprocess.run(
        [ruff, "check", "--isolated", "--ignore=E501", "merged_app.py"], cwd=shop.root, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


REFUSED = {
    "one prefix": (
        PROFILE.replace('prefix = "/o"', 'prefix = "/catalog/"'),
        "E7021 catalog and orders are both mounted at /catalog of port 8000",
    ),
    "no app": ("[services.a]\ncommand = 'x'\n", "no service is an `app` that could be merged"),
    "different folders": (
        PROFILE.replace('prefix = "/o"', 'directory = "profiles"'),
        "E7001 web and orders cannot share a process: `directory`",
    ),
}


@pytest.mark.parametrize(("profile", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_merged_is_refused(shop, profile, told):
    shop.profile(profile)
    merged = shop.run("merge")
    assert merged.returncode != 0
    assert told in merged.stderr
    assert "Traceback" not in merged.stderr


def test_a_procfile_has_one_web_line_for_them(shop):
    """With mode "single"; the module is beside it, and what is no app has lines of its own."""
    exported = shop.run("export", "procfile", "Procfile", "--set", "launcher.mode=single")
    assert exported.returncode == 0, exported.stderr
    lines = (shop.root / "Procfile").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == [
        'web: exec python -u -m uvicorn merged_app:app --host 0.0.0.0 --port "${PORT}"',
        "worker: sleep 100",
    ]
    assert "will not share one" not in exported.stderr
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["/bin/sh", "-c", lines[1].partition(": ")[2]],
        cwd=shop.root,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PORT": str(port),
            "MY_HOME": "/",
            "MY_API_KEY": "x",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                connection = HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("GET", "/catalog/")
                assert connection.getresponse().status == 200
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            finally:
                connection.close()
    finally:
        process.terminate()
        process.wait()
