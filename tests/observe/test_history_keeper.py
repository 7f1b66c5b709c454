"""The keeper carries every change into its store, whatever happens to the store; people hear of it once."""

import sqlite3
import threading
import time
from contextlib import contextmanager
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from launcher.errors import VariableUnset
from launcher.observe.history import keeper
from launcher.observe.history.keeper import Keeper, this_boot
from launcher.observe.history.record import StoreTrouble
from launcher.observe.history.sqlite import SqliteStore
from launcher.observe.journal import Journal
from launcher.orchestrator.snapshot import Noted
from tests.conftest import wait_until
from tests.observe.changes import changed


class Memory:
    """A store that keeps what it is given, unless it is told to refuse."""

    def __init__(self):
        self.kept = []
        self.known = []
        self.trouble = None
        self.tried = SimpleQueue()
        self.closed = False

    def write(self, session, records):
        self.tried.put(len(records))
        if self.trouble is not None:
            raise self.trouble
        self.known.append(session)
        self.kept += records

    def close(self):
        self.closed = True


@contextmanager
def keeping(journal, store, **options):
    """A keeper in a thread of its own; gives what it said."""
    said = []
    made = Keeper(journal, lambda _wall, _aside: store, session="one", pid=7, note=said.append, soon=0.01, **options)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield said
    finally:
        made.stop()
        thread.join(20)


@pytest.fixture
def journal():
    return Journal(wall=time.time)


@pytest.fixture
def store():
    return Memory()


def fall(journal, times=1):
    for _ in range(times):
        journal(changed("ready", "unhealthy"))
        journal(changed("unhealthy", "ready"))


def test_every_change_is_kept(journal, store):
    """Those from before it began, too; what is no change of state is not."""
    fall(journal)
    journal(Noted(text="no change"))
    journal(changed("ready", "ready"))
    with keeping(journal, store) as said:
        wait_until(lambda: len(store.kept) == 2)
        fall(journal)
    assert [record.state for record in store.kept] == ["unhealthy", "ready"] * 2
    assert [record.number for record in store.kept] == [1, 2, 5, 6]
    assert store.closed
    assert said == []


def test_the_session_is_known_by_its_boot_and_its_end(journal, store):
    """So that times can be compared later on."""
    with keeping(journal, store):
        fall(journal)
        wait_until(lambda: store.known)
    assert [one.ended for one in store.known] == [False, True]
    last = store.known[-1]
    assert (last.id, last.pid, last.boot) == ("one", 7, this_boot())
    assert last.began <= last.seen


def test_nothing_happened_at_all(journal, store):
    """That there was a launcher is kept all the same."""
    with keeping(journal, store):
        pass
    assert store.known[-1].ended
    assert store.kept == []


def test_secrets_never_reach_it(journal, store):
    """What is told of a service may quote its output."""
    with keeping(journal, store, redact=lambda text: text.replace("hush", "***")):
        journal(changed("ready", "unhealthy", reason="answered hush"))
        wait_until(lambda: store.kept)
    assert store.kept[0].reason == "answered ***"


def test_an_outage_is_told_of_once_and_nothing_is_lost(journal, store):
    """Changes wait in memory, in order."""
    store.trouble = StoreTrouble("the disk is full")
    with keeping(journal, store) as said:
        fall(journal, 3)
        for _ in range(4):
            store.tried.get(timeout=20)
        assert said == ["history: the disk is full; changes wait in memory, services go on"]
        store.trouble = None
        wait_until(lambda: len(store.kept) == 6)
        wait_until(lambda: len(said) == 2)
        store.trouble = StoreTrouble("the disk is full")
        fall(journal)
        while store.tried.get(timeout=20) != 2:
            pass
        store.tried.get(timeout=20)
        assert len(said) == 2, "so soon after, it is not told of again"
        store.trouble = None
    assert said[1] == "history: kept again, nothing is lost"
    assert [record.number for record in store.kept] == list(range(1, 9))


def test_past_the_bound_the_oldest_go(journal, store):
    """And how many is said."""
    store.trouble = StoreTrouble("away")
    with keeping(journal, store, most=4) as said:
        fall(journal, 5)
        store.tried.get(timeout=20)
        store.trouble = None
    assert [record.number for record in store.kept] == [7, 8, 9, 10]
    assert said[-1] == "history: 6 changes are lost, more than there was room for"


def test_lost_at_the_end(journal, store):
    """What could not be written until then is counted."""
    store.trouble = StoreTrouble("away")
    with keeping(journal, store) as said:
        fall(journal, 2)
    assert said[-1] == "history: 4 changes are lost: its store did not take them until the end"


def test_written_over_in_the_journal(store):
    """What the journal could not keep is counted."""
    journal = Journal(wall=time.time, kept=8)
    fall(journal, 10)
    with keeping(journal, store) as said:
        pass
    assert len(store.kept) + int(said[-1].split()[1]) == 20


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (StoreTrouble("a later version", lasting=True), "history: a later version; nothing is kept"),
        (VariableUnset("variable REDIS is not set"), "history: variable REDIS is not set; nothing is kept"),
        (RuntimeError("a fault"), "history: RuntimeError: a fault; changes wait in memory, services go on"),
    ],
)
def test_other_troubles(journal, store, trouble, told):
    """Each in one sentence."""
    store.trouble = trouble
    with keeping(journal, store) as said:
        fall(journal)
        wait_until(lambda: said)
        store.trouble = None
    assert said[0] == told


def test_that_it_is_still_there_is_kept(journal, store, monkeypatch):
    """A launcher killed with -9 has an end, too."""
    monkeypatch.setattr(keeper, "PULSE", 0.01)
    monkeypatch.setattr(keeper, "GATHER", 0.0)
    with keeping(journal, store):
        wait_until(lambda: len(store.known) > 3)
    seen = [one.seen_now for one in store.known]
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(("jump", "followed"), [(40 * 86400.0, False), (-40 * 86400.0, True)])
def test_a_wall_clock_that_jumps_ahead_throws_nothing_away(journal, store, monkeypatch, jump, followed):
    """What is too old is told by a clock that goes no faster than time."""
    walls = []

    def make(wall, _set_aside):
        walls.append(wall)
        return store

    made = Keeper(journal, make, session="one", pid=7, note=pytest.fail)
    made.stop()
    made.run()
    since = walls[0]()
    real = time.time
    monkeypatch.setattr(keeper, "time", SimpleNamespace(time=lambda: real() + jump, monotonic=time.monotonic))
    assert (abs(walls[0]() - since) > 86400) is followed


@pytest.mark.slow
def test_a_thousand_changes_into_a_real_file(journal, tmp_path):
    """In few transactions, all of them."""
    store = SqliteStore(tmp_path / "history.db", keep=1e10, size=64 << 20, wall=time.time, set_aside=pytest.fail)
    with keeping(journal, store):
        fall(journal, 500)
    with sqlite3.connect(tmp_path / "history.db") as base:
        assert base.execute("SELECT count(*), count(DISTINCT number) FROM changes").fetchone() == (1000, 1000)
    base.close()
