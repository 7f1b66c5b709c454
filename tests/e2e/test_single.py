"""The example shop with mode "single": its apps in one process, and all that one can do with them as before."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.e2e.project import ROOT, eventually, free_ports, is_alive

pytestmark = pytest.mark.slow
APPS = ("web", "catalog", "orders")
SINGLE = ("--set", "launcher.mode=single")


@pytest.fixture
def shop(project, monkeypatch):
    """The shop's own profiles, on ports that nobody has."""
    shutil.rmtree(project.root / "profiles")
    for folder in ("profiles", "examples"):
        shutil.copytree(ROOT / folder, project.root / folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    base = project.root / "profiles" / "base.toml"
    base.write_text(base.read_text(encoding="utf-8").replace("8000-8099", free_ports()))
    project.environ |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LAUNCHER_PROFILE": "full",
        "SHOP_PACKING_SECONDS": "0",
    }
    return project


@pytest.fixture
def up(shop):
    """Started in the background, everything ready."""
    started = shop.run("start", "full", *SINGLE, "--detach", "--wait")
    assert started.returncode == 0, started.stdout + started.stderr
    return shop


def ask(view, path="/healthz"):
    connection = HTTPConnection("127.0.0.1", view["port"], timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_every_app_answers_from_one_process(up):
    """Each on its own port; what is no app has a process of its own."""
    status = up.status()
    pid = status["host.apps"]["pid"]
    assert {name: status[name]["pid"] for name in APPS} == dict.fromkeys(APPS, pid)
    assert {name: status[name]["host"] for name in APPS} == dict.fromkeys(APPS, "host.apps")
    assert status["worker"]["pid"] != pid
    assert [ask(status[name])[0] for name in APPS] == [200, 200, 200]
    assert "<h1>Products</h1>" in ask(status["web"], "/")[1]


def test_status_tells_what_each_has_done(up):
    for _ in range(3):
        ask(up.status()["catalog"], "/products")
    table = up.run("status").stdout.splitlines()
    assert table[1].split()[-4:] == ["memory", "requests", "latency", "lag"]
    catalog = next(line for line in table if line.startswith("catalog"))
    assert re.search(r"  [4-9]\d*  +[\d.]+ ms +\d+ ms$", catalog)
    assert next(line for line in table if line.startswith("host.apps")).endswith("MB")


def test_one_restarts_while_the_others_answer(up):
    before = up.status()
    restarted = up.run("restart", "catalog")
    assert restarted.returncode == 0
    after = up.status()
    assert after["catalog"]["generation"] == before["catalog"]["generation"] + 1
    assert after["orders"]["generation"] == before["orders"]["generation"]
    assert after["catalog"]["pid"] == before["catalog"]["pid"]
    assert ask(after["catalog"], "/products")[0] == 200


def test_one_stops_and_starts_again(up):
    """Meanwhile nobody listens on its port."""
    view = up.status()["catalog"]
    assert up.run("stop", "catalog").returncode == 0
    with pytest.raises(ConnectionRefusedError):
        ask(view)
    assert ask(up.status()["orders"])[0] == 200
    assert up.run("start", "full", "catalog", "--detach", "--wait").returncode == 0
    assert ask(up.status()["catalog"])[0] == 200


def test_a_process_that_is_killed_comes_back_with_all_in_it(up):
    """In order, on the same ports; nothing is refused meanwhile."""
    before = up.status()
    os.kill(before["host.apps"]["pid"], signal.SIGKILL)
    assert ask(before["catalog"])[0] == 200
    assert up.run("wait", "--timeout", "25").returncode == 0
    after = up.status()
    assert after["host.apps"]["pid"] != before["host.apps"]["pid"]
    assert [ask(after[name])[0] for name in APPS] == [200, 200, 200]
    eventually(lambda: "host.apps, in which it ran, has ended" in up.run("history", "catalog").stdout)


def test_logs_are_those_of_each(up):
    ask(up.status()["catalog"], "/products")
    eventually(lambda: '"GET /products HTTP/1.1" 200 OK' in up.run("logs", "catalog").stdout)
    assert "/products" not in up.run("logs", "orders").stdout


def test_one_that_fails_answers_503_and_the_others_go_on(shop):
    """Its last lines and its reason are told; once mended and restarted it answers."""
    catalog = shop.root / "examples" / "shop" / "shop" / "catalog.py"
    well = catalog.read_text(encoding="utf-8")
    catalog.write_text(well + "\n1 / 0\n", encoding="utf-8")
    optional = ("--set", "services.catalog.required=false", "--set", "services.catalog.restart.policy=no")
    base = shop.root / "profiles" / "base.toml"
    text = base.read_text(encoding="utf-8")
    base.write_text(text.replace(', catalog = "healthy"', "").replace('["catalog", "orders"]', '["orders"]'))
    started = shop.run("start", "full", *SINGLE, *optional, "--detach", "--wait")
    assert started.returncode == 0, started.stdout + started.stderr
    status = shop.status()
    assert status["catalog"]["state"] == "failed"
    assert status["catalog"]["reason"]["text"] == 'importing "shop.catalog" raised ZeroDivisionError'
    code, text, headers = ask(status["catalog"])
    assert (code, headers["Retry-After"]) == (503, "2")
    assert 'importing \\"shop.catalog\\" raised ZeroDivisionError' in text
    assert ask(status["orders"])[0] == 200
    assert "ZeroDivisionError" in shop.run("logs", "catalog").stdout
    catalog.write_text(well, encoding="utf-8")
    assert shop.run("restart", "catalog").returncode == 0
    assert ask(shop.status()["catalog"])[0] == 200


def test_stop_leaves_nothing(up):
    pids = {view["pid"] for view in up.status().values() if view["pid"]}
    assert up.run("stop").returncode == 0
    assert not any(is_alive(pid) for pid in pids)
    assert not list((up.root / ".launcher" / "full").glob("*.sock"))


def test_what_cannot_share_a_process_is_told_with_its_line(project):
    project.profile("[launcher]\nmode = 'single'\n[services.api]\napp = 'm:app'\nuser = 'root'\n")
    project.file("m.py", "app = 1\n")
    checked = project.run("config", "check")
    assert checked.returncode == 2
    assert "E7001 profiles/dev.toml:5: services.api.user: cannot be kept in a process that" in checked.stderr


def test_replicas_in_a_shared_process_are_told_to_be_one(project):
    project.profile("[launcher]\nmode = 'single'\n[services.api]\napp = 'm:app'\nreplicas = 2\n")
    project.file("m.py", "app = 1\n")
    checked = project.run("config", "check")
    assert checked.returncode == 0
    assert "W7003 profiles/dev.toml:5: services.api.replicas: 2 replicas in one process are one" in checked.stderr


def test_an_export_says_that_it_does_not_merge(project):
    project.profile("[launcher]\nmode = 'single'\n[services.api]\napp = 'm:app'\n")
    project.file("m.py", "app = 1\n")
    exported = project.run("export", "systemd")
    assert exported.returncode == 0
    assert "W7004 systemd runs a process for each service: api will not share one" in exported.stderr
    assert "m:app" in exported.stdout
