"""The hub: everything that services print passes here once, as batches of whole lines, and goes to who listens.

The reader's thread calls `write` and `end`; any thread may follow or tap. Consumers are called in the reader's thread,
in the order in which they came, must return at once and must not raise: the console and the log files format and hand
on to the writer. The hub knows neither of them, and decides nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container
from typing import Protocol

from msgspec import Struct

from launcher.observe.lines import Joiner, Redact
from launcher.observe.taps import Tapping
from launcher.orchestrator.orders import Run


class Batch(Struct, frozen=True):
    """Whole lines of one run, each ending in a newline, and when they came, on the wall clock."""

    run: Run
    label: str
    lines: bytes
    at: float


Consumer = Callable[[Batch], None]


class Room(Protocol):
    """Whether what consumers hand on is being written fast enough (the writer's answer)."""

    @property
    def full(self) -> bool:
        """Whether more waits than should."""
        ...

    def on_room(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever that has passed."""
        ...


class _Stream:
    """One run's output on its way."""

    __slots__ = ("joiner", "label")

    def __init__(self, label: str, redact: Redact | None) -> None:
        self.joiner = Joiner(redact)
        self.label = label


def keep_freed_memory() -> None:
    """Let malloc keep what batches free, up to 2 MiB, for the next ones.

    glibc gives the top of its heap back to the kernel above 128 KiB, and so takes it anew, page by faulted page, for
    every other batch: 90,000 faults in 4 million lines, a third of all the time in the kernel. Freeing one block of
    1 MiB, never touched, makes it raise that limit by itself (the dynamic threshold of mallopt(3)); other allocators
    don't mind.
    """
    bytes(1024 * 1024)


class Hub:
    """Takes the output of all runs (`Sink`), shows it to consumers and to log probes (`Taps`).

    `awaited` are the instances that have a log probe: their first lines are held until it taps. `redact` is applied to
    whole lines before anybody sees them.
    """

    def __init__(
        self,
        room: Room,
        *,
        label_of: Callable[[str], str],
        awaited: Container[str] = (),
        redact: Redact | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        keep_freed_memory()
        self._room = room
        self._label_of = label_of
        self._redact = redact
        self._wall = wall
        self._streams: dict[Run, _Stream] = {}
        self._taps = Tapping(awaited)
        # Replaced, never changed: the reader's thread goes through whichever tuple it finds, without a lock.
        self._consumers: tuple[Consumer, ...] = ()
        self._joining = threading.Lock()

    def write(self, run: Run, data: bytes) -> bool:
        """Take a batch of bytes; False asks the reader to stop reading pipes until `on_room` fires."""
        stream = self._streams.get(run)
        if stream is None:
            stream = self._streams[run] = _Stream(self._label_of(run.instance), self._redact)
            self._taps.begin(run)
        lines = stream.joiner.take(data)
        if lines:
            self._show(run, stream.label, lines)
        return not self._room.full

    def end(self, run: Run) -> None:
        """Hear that the output of this run has ended: what is left of a line without newline goes out."""
        stream = self._streams.pop(run, None)
        if stream is not None:
            lines = stream.joiner.finish()
            if lines:
                self._show(run, stream.label, lines)

    def on_room(self, wake: Callable[[], None]) -> None:
        """`wake` will be called, from any thread, whenever there is room again after `write` said False."""
        self._room.on_room(wake)

    def follow(self, consumer: Consumer) -> Callable[[], None]:
        """Hand every batch from now on to `consumer`, until the function returned is called; from any thread."""
        with self._joining:
            self._consumers = (*self._consumers, consumer)

        def leave() -> None:
            with self._joining:
                self._consumers = tuple(each for each in self._consumers if each is not consumer)

        return leave

    def tap(self, run: Run, pattern: str, matched: Callable[[str], None]) -> None:
        """Call `matched(line)` once, at the first line of this run, already printed or to come, that matches."""
        self._taps.tap(run, pattern, matched)

    def untap(self, run: Run) -> None:
        """Look at this run's lines no more."""
        self._taps.untap(run)

    def _show(self, run: Run, label: str, lines: bytes) -> None:
        if self._redact is not None:
            lines = self._redact(lines)
        batch = Batch(run, label, lines, self._wall())
        for consumer in self._consumers:
            consumer(batch)
        if run.instance in self._taps.live:
            self._taps.see(run, lines)
