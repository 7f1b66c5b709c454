"""Apps under prefixes: together on one port of one process, each below its own; and as ever where they run alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from http.client import HTTPConnection

import pytest

from tests.e2e.project import eventually

pytestmark = pytest.mark.slow

FASTAPI = """
import os
from fastapi import FastAPI, Request
app = FastAPI(title="{name}")
@app.get("/healthz")
async def healthz(request: Request):
    return {{"name": "{name}", "at": str(request.url_for("healthz")), "orders": os.environ.get("ORDERS")}}
"""
#: Two that share a port, one of which the other needs, and one with a port of its own.
PROFILE = """
[launcher]
mode = "single"
ports = "{ports}"
[services.catalog]
app = "catalog:app"
prefix = "/catalog"
health = {{ http = "/healthz" }}
depends_on = ["orders"]
env = {{ ORDERS = "${{services.orders.url}}" }}
[services.orders]
app = "orders:app"
prefix = "/orders/"
[services.alone]
app = "alone:app"
"""


def ask(port, path):
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def is_refused(port):
    """Whether nobody listens; a connection that comes while the port is closed may be answered, or hung up on."""
    try:
        ask(port, "/")
    except ConnectionRefusedError:
        return True
    except ConnectionError:
        return False
    return False


@pytest.fixture
def shop(project):
    """Three FastAPI apps and ports that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        first = min(listener.getsockname()[1], 65000)
    for name in ("catalog", "orders", "alone"):
        project.file(f"{name}.py", FASTAPI.format(name=name))
    project.profile(PROFILE.format(ports=f"{first}-{first + 99}"))
    return project


@pytest.fixture
def up(shop):
    started = shop.run("start", "--detach", "--wait")
    assert started.returncode == 0, started.stdout + started.stderr
    return shop


def test_two_answer_on_one_port_and_one_on_its_own(up):
    """Each finds its routes and makes links that lead back; `status` and references know the prefix."""
    status = up.status()
    port = status["catalog"]["port"]
    assert status["orders"]["port"] == port != status["alone"]["port"]
    assert status["catalog"]["url"] == f"http://127.0.0.1:{port}/catalog"
    assert len({one["pid"] for one in status.values()}) == 1
    told = json.loads(ask(port, "/catalog/healthz")[1])
    assert told == {
        "name": "catalog",
        "at": f"http://127.0.0.1:{port}/catalog/healthz",
        "orders": f"http://127.0.0.1:{port}/orders",
    }
    assert json.loads(ask(port, "/orders/healthz")[1])["name"] == "orders"
    assert json.loads(ask(status["alone"]["port"], "/healthz")[1])["name"] == "alone"
    code, text, _ = ask(port, "/healthz")
    assert (code, json.loads(text)["mounts"]) == (404, ["/catalog", "/orders"])


