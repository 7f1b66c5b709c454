"""The journal: everything the loop has told, numbered, and kept for a while; the one stream of events.

Whoever wants events (a browser, a script, the history, a notice) reads on from the last number it has seen. Nobody is
waited for: who falls further behind than `KEPT` entries learns that some are gone, and takes a snapshot instead.
Knows numbers and news; nothing of who reads, or how.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec import Struct

from launcher.orchestrator.snapshot import Changed, Noted

#: How many entries are kept: 0.5 KB each, and a start-up of 100 services makes some 500.
KEPT = 4096


class Entry(Struct, frozen=True):
    """One piece of news: its number, from 1 on without a gap, and when it was told, on the wall clock."""

    number: int
    at: float
    news: Changed | Noted


class Journal:
    """An observer of the loop; everything but its being called may happen in any thread.

    One thread writes, into a ring; a reader knows by an entry's number whether it has been written over.
    """

    def __init__(self, *, wall: Callable[[], float], kept: int = KEPT) -> None:
        self._wall = wall
        self._ring: list[Entry | None] = [None] * kept
        self._last = 0
        # Replaced, never changed: the loop's thread goes through whichever tuple it finds.
        self._wakes: tuple[Callable[[], None], ...] = ()
        self._joining = threading.Lock()

    def __call__(self, news: Changed | Noted) -> None:
        """Take news down; in the loop's thread."""
        at = news.at if isinstance(news, Changed) else self._wall()
        number = self._last + 1
        self._ring[number % len(self._ring)] = Entry(number, at, news)
        self._last = number  # after its entry, so that no reader looks for one that is not there yet
        for wake in self._wakes:
            wake()

    @property
    def last(self) -> int:
        """The number of the latest entry; 0: there is none yet."""
        return self._last

    def after(self, number: int) -> list[Entry] | None:
        """Every entry after this one, oldest first; None: some of them are gone, or there never was such an entry."""
        if not 0 <= number <= self._last:
            return None
        found: list[Entry] = []
        for wanted in range(number + 1, self._last + 1):
            entry = self._ring[wanted % len(self._ring)]
            if entry is None or entry.number != wanted:
                return None
            found.append(entry)
        return found

    def follow(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake`, which must return at once, in the loop's thread after each entry; what is returned ends that."""
        with self._joining:
            self._wakes = (*self._wakes, wake)

        def leave() -> None:
            with self._joining:
                self._wakes = tuple(each for each in self._wakes if each is not wake)

        return leave
