"""Real FastAPI services with mode "forked": one import, a process each."""

from __future__ import annotations

import os
import signal
import socket
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.e2e.project import eventually, is_alive

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="orphans come to us on Linux only"),
]
SERVICES = ("catalog", "orders", "web")
PROFILE = """
[services.catalog]
app = "catalog:app"
health = { http = "/health" }
[services.orders]
app = "orders:app"
depends_on = ["catalog"]
env = { GREETING = "hello ${services.catalog.port}" }
directory = "orders"
limits = { open_files = 500 }
[services.web]
app = "web:app"
depends_on = ["orders"]
"""
APP = """
from __future__ import annotations
import os, sqlite3, sys
from fastapi import FastAPI
from pydantic import BaseModel, Field

print("imported by", os.getpid())
app = FastAPI()

class Item(BaseModel):
    name: str = Field(min_length=1)
    price: float = 0.0

@app.get("/health")
def health() -> dict[str, object]:
    return {"pid": os.getpid(), "cwd": os.getcwd(), "greeting": os.environ.get("GREETING")}

@app.post("/items")
def add(item: Item) -> Item:
    print("added", item.name, file=sys.stderr)
    return item

@app.get("/die")
def die() -> None:
    os._exit(42)
"""


@pytest.fixture
def shop(project):
    """Three services, none started."""
    for name in SERVICES:
        project.file(f"{name}.py" if name != "orders" else "orders/orders.py", APP)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        first = min(listener.getsockname()[1], 65500)
    project.profile(f'[launcher]\nports = "{first}-{first + 30}"\n{PROFILE}')
    project.environ["LAUNCHER__LAUNCHER__MODE"] = "forked"
    return project


@pytest.fixture
def up(shop):
    """Started in the background, everything ready."""
    started = shop.run("start", "--detach", "--wait")
    assert started.returncode == 0, started.stdout + started.stderr
    return shop


