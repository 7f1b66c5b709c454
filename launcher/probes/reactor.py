"""The probing thread: jobs, timers and sockets, one after the other, and asleep when none is due.

Knows nothing of probes. `start` and `close` belong to the thread that owns the reactor (the loop's), `call` to any
thread, all else to jobs, which the reactor runs. A job must not block.
"""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from queue import SimpleQueue
from socket import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Clock


READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

#: How long `close` waits for the job under way, in seconds; jobs take microseconds.
_PATIENCE = 1.0

Job = Callable[[], None]


class Timer:
    """A job that is due at a time; after `cancel` it will not run."""

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job: Job | None = job

    def cancel(self) -> None:
        self.job = None


class Reactor:
    """One daemon thread over one selector; it exists from `start` to `close`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._timers: list[tuple[float, int, Timer]] = []
        #: Breaks the tie between timers of the same time; timers themselves have no order.
        self._ticket = count()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._selector: selectors.BaseSelector
        self._wake_in: int
        self._wake_out: int
        #: A wake-up must not be written to a descriptor that was closed, and is another file's, a moment ago.
        self._wake_gate = threading.Lock()

    @property
    def is_running(self) -> bool:
        return self._thread is not None and not self._closing

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self._thread is not None:
            return
        self._selector = selectors.DefaultSelector()
        # A pipe wakes a selector everywhere; Linux's eventfd would spare one descriptor of two.
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_out, False)
        os.set_blocking(self._wake_in, False)
        self._selector.register(self._wake_out, READ, self._drain)
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)
        self._thread.start()

    def call(self, job: Job) -> None:
        """Have the thread run a job soon, after those called before. After `close`: nothing happens."""
        self._jobs.put(job)
        if self._thread is not None:
            self._wake()

    def now(self) -> float:
        return self._clock.now()

    def after(self, seconds: float, job: Job) -> Timer:
        """Run a job once so many seconds have passed."""
        timer = Timer(job)
        heappush(self._timers, (self._clock.now() + seconds, next(self._ticket), timer))
        return timer

    def register(self, sock: socket, events: int, job: Job) -> None:
        """Run a job whenever the socket is ready for `events`."""
        self._selector.register(sock, events, job)

    def modify(self, sock: socket, events: int, job: Job) -> None:
        """Exchange what a registered socket waits for."""
        self._selector.modify(sock, events, job)

    def unregister(self, sock: socket) -> None:
        """Forget a socket; called before it is closed."""
        self._selector.unregister(sock)

    def close(self) -> None:
        """Run what was called before, then end the thread; sockets and timers are left to their owners."""
        if not self.is_running:
            return
        self._jobs.put(self._end)
        self._wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE)

    def _end(self) -> None:
        self._closing = True

    def _wake(self) -> None:
        # BlockingIOError: the pipe is full of wake-ups already.
        with self._wake_gate, suppress(BlockingIOError):
            if not self._closing:
                os.write(self._wake_in, b"\0")

    def _drain(self) -> None:
        os.read(self._wake_out, 65536)

    def _run(self) -> None:
        while not self._closing:
            # Sockets first: only a called job drops what another one waits for, so no event of this round is stale.
            for key, _ in self._selector.select(self._time_to_next()):
                key.data()
            self._run_called()
            self._run_due()
        self._selector.close()
        with self._wake_gate:
            os.close(self._wake_in)
            os.close(self._wake_out)

    def _time_to_next(self) -> float | None:
        timers = self._timers
        while timers and timers[0][2].job is None:
            heappop(timers)
        return max(0.0, timers[0][0] - self._clock.now()) if timers else None

    def _run_called(self) -> None:
        # As many as there are now: a job that calls another one cannot keep the sockets waiting.
        for _ in range(self._jobs.qsize()):
            self._jobs.get_nowait()()

    def _run_due(self) -> None:
        timers = self._timers
        now = self._clock.now()
        while timers and timers[0][0] <= now:
            job = heappop(timers)[2].job
            if job is not None:
                job()
