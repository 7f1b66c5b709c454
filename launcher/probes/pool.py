"""A few daemon threads for what can only block: name look-ups and https.

`concurrent.futures` would do, but it loads `logging` and joins its threads when the interpreter ends, so that one
hanging look-up would hold up the launcher's own end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Pool:
    """At most `size` threads, each started when there is work; `submit` and `close` belong to one thread."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._started = 0
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, which must not raise, in one of the threads; later when all are busy."""
        self._jobs.put(job)
        if self._started < self._size:
            self._started += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()

    def close(self) -> None:
        """End each thread after its job."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
