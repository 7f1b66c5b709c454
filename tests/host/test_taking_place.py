"""A process that comes in the place of another on the same sockets: nobody is answered by it before, by that after."""

from __future__ import annotations

import http.client
import os
import threading
from pathlib import Path

import pytest

from launcher.host import channel_of
from launcher.host.address import beside
from launcher.host.blame import blame_of, read_blame
from tests.host.hosted import Host, hello
from tests.serving import TIMEOUT

pytestmark = pytest.mark.slow  # each test starts two interpreters with uvicorn

WAITS = """
    import asyncio, os

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        if scope["path"].endswith("/wait"):
            print("waits", flush=True)
            await asyncio.to_thread(lambda: open(os.environ["GATE"]).read())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"old"})
"""
ENDS = "import os\n" + hello("os._exit(3)")


@pytest.fixture
def follow(host):
    """Makes the process that is to follow."""
    made = []

    def make():
        made.append(Host(host.folder, before=host))
        return made[-1]

    yield make
    for one in made:
        one.close()


def channel(host):
    return channel_of(str(host.folder), "apps")


def socket_at(path):
    """Which socket can be found there."""
    return Path(path).stat().st_ino


def test_nobody_is_answered_by_it_before_it_has_taken_the_place(host, follow):
    """It is found beside the other's channel; then in its place, and the other takes nothing away as it goes."""
    one = host.start_ready("one", hello("'old'"))
    following = follow()
    following.rise("one", hello("'the new one'"))
    assert {one.ask("/").text for _ in range(20)} == {"old"}
    new = socket_at(beside(channel(host)))
    assert socket_at(channel(host)) != new
    following.take_place()
    assert host.is_lost()
    assert host.process.wait(TIMEOUT) == 0
    assert one.ask("/").text == "the new one"
    assert socket_at(channel(host)) == new
    assert not Path(beside(channel(host))).exists()


def test_what_fails_there_answers_nobody_either(host, follow):
    """No 503 in the place of one that serves; and nothing is left behind when it ends."""
    one = host.start_ready("one", hello("'old'"))
    before = socket_at(channel(host))
    following = follow()
    following.start("one", "1 / 0\n")
    assert following.ended("one").why == 'importing "one" raised ZeroDivisionError'
    assert {one.ask("/").status for _ in range(20)} == {200}
    assert following.end() == 0
    assert {path.name for path in host.folder.glob("host-apps*")} == {"host-apps.sock", "host-apps.blame"}
    assert socket_at(channel(host)) == before


@pytest.mark.parametrize("prefix", [None, "/one"], ids=["a port of its own", "below a prefix"])
def test_requests_in_flight_end_where_they_began(host, follow, prefix):
    """For as long as the drain; nobody is told 503 meanwhile."""
    gate = host.folder / "gate"
    os.mkfifo(gate)
    at = prefix or ""
    one = host.start("one", WAITS, prefix=prefix, GATE=str(gate))
    while one.ask(f"{at}/").status != 200:
        pass
    two = host.start("two", hello("'old'"), prefix=prefix and "/two", beside=one if prefix else None)
    while two.ask("/two").status != 200:
        pass
    answers = []
    asking = threading.Thread(target=lambda: answers.append(one.ask(f"{at}/wait").text))
    asking.start()
    one.says("waits")
    following = follow()
    following.rise("one", hello("'the new one'"), prefix=prefix)
    following.rise("two", hello("'the new one'"), prefix=prefix and "/two")
    following.take_place()
    heard = {one.ask(f"{at}/") for _ in range(50)} | {two.ask("/two") for _ in range(50)}
    assert {answer.status for answer in heard} == {200}
    assert host.process.poll() is None
    with gate.open("w"):
        pass
    asking.join(TIMEOUT)
    assert answers == ["old"]
    assert host.process.wait(TIMEOUT) == 0
    assert one.ask(f"{at}/").text == "the new one"


def test_who_is_to_blame_for_its_end_is_written_beside_the_other(host, follow):
    """Which is not to blame."""
    host.start_ready("bad", hello("'good as yet'"))
    following = follow()
    following.start("bad", "import os\nos._exit(3)\n")
    assert following.is_lost()
    assert read_blame(beside(channel(host))) == ("bad", "when it called os._exit(3)")
    assert read_blame(channel(host)) == ("", "")


def test_who_is_to_blame_later_is_written_in_the_place_of_the_other(host, follow):
    host.start_ready("bad", hello("'good as yet'"))
    following = follow()
    bad = following.rise("bad", ENDS)
    following.take_place()
    assert host.process.wait(TIMEOUT) == 0
    assert Path(blame_of(channel(host))).exists()
    with pytest.raises(http.client.HTTPException):
        bad.ask("/")
    assert following.is_lost()
    assert read_blame(channel(host)) == ("bad", "when it called os._exit(3)")
