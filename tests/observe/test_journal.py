"""Entries are numbered without a gap, kept for a while, and read by whoever is fast enough."""

import threading

import pytest

from launcher.observe.journal import Journal
from launcher.orchestrator.snapshot import Noted


def journal(count, *, kept=8):
    made = Journal(wall=lambda: 1.5, kept=kept)
    for number in range(1, count + 1):
        made(Noted(text=f"news {number}"))
    return made


@pytest.mark.parametrize(
    ("count", "seen", "numbers"),
    [
        (0, 0, []),
        (3, 0, [1, 2, 3]),
        (3, 1, [2, 3]),
        (3, 3, []),
        (8, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
        (9, 0, None),
        (9, 1, [2, 3, 4, 5, 6, 7, 8, 9]),
        (100, 91, None),
        (3, 4, None),
        (3, -1, None),
    ],
)
def test_a_reader_goes_on_from_what_it_has_seen(count, seen, numbers):
    """Without a gap or a repeat, or it learns that it cannot."""
    entries = journal(count).after(seen)
    assert (entries if entries is None else [entry.number for entry in entries]) == numbers
    assert all(entry.news == Noted(text=f"news {entry.number}") and entry.at == 1.5 for entry in entries or ())


def test_followers_are_woken_until_they_leave():
    """After the entry is there to be read."""
    made = journal(0)
    seen = []
    leave = made.follow(lambda: seen.append([entry.number for entry in made.after(0)]))
    made(Noted(text="one"))
    leave()
    made(Noted(text="two"))
    assert seen == [[1]]
    assert made.last == 2


def test_a_reader_in_another_thread_misses_nothing():
    """However fast the loop writes: each read is whole, or says that it is not."""
    made = journal(0, kept=64)
    cursor = 0
    writer = threading.Thread(target=lambda: [made(Noted(text="x")) for _ in range(20_000)])
    writer.start()
    while writer.is_alive() or cursor < made.last:
        entries = made.after(cursor)
        if entries is None:
            cursor = made.last
        elif entries:
            assert [entry.number for entry in entries] == list(range(cursor + 1, cursor + 1 + len(entries)))
            cursor = entries[-1].number
    assert cursor == 20_000