def test_one_description_and_one_page(up):
    port = up.status()["catalog"]["port"]
    described = json.loads(ask(port, "/openapi.json")[1])
    assert described["info"]["title"] == "dev"
    assert sorted(described["paths"]) == ["/catalog/healthz", "/orders/healthz"]
    code, page, headers = ask(port, "/docs")
    assert (code, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "/catalog/healthz" in page
    assert ask(port, "/orders/docs")[0] == 200


def test_one_restarts_while_another_answers(up):
    """Whoever asks for the one meanwhile is told 503, and to come back."""
    port = up.status()["catalog"]["port"]
    over = threading.Event()
    found: dict[str, set[int]] = {"/orders/healthz": set(), "/catalog/healthz": set()}

    def keep_asking() -> None:
        while not over.is_set():
            for path, codes in found.items():
                codes.add(ask(port, path)[0])

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        assert up.run("restart", "catalog").returncode == 0
    finally:
        over.set()
        asking.join()
    assert found["/orders/healthz"] == {200}
    assert found["/catalog/healthz"] <= {200, 503}
    assert ask(port, "/catalog/healthz")[0] == 200


def test_what_is_stopped_is_mounted_no_more_and_the_port_goes_with_the_last(up):
    port = up.status()["catalog"]["port"]
    assert up.run("stop", "catalog").returncode == 0
    eventually(lambda: ask(port, "/catalog/healthz")[0] == 404)
    assert ask(port, "/orders/healthz")[0] == 200
    assert up.run("start", "catalog", "--detach", "--wait").returncode == 0
    assert ask(port, "/catalog/healthz")[0] == 200
    assert up.run("stop", "catalog", "orders").returncode == 0
    eventually(lambda: is_refused(port))


def test_the_port_outlives_the_process(up):
    """Killed with all in it, it comes back on the same port, and nobody is refused."""
    before = up.status()
    os.kill(before["host.apps"]["pid"], signal.SIGKILL)
    assert ask(before["catalog"]["port"], "/orders/healthz")[0] in (200, 404, 503)
    assert up.run("wait", "--timeout", "25").returncode == 0
    assert ask(before["catalog"]["port"], "/catalog/healthz")[0] == 200


def test_one_that_fails_answers_503_under_its_prefix(shop):
    shop.file("catalog.py", "1 / 0\n")
    policy = ("--set", "services.catalog.restart.policy=no", "--set", "services.catalog.required=false")
    assert shop.run("start", *policy, "--detach", "--wait").returncode == 0
    port = shop.status()["orders"]["port"]
    code, text, headers = ask(port, "/catalog/anything")
    assert (code, headers["Retry-After"]) == (503, "2")
    assert "ZeroDivisionError" in json.loads(text)["detail"]
    assert ask(port, "/orders/healthz")[0] == 200


def test_one_that_waits_answers_503_under_its_prefix(shop):
    """As soon as the port answers at all, whatever it waits for: whoever asks may come back."""
    os.mkfifo(shop.root / "gate")
    with (shop.root / "profiles" / "dev.toml").open("a") as profile:
        profile.write('[services.gate]\nkind = "task"\ncommand = "cat gate"\n')
    running = shop.start("--set", 'services.catalog.depends_on=["orders", "gate"]')
    running.until("orders ready after")
    port = shop.status()["orders"]["port"]
    code, text, headers = ask(port, "/catalog/healthz")
    assert (code, headers["Retry-After"], headers["Content-Type"]) == (503, "2", "application/problem+json")
    assert json.loads(text)["detail"] == "catalog.1: it has not started yet"
    with (shop.root / "gate").open("w"):
        pass
    eventually(lambda: ask(port, "/catalog/healthz")[0] == 200)
    assert running.stop() == 130


SITE = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/api/items")
async def hidden(): ...
"""
HIDDEN = """
[launcher]
mode = "single"
[services.api]
app = "api:app"
prefix = "/api"
[services.site]
app = "site_app:app"
prefix = "/"
depends_on = ["api"]
required = false
restart = "no"
"""


def test_a_hidden_route_fails_the_later_component_and_names_both(shop):
    """So it is found before the first request; and ahead of any start by `config check --imports`."""
    shop.file("site_app.py", SITE)
    shop.file("api.py", SITE.replace("/api/items", "/items"))
    shop.profile(HIDDEN)
    told = (
        'GET /api/items of "site" ({root}site_app.py:4) never answers: it is hidden by "api", which is mounted at /api '
        "and has GET /api/items as well ({root}api.py:4)"
    )
    checked = shop.run("config", "check", "--imports")
    assert checked.returncode == 2
    assert f"E7023 {told.format(root='')}" in checked.stderr
    assert shop.run("start", "--detach", "--wait").returncode == 0
    site = shop.status()["site"]
    assert site["state"] == "failed"
    assert told.format(root=f"{shop.root}/") in site["reason"]["text"]
    assert ask(site["port"], "/api/items")[0] == 200
    assert ask(site["port"], "/elsewhere")[0] == 503


def test_conflicts_are_found_before_anything_starts(shop):
    shop.profile(
        '[launcher]\nmode = "single"\n[services.a]\napp = "catalog:app"\nprefix = "/x"\nport = 8000\n'
        '[services.b]\napp = "orders:app"\nprefix = "/x/"\n[services.c]\napp = "alone:app"\nport = 8000\n'
    )
    checked = shop.run("start")
    assert checked.returncode == 2
    assert "E7021 a and b are both mounted at /x of port 8000" in checked.stderr
    assert "E7020 c has port 8000 to itself, and a is mounted there at /x" in checked.stderr


@pytest.mark.parametrize("mode", ["multi", "forked"])
def test_alone_in_its_process_an_app_keeps_its_prefix(shop, mode):
    """So a profile means the same in every mode, but for the port."""
    started = shop.run("start", "--set", f"launcher.mode={mode}", "--detach", "--wait")
    assert started.returncode == 0, started.stdout + started.stderr
    status = shop.status()
    assert status["catalog"]["port"] != status["orders"]["port"]
    port = status["catalog"]["port"]
    assert json.loads(ask(port, "/catalog/healthz")[1])["at"] == f"http://127.0.0.1:{port}/catalog/healthz"
    assert ask(port, "/healthz")[0] == 404


def test_a_prefix_that_is_stripped(shop):
    """For an app that knows nothing of `root_path`."""
    shop.file(
        "plain.py",
        "async def app(scope, receive, send):\n"
        "    assert scope['type'] == 'http'\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': scope['path'].encode()})\n",
    )
    profile = '[services.plain]\napp = "plain:app"\nprefix = "/plain"\nstrip_prefix = true\nplacement = "{}"\n'
    for placement in ("own", "merged"):
        shop.profile(profile.format(placement))
        assert shop.run("start", "--detach", "--wait").returncode == 0
        assert ask(shop.status()["plain"]["port"], "/plain/x")[:2] == (200, "/x")
        assert shop.run("stop").returncode == 0
