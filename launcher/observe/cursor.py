"""How far one reader has come in the journal, for the readers that have a thread of their own.

The loop sets an event and goes on; the reader takes what there is when it wakes. Knows numbers, not what is read.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launcher.observe.journal import Entry, Journal


class Cursor:
    """Reads from the first entry on. `wake` may be called from any thread, all else belongs to the reader's."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seen = 0
        self._news = threading.Event()
        self.wake = self._news.set
        self._leave = journal.follow(self.wake)

    def wait(self, seconds: float | None) -> bool:
        """Sleep until there is news, or somebody calls `wake`; False: the time was over before."""
        woken = self._news.wait(seconds)
        self._news.clear()  # here, not in `take`: a call of `wake` while there is much to take must not be forgotten
        return woken

    def take(self) -> tuple[list[Entry], int]:
        """What is new, and how many entries before that were written over unread."""
        last = self._journal.last
        behind = last - self._seen
        entries = self._journal.after(self._seen)
        while entries is None:  # too far behind: the newest are still there
            behind //= 2
            entries = self._journal.after(last - behind)
        first = entries[0].number if entries else last + 1
        missed = first - self._seen - 1
        self._seen = entries[-1].number if entries else last
        return entries, missed

    def leave(self) -> None:
        """Hear of nothing any more."""
        self._leave()
