"""The keeper: carries the journal's changes into a store, in batches, in a thread of its own.

While a store is in trouble changes wait in memory, the oldest are let go past a bound, and people hear of it once.
Knows stores by their protocol, and nothing of services.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from launcher.errors import LauncherError
from launcher.observe.cursor import Cursor
from launcher.observe.history.record import Record, Session, Store, StoreTrouble, record_of
from launcher.observe.journal import Journal

#: Changes that come within so many seconds are written as one.
GATHER = 0.3
#: How many changes wait for a store that is in trouble.
MOST = 10_000
#: So many are written at once.
BATCH = 500
#: How often it is written down that the launcher is still there, in seconds.
PULSE = 60.0
#: The first and the longest wait before a store in trouble is tried again, in seconds.
SOON, LATE = 1.0, 60.0
#: An outage within so many seconds after the last one that was told of is not told of again.
QUIET = 300.0

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_boot() -> str:
    """What names the machine's present boot, in which monotonic times can be compared; empty where nothing does."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Keeper:
    """Keeps a history: `run` does until some other thread calls `stop`.

    `make` gives the store; it gets a clock that does not follow the wall's when that jumps ahead (nothing is thrown
    away because of a wrong clock), and whom to tell of a file set aside. `note` hears of troubles.
    """

    def __init__(
        self,
        journal: Journal,
        make: Callable[[Callable[[], float], Callable[[str], None]], Store],
        *,
        session: str,
        pid: int,
        note: Callable[[str], None],
        redact: Callable[[str], str] = str,
        most: int = MOST,
        soon: float = SOON,
    ) -> None:
        self._cursor = Cursor(journal)
        self._make = make
        self._pid = pid
        self._note = note
        self._redact = redact
        self._soon = soon
        self._id = session
        self._began, self._began_now = time.time(), time.monotonic()
        self._boot = this_boot()
        self._pending: deque[Record] = deque(maxlen=most)
        self._lost = 0
        self._store: Store | None = None
        self._over = False
        self._closing = threading.Event()
        self._seen = 0.0
        self._retry_at = 0.0
        self._wait = soon
        self._troubled = False
        self._told_at = -QUIET

    def stop(self) -> None:
        """Write what is left and end; to be called when nothing will change any more."""
        self._closing.set()
        self._cursor.wake()

    def run(self) -> None:
        """Carry on until `stop`."""
        while not self._closing.is_set():
            self._take()
            self._keep()
            self._cursor.wait(self._idle())
            self._closing.wait(GATHER)
        self._take()
        self._retry_at = 0.0
        self._keep(ended=True)
        if self._pending:
            self._note(f"history: {len(self._pending)} changes are lost: its store did not take them until the end")
        self._cursor.leave()
        if self._store is not None:
            self._store.close()

    def _take(self) -> None:
        entries, missed = self._cursor.take()
        self._lost += missed
        for entry in entries:
            record = record_of(entry, self._id, self._redact)
            if record is not None:
                self._lost += len(self._pending) == self._pending.maxlen
                self._pending.append(record)

    def _idle(self) -> float | None:
        """For how long there is nothing to do, should nothing happen."""
        if self._over:
            return None
        now = time.monotonic()
        return max(0.0, (self._retry_at if self._troubled else self._seen + PULSE) - now)

    def _keep(self, *, ended: bool = False) -> None:
        now = time.monotonic()
        if self._over or now < self._retry_at or not (self._pending or ended or now >= self._seen + PULSE):
            return
        try:
            while True:
                batch = [self._pending[index] for index in range(min(BATCH, len(self._pending)))]
                self._write(batch, ended=ended and len(batch) == len(self._pending))
                for _ in batch:
                    self._pending.popleft()
                if not self._pending:
                    break
        except StoreTrouble as trouble:
            self._in_trouble(str(trouble), lasting=trouble.lasting)
        except LauncherError as error:
            self._in_trouble(error.sentence, lasting=True)
        except Exception as error:  # noqa: BLE001  (a fault of a store must not end in a traceback on the terminal)
            self._in_trouble(f"{type(error).__name__}: {error}", lasting=False)
        else:
            self._well()

    def _write(self, batch: list[Record], *, ended: bool) -> None:
        if self._store is None:
            self._store = self._make(self._steady_wall, self._set_aside)
        session = Session(
            id=self._id,
            began=self._began,
            began_now=self._began_now,
            boot=self._boot,
            pid=self._pid,
            seen=time.time(),
            seen_now=time.monotonic(),
            ended=ended,
        )
        self._store.write(session, batch)
        self._seen = session.seen_now

    def _steady_wall(self) -> float:
        """The wall clock, which a jump ahead since our start does not take along."""
        return min(time.time(), self._began + time.monotonic() - self._began_now)

    def _set_aside(self, text: str) -> None:
        self._note(f"history: {text}")

    def _in_trouble(self, text: str, *, lasting: bool) -> None:
        now = time.monotonic()
        self._over = lasting
        self._retry_at = now + self._wait
        self._wait = min(self._wait * 2, LATE)
        if not self._troubled and now >= self._told_at + QUIET:
            self._told_at = now
            how = "nothing is kept" if lasting else "changes wait in memory, services go on"
            self._note(f"history: {self._redact(text)}; {how}")
        self._troubled = True
        if lasting:
            self._pending.clear()

    def _well(self) -> None:
        self._wait, self._retry_at = self._soon, 0.0
        if self._troubled:
            self._troubled = False
            self._note("history: kept again" + ("" if self._lost else ", nothing is lost"))
        if self._lost:
            self._note(f"history: {self._lost} changes are lost, more than there was room for")
            self._lost = 0
