"""What follows the journal is made when there is time for it, and finishes within bounds."""

import threading

import pytest

from launcher.observe import followers
from launcher.observe.followers import Follower
from launcher.observe.journal import Journal
from launcher.orchestrator.snapshot import Noted


class Running:
    """Runs until it is stopped; `stubborn`: and then some."""

    def __init__(self):
        self.made = threading.Event()
        self.go = threading.Event()
        self.stopped = 0
        self.stubborn = False

    def make(self):
        self.made.set()
        return self

    def run(self):
        self.go.wait(20)

    def stop(self):
        self.stopped += 1
        if not self.stubborn:
            self.go.set()


@pytest.fixture
def journal():
    return Journal(wall=lambda: 1.5)


@pytest.fixture
def running():
    made = Running()
    yield made
    made.go.set()


@pytest.fixture
def said():
    return []


@pytest.fixture
def follower(journal, running, said):
    made = Follower("history", journal, running.make, note=said.append)
    made.open()
    yield made
    made.stop()
    running.go.set()
    made.join(20)


def test_it_is_made_when_the_start_up_has_settled(follower, running):
    """Not before, for importing it would hold services up."""
    assert not running.made.wait(0.05)
    follower.settled()
    assert running.made.wait(20)


def test_a_start_up_without_end_is_not_waited_for(journal, running, said, monkeypatch):
    """Somebody may want to know why it takes so long."""
    monkeypatch.setattr(followers, "LATEST", 0.0)
    made = Follower("history", journal, running.make, note=said.append)
    made.open()
    assert running.made.wait(20)
    made.stop()
    made.join(20)


@pytest.mark.slow
def test_a_journal_that_fills_up_is_not_waited_for(follower, journal, running):
    """It keeps only so much."""
    for _ in range(followers.ROOM):
        journal(Noted(text="news"))
    assert running.made.wait(20)


def test_stopped_before_it_was_made(follower, running, said):
    """There may be something to write all the same; nobody waits for a start-up that is over."""
    follower.stop()
    follower.join(5)
    assert running.made.is_set()
    assert running.stopped == 1
    assert said == []


def test_one_that_does_not_finish(follower, running, said):
    """It is left behind, and that is said."""
    running.stubborn = True
    follower.settled()
    running.made.wait(20)
    follower.stop()
    follower.join(0.05)
    assert said == ["history: not finished after 0.05 s, what was left is lost"]
