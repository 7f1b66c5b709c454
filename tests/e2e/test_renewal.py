"""`launcher restart` in a shared process: the new code comes in beside the old, under load, and nothing fails."""

from __future__ import annotations

import http.client
from contextlib import closing

import pytest

from tests.e2e.load import Load, ask

pytestmark = pytest.mark.slow

APP = """
import {common}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{text}"}})
"""
PROFILE = """
[launcher]
mode = "single"
[services.one]
app = "one:app"
[services.two]
app = "two:app"
"""


@pytest.fixture
def up(project):
    """Two components that share a module, ready, in the background."""
    project.profile(PROFILE)
    project.file("common.py", "X = 1\n")
    for name in ("one", "two"):
        project.file(f"{name}.py", APP.format(text="old", common="common"))
    started = project.run("start", "dev", "--detach", "--wait")
    assert started.returncode == 0, started.stderr
    return project


def test_new_code_comes_in_beside_the_old_and_no_request_fails(up):
    """It is said what was done; the process stays, and so does the neighbour."""
    before = up.status()
    with Load(before["one"]["port"]) as load:
        load.heard((200, "old"))
        up.file("one.py", APP.format(text="new", common="common"))
        restarted = up.run("restart", "one")
        assert restarted.returncode == 0, restarted.stderr
        load.heard((200, "new"))
    assert set(load.answers) == {(200, "old"), (200, "new")}
    after = up.status()
    assert (
        "one has started anew beside itself, in the same process: 1 module of its own imported anew" in restarted.stdout
    )
    assert after["one"]["generation"] == before["one"]["generation"] + 1
    assert after["one"]["pid"] == before["host.apps"]["pid"]
    assert after["two"]["generation"] == before["two"]["generation"]


def test_new_code_that_fails_is_told_and_the_old_one_goes_on(up):
    up.file("one.py", "1 / 0\n")
    restarted = up.run("restart", "one")
    assert restarted.returncode == 1
    assert "E7006 one goes on as it was, for its new code did not start: importing" in restarted.stderr
    with closing(http.client.HTTPConnection("127.0.0.1", up.status()["one"]["port"], timeout=20)) as connection:
        assert ask(connection) == (200, "old")
    assert up.status()["one"]["reason"]["text"].startswith("goes on as it was: importing")
    assert "ZeroDivisionError" in up.run("logs", "one").stdout


def test_where_the_neighbour_has_it_too_all_get_a_new_process_and_no_request_fails(up):
    """It begins beside the old one; no more is asked of clients than to open an idle connection again."""
    before = up.status()
    with Load(before["one"]["port"]) as load:
        load.heard((200, "old"))
        up.file("common.py", "X = 12345\n")
        up.file("one.py", APP.format(text="newer", common="common"))
        restarted = up.run("restart", "one")
        assert restarted.returncode == 0, restarted.stderr
        load.heard((200, "newer"))
    assert set(load.answers) <= {(200, "old"), (200, "newer"), ("closed while idle",)}
    assert "starting a new process beside host.apps for the new code of one: " in restarted.stdout
    assert 'common.py has changed, which "two.1" has imported too' in restarted.stdout
    assert "one has started anew beside itself, in a new process" in restarted.stdout
    assert up.run("wait").returncode == 0
    after = up.status()
    assert after["host.apps"]["pid"] != before["host.apps"]["pid"]
    for name in before:
        assert after[name]["generation"] == before[name]["generation"] + 1
        assert after[name]["pid"] == after["host.apps"]["pid"]
        assert after[name]["restarts"] == before[name]["restarts"]
