"""One run: a contender with its services in a folder of its own, and everything gone at the end.

with running(Honcho(), idle(10)) as run:
    run.wait("start", 10)
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contenders import Contender
from benchmarks.harness import CannotMeasure
from benchmarks.processes import Watched, end, marked
from benchmarks.services import HERE, Service, Stamp, read_stamps, service_command

#: In the environment of all that is started: a guard or a daemon is nobody's child.
MARK = "LAUNCHER_BENCHMARK"
PACE = 0.005
TAIL = 2000


class Running:
    """A contender at work. `began` is the moment before it was started (monotonic, ns)."""

    def __init__(self, contender: Contender, services: Sequence[Service], folder: Path) -> None:
        self.name = contender.name
        self.output = folder / "output"
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        self._stamps = folder / "stamps"
        self.folder = folder
        self._argv = contender.prepare(folder, services, [*service_command(), str(self._stamps)])
        self._start()

    def again(self) -> None:
        """End it, and start it once more in the same folder."""
        self.close()
        self._stamps.unlink(missing_ok=True)
        self._start()

    def _start(self) -> None:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("LAUNCHER_")}
        name, _, value = self._mark.partition("=")
        with self.output.open("wb") as output:
            self.began = time.monotonic_ns()
            self.process = subprocess.Popen(
                self._argv,
                cwd=self.folder,
                env={**environ, name: value, "PYTHONPATH": str(HERE.parent)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stamps(self, event: str) -> list[Stamp]:
        """All stamps of this event so far."""
        return [stamp for stamp in read_stamps(self._stamps) if stamp.event == event]

    def wait(self, event: str, count: int, timeout: float = 60.0) -> list[Stamp]:
        """Wait for `count` stamps of this event; they carry their own time, so the pace of asking costs nothing."""
        deadline = time.monotonic() + timeout
        while len(found := self.stamps(event)) < count:
            if (status := self.process.poll()) is not None:
                raise CannotMeasure(f"{self.name} ended with {status} before {count} × {event}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise CannotMeasure(f"{self.name}: {len(found)} of {count} × {event} in {timeout} s:\n{self.tail()}")
            time.sleep(PACE)
        return found

    def tail(self) -> str:
        """The last of what it printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")[-TAIL:]

    def services(self) -> set[int]:
        """The processes that said they are services."""
        return {stamp.pid for stamp in read_stamps(self._stamps)}

    def own(self) -> set[int]:
        """The contender's own processes: itself, its guard, its wrappers; all but the services."""
        return marked(self._mark) - self.services()

    def all(self) -> set[int]:
        """Every process of this run that lives."""
        return marked(self._mark)

    def close(self) -> None:
        """End it, and whatever it left."""
        if self.process.poll() is None:
            self.process.terminate()
            watched = Watched([self.process.pid])
            watched.wait(5.0)
            watched.close()
        self.process.kill()
        self.process.wait()
        while left := self.all():
            end(left)


@contextmanager
def running(contender: Contender, services: Sequence[Service]) -> Iterator[Running]:
    """Start it in a temporary folder; end it and remove the folder."""
    with tempfile.TemporaryDirectory(prefix="launcher-bench-") as folder:
        run = Running(contender, services, Path(folder))
        try:
            yield run
        finally:
            run.close()
