"""A service that ends its shared process again and again is moved to a process of its own, and all is well again."""

from __future__ import annotations

from http.client import HTTPConnection

import pytest

from tests.e2e.project import eventually, free_ports

pytestmark = pytest.mark.slow
ANSWERS = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"answer"})
"""
#: Only where it shares a process.
ENDS_IT = "import os, sys\nif '--channel' in sys.argv: os._exit(3)\n"
PROFILE = "".join(f"[services.{name}]\napp = '{name}:app'\nport = 'auto'\n" for name in ("calm", "bad", "late"))


def write(project):
    project.profile(f"[launcher]\nmode = 'single'\nports = '{free_ports()}'\n{PROFILE}")
    for name, source in {"calm": ANSWERS, "late": ANSWERS, "bad": ENDS_IT + ANSWERS}.items():
        project.file(f"{name}.py", source)


@pytest.fixture
def up(project):
    write(project)
    started = project.run("start", "--detach", "--wait")
    assert started.returncode == 0, started.stdout + started.stderr
    return project


def ask(view):
    connection = HTTPConnection("127.0.0.1", view["port"], timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_it_is_moved_and_the_reason_told(up):
    """The start-up succeeds all the same; each answers on the port that it had."""
    status = up.status()
    assert {name: status[name]["host"] for name in ("calm", "bad", "late")} == {
        "calm": "host.apps",
        "bad": "",
        "late": "host.apps",
    }
    assert [ask(status[name]) for name in ("calm", "bad", "late")] == [b"answer"] * 3
    assert status["host.apps"]["restarts"] == 5
    told = (up.root / ".launcher" / "dev" / "launcher.log").read_text(encoding="utf-8")
    assert "bad gets a process of its own: it has taken host.apps along 5 times within 60 s" in told
    eventually(lambda: "it took host.apps along when it called os._exit(3)" in up.run("history", "bad").stdout)
    eventually(lambda: "host.apps, in which it ran, has ended, by bad" in up.run("history", "calm").stdout)


def test_nothing_is_refused_while_it_is_moved(project):
    """A connection waits on the socket that it had, until it listens there again."""
    write(project)
    running = project.start()
    running.until("bad gets a process of its own")
    assert ask(project.status()["bad"]) == b"answer"
    assert project.status()["bad"]["host"] == ""


def test_it_lives_like_any_other_from_then_on(up):
    """It is restarted and stopped alone, and a new launcher places it with the others again."""
    before = up.status()
    assert up.run("restart", "bad").returncode == 0
    after = up.status()
    assert after["bad"]["pid"] not in {before["bad"]["pid"], after["host.apps"]["pid"]}
    assert ask(after["bad"]) == b"answer"
    assert after["host.apps"]["pid"] == before["host.apps"]["pid"]
    assert up.run("stop").returncode == 0
    assert not list((up.root / ".launcher" / "dev").glob("*.blame"))
    assert "in       host.apps" in up.run("plan").stdout.partition("  bad\n")[2]