def ask(view, path="/health", method="GET", body=None):
    connection = HTTPConnection("127.0.0.1", view["port"], timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def proportional(*pids):
    """What these processes take of memory, shared pages by share, in bytes."""
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def test_each_is_a_process_of_its_own_that_others_have_imported_for(up):
    """In order; with its directory, its environment, its limits, its name in `ps`."""
    status = up.status()
    pids = [status[name]["pid"] for name in ("host.forked", *SERVICES)]
    assert len(set(pids)) == 4
    assert status["catalog"]["started"] < status["orders"]["started"] < status["web"]["started"]
    orders = status["orders"]
    assert f'"cwd":"{up.root}/orders","greeting":"hello {status["catalog"]["port"]}"' in ask(orders)[1]
    assert "Max open files            500 " in Path(f"/proc/{orders['pid']}/limits").read_text()
    assert "orders:app" in Path(f"/proc/{orders['pid']}/cmdline").read_text()
    assert up.run("logs", "host.forked").stdout == ""


def test_output_is_each_ones_own(up):
    """Its prints, its errors, its requests."""
    assert ask(up.status()["orders"], "/items", "POST", '{"name": "spoon"}')[0] == 200
    eventually(lambda: '"POST /items HTTP/1.1" 200 OK' in up.run("logs", "orders").stdout)
    assert "added spoon" in up.run("logs", "orders").stdout
    assert "spoon" not in up.run("logs", "catalog").stdout


def test_together_they_take_less_than_as_many_processes(up):
    """And each restart is another fork, not another import of what they share."""
    forked = proportional(*(view["pid"] for view in up.status().values()))
    assert up.run("stop").returncode == 0
    up.environ["LAUNCHER__LAUNCHER__MODE"] = "multi"
    assert up.run("start", "--detach", "--wait").returncode == 0
    multi = proportional(*(view["pid"] for view in up.status().values()))
    assert forked < 0.95 * multi


def test_a_restart_forks_anew_and_costs_little(up):
    """Less than half of the processor's time that the zygote has spent on imports."""
    before = up.status()
    assert up.run("restart", "catalog").returncode == 0
    after = up.status()
    assert after["catalog"]["pid"] != before["catalog"]["pid"]
    assert after["host.forked"]["pid"] == before["host.forked"]["pid"]
    assert ask(after["catalog"])[0] == 200
    ticks = [used(after[name]["pid"]) for name in ("catalog", "host.forked")]
    assert ticks[0] < ticks[1] / 2


def used(pid):
    """The processor time that a process has used, in ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_one_that_is_killed_comes_back_on_its_socket(up):
    before = up.status()
    os.kill(before["orders"]["pid"], signal.SIGKILL)
    assert ask(before["orders"])[0] == 200  # it waits on the socket that the launcher holds
    eventually(lambda: up.status()["orders"]["state"] == "ready")
    after = up.status()
    assert after["orders"]["pid"] != before["orders"]["pid"]
    assert after["catalog"]["pid"] == before["catalog"]["pid"]
    eventually(lambda: "killed by SIGKILL" in up.run("history", "orders").stdout)  # written after half a second of calm


def test_an_exit_code_is_told_also_without_the_zygote(up):
    """The services go on without it, new starts wait for its successor."""
    before = up.status()
    os.kill(before["host.forked"]["pid"], signal.SIGKILL)
    with pytest.raises(OSError, match=r"Remote end closed|Connection reset"):
        ask(before["catalog"], "/die")
    eventually(lambda: up.status()["catalog"]["state"] == "ready")
    after = up.status()
    assert after["catalog"]["generation"] == before["catalog"]["generation"] + 1
    assert after["host.forked"]["pid"] != before["host.forked"]["pid"]
    assert after["web"]["pid"] == before["web"]["pid"]
    assert "exited with code 42" in up.run("history", "catalog").stdout
    assert [ask(after[name])[0] for name in SERVICES] == [200, 200, 200]


def test_a_start_that_fails_is_told_and_rolled_back(shop):
    shop.file("web.py", "1 / 0\n")
    started = shop.run("start", "--detach", "--wait", "--set", "services.web.restart.policy=no")
    assert started.returncode == 4
    assert 'cannot serve "web:app": importing "web" raised ZeroDivisionError' in started.stdout + started.stderr


def test_what_is_preloaded_is_renewed_with_the_host(shop):
    """A restart of a service reads its own code anew, and finds the library as it was imported."""
    library = shop.file("site/library.py", "VERSION = 1\n")
    for name in ("catalog", "web"):
        shop.file(f"{name}.py", f"{APP}\nimport library\nprint('library', library.VERSION, 'own', 1)\n")
    profile = shop.root / "profiles" / "dev.toml"
    profile.write_text(f'[env]\nPYTHONPATH = "{shop.root}/site:{shop.environ["PYTHONPATH"]}"\n{profile.read_text()}')
    assert shop.run("start", "--detach", "--wait").returncode == 0
    library.write_text("VERSION = 'two'\n")
    shop.file("web.py", f"{APP}\nimport library\nprint('library', library.VERSION, 'own', 'two')\n")
    assert shop.run("restart", "web").returncode == 0
    assert "library 1 own two" in shop.run("logs", "web").stdout
    assert shop.run("restart", "host.forked").returncode == 0
    assert shop.run("restart", "web").returncode == 0
    assert "library two own two" in shop.run("logs", "web").stdout


def test_stop_leaves_nothing(up):
    pids = {view["pid"] for view in up.status().values()}
    assert up.run("stop").returncode == 0
    assert not any(is_alive(pid) for pid in pids)
    assert not list((up.root / ".launcher" / "dev").glob("*.sock"))


def test_a_launcher_that_is_killed_leaves_nothing(up):
    """Within a moment: the guard ends the zygote and its forks."""
    pids = {view["pid"] for view in up.status().values()}
    launcher = int((up.root / ".launcher" / "dev" / "lock").read_text().split()[0])
    os.kill(launcher, signal.SIGKILL)
    eventually(lambda: not any(is_alive(pid) for pid in pids))


def test_an_export_says_that_nothing_is_shared(shop):
    exported = shop.run("export", "procfile")
    assert exported.returncode == 0
    assert "W7004 procfile starts each service by itself: catalog, orders, web will share no import" in exported.stderr
