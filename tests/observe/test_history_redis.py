"""The history in a real Redis: under keys of its own, bounded, and whole again after what happens to servers."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from redis import Redis

from launcher.observe.history import redis as ours
from launcher.observe.history.record import StoreTrouble
from launcher.observe.history.redis import RedisStore
from tests.observe.changes import WALL, records, session
from tests.observe.redis_server import PASSWORD, Server, missing

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or "there is one")]

UP = ((0, "waiting"), (1, "starting"), (2, "ready"))
PREFIX = "launcher:shop-123456:dev:"


@pytest.fixture(scope="module")
def running():
    """One server for all tests; a socket's path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="redis"))
    made = Server(folder)
    try:
        made.start()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder)


@pytest.fixture
def client(running):
    with Redis.from_url(running.url, decode_responses=True) as made:
        made.flushall()
        yield made


@pytest.fixture
def open_store(running, client):
    made = []

    def make(*, url=running.url, keep=1e9, size=64 << 20, prefix=PREFIX):
        made.append(RedisStore(url, prefix=prefix, keep=keep, size=size, wall=lambda: WALL))
        return made[-1]

    yield make
    for store in made:
        store.close()


def test_what_was_written_is_read(open_store, client):
    """By another client too; under these keys and no others."""
    written = records(*UP, (5, "backoff"))
    open_store().write(session(), written)
    other = open_store()
    assert list(other.records([])) == written
    assert list(other.records(["web"])) == []
    assert other.sessions() == [session()]
    assert sorted(client.keys()) == [f"{PREFIX}changes", f"{PREFIX}sessions"]


def test_profiles_do_not_mix(open_store):
    """Each has its own keys."""
    open_store().write(session(), records(*UP))
    assert list(open_store(prefix="launcher:shop-123456:prod:").records([])) == []


def test_a_batch_written_twice_counts_once(open_store):
    """That is what happens when the answer to the first one is lost."""
    store = open_store()
    for _ in range(2):
        store.write(session(), records(*UP))
    assert list(store.records([])) == records(*UP)


def test_more_than_a_page(open_store):
    """Every record is read, once and in order."""
    store = open_store()
    written = records(*((at, "ready" if at % 2 else "unhealthy") for at in range(2 * ours.PAGE + 7)))
    store.write(session(), written)
    assert list(store.records([])) == written


def test_it_does_not_grow_past_its_size(open_store, client):
    """The oldest go first; Redis lets go whole nodes of 100 entries."""
    store = open_store(size=1000 * ours.ENTRY)
    written = records(*((at, "ready" if at % 2 else "unhealthy") for at in range(5000)))
    for start in range(0, len(written), 500):
        store.write(session(), written[start : start + 500])
    assert 1000 <= client.xlen(f"{PREFIX}changes") < 1200
    assert list(store.records([]))[-1] == written[-1]


def test_what_is_too_old_goes(open_store, client):
    """By the server's clock, which gave the entries their times; so do sessions."""
    fields = {"session": "old", "number": 1}
    for number in range(300):
        client.xadd(f"{PREFIX}changes", fields, id=f"{number + 1}-0")
    store = open_store(keep=3600.0)
    client.hset(
        f"{PREFIX}sessions", "old", '{"id":"old","began":1,"began_now":1,"boot":"","pid":1,"seen":1,"seen_now":1}'
    )
    store.write(session(), records(*UP))
    assert client.xlen(f"{PREFIX}changes") < 110
    assert [one.id for one in store.sessions()] == ["one"]


@pytest.mark.parametrize("key", ["changes", "sessions"])
def test_another_programs_key(open_store, client, key):
    """It is left alone, and named."""
    client.set(f"{PREFIX}{key}", "theirs")
    store = open_store()
    with pytest.raises(StoreTrouble, match=f"{PREFIX}{key} is somebody else's: a string.*WRONGTYPE") as raised:
        store.write(session(), records(*UP))
    assert not raised.value.lasting
    assert client.get(f"{PREFIX}{key}") == "theirs"
    client.delete(f"{PREFIX}{key}")
    store.write(session(), records(*UP))
    assert len(list(store.records([]))) == 3


def test_a_key_that_becomes_another_programs(open_store, client):
    """Also while we are connected."""
    store = open_store()
    store.write(session(), records(*UP))
    client.delete(f"{PREFIX}changes")
    client.set(f"{PREFIX}changes", "theirs")
    for _ in range(2):
        with pytest.raises(StoreTrouble, match="WRONGTYPE"):
            store.write(session(), records(*UP))
    assert client.get(f"{PREFIX}changes") == "theirs"


def test_killed_and_started_again(open_store, running):
    """Nothing that was written is lost, and writing goes on."""
    store = open_store()
    store.write(session(), records(*UP))
    running.kill()
    with pytest.raises(StoreTrouble, match="cannot use Redis at") as raised:
        store.write(session(), records((3, "backoff")))
    assert PASSWORD not in str(raised.value)
    running.start()
    store.write(session(), records(*UP, (3, "backoff"))[3:])
    assert list(store.records([])) == records(*UP, (3, "backoff"))


def test_slow(open_store, running, monkeypatch):
    """It is not waited for."""
    monkeypatch.setattr(ours, "PATIENCE", 0.2)
    store = open_store()
    store.write(session(), records(*UP))
    running.freeze()
    try:
        with pytest.raises(StoreTrouble, match="cannot use Redis"):
            store.write(session(), records(*UP))
    finally:
        running.thaw()
    store.write(session(), records(*UP))
    assert list(store.records([])) == records(*UP)


@pytest.mark.parametrize(
    "url",
    [
        "unix://:not-the-password@{socket}",
        "redis://:not-the-password@127.0.0.1:1/0",
        "redis://:not-the-password@host:x/0",
    ],
)
def test_no_password_is_shown(open_store, running, url):
    """Whatever is wrong."""
    with pytest.raises(StoreTrouble) as raised:
        open_store(url=url.format(socket=running.socket)).write(session(), [])
    assert "not-the-password" not in str(raised.value)
    assert not raised.value.lasting


def test_without_the_package(open_store, monkeypatch):
    """It is an extra, and no outage that would pass."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(StoreTrouble, match=r"pip install 'launcher\[redis\]'") as raised:
        open_store().write(session(), [])
    assert raised.value.lasting


def test_full(open_store, client):
    """A Redis that takes nothing any more can still be read."""
    store = open_store()
    store.write(session(), records(*UP))
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreTrouble, match="maxmemory"):
            store.write(session(), records(*UP))
    finally:
        client.config_set("maxmemory", "0")
    assert len(list(store.records([]))) == 3
