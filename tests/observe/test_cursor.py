"""A reader in a thread of its own sees every entry once, or how many it has missed."""

import threading

from launcher.observe.cursor import Cursor
from launcher.observe.journal import Journal
from launcher.orchestrator.snapshot import Noted


def journal(count, *, kept=8):
    made = Journal(wall=lambda: 1.5, kept=kept)
    for number in range(1, count + 1):
        made(Noted(text=f"news {number}"))
    return made


def numbers(taken):
    entries, missed = taken
    return [entry.number for entry in entries], missed


def test_every_entry_once():
    """From the first one on, those from before its own time too."""
    told = journal(2)
    cursor = Cursor(told)
    assert numbers(cursor.take()) == ([1, 2], 0)
    assert numbers(cursor.take()) == ([], 0)
    told(Noted(text="three"))
    assert numbers(cursor.take()) == ([3], 0)


def test_too_far_behind():
    """What is still there is read, and the rest is counted."""
    told = journal(100)
    cursor = Cursor(told)
    entries, missed = numbers(cursor.take())
    assert entries[-1] == 100
    assert missed + len(entries) == 100
    assert len(entries) >= 3


def test_news_and_others_wake_it():
    """A call that comes while it reads is not forgotten."""
    told = journal(0)
    cursor = Cursor(told)
    told(Noted(text="one"))
    assert cursor.wait(20)
    assert not cursor.wait(0)
    cursor.wake()
    cursor.take()
    assert cursor.wait(20)
    other = threading.Thread(target=cursor.wake)
    other.start()
    assert cursor.wait(20)
    other.join()
    cursor.leave()
    told(Noted(text="two"))
    assert not cursor.wait(0)
    assert numbers(cursor.take()) == ([2], 0)
