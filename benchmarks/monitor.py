"""monitor: 500 services checked by HTTP every second; then 50 of them hang."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from msgspec import Struct, json

from benchmarks.contenders import Launcher, launcher_command
from benchmarks.endpoints import HANGING
from benchmarks.harness import CannotMeasure, Figure, at_most, show
from benchmarks.processes import NS, cpu, field
from benchmarks.running import Running, running
from benchmarks.services import HERE, Service
from launcher.orchestrator.snapshot import Snapshot, State

COUNT = 500
INTERVAL = 1.0
PATIENCE = 120.0
#: Time for what hangs to be found unhealthy, and for what a start-up leaves to do.
SETTLING = 5.0


class Window(Struct, frozen=True):
    """A stretch of time (monotonic, ns): the launcher's processor time, its threads, its loop's longest step (s)."""

    since: int
    until: int
    cpu: float
    threads: int
    step: float
    unhealthy: int

    @property
    def share(self) -> float:
        """Percent of one core."""
        return 100 * self.cpu / ((self.until - self.since) / NS)


class Endpoints:
    """The process that answers the checks."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.endpoints", str(notes)],
            cwd=HERE.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def hang(self) -> None:
        self._process.send_signal(signal.SIGUSR1)

    def end(self) -> dict[int, list[int]]:
        """When each path was asked for."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        asked: dict[int, list[int]] = {number: [] for number in range(COUNT)}
        for line in self._notes.read_text(encoding="ascii").splitlines():
            path, at = line.split()
            asked[int(path)].append(int(at))
        return asked

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def endpoints() -> Iterator[Endpoints]:
    """Serve the health of all services until the end."""
    with tempfile.TemporaryDirectory(prefix="launcher-bench-") as folder:
        made = Endpoints(Path(folder) / "notes")
        try:
            yield made
        finally:
            made.close()


def services(port: int) -> list[Service]:
    """Services that do nothing, whose health is asked for elsewhere."""
    health = f'health = {{ http = "http://127.0.0.1:{port}/%d", interval = {INTERVAL}, start_period = 0 }}'
    return [Service(name=f"s{number:03}", keys=(health % number,)) for number in range(COUNT)]


def measure(run: Running, seconds: float) -> Window:
    """Watch the launcher for so long."""
    own = run.own()
    since, before = time.monotonic_ns(), cpu(own)
    time.sleep(seconds)
    until, after = time.monotonic_ns(), cpu(own)
    threads = field(Path(f"/proc/{run.process.pid}/status"), "Threads:")
    told = status(run)
    unhealthy = sum(one.state is State.UNHEALTHY for one in told.instances)
    return Window(since, until, after - before, threads, told.longest_step, unhealthy)


def latest(asked: dict[int, list[int]], window: Window) -> tuple[float, int]:
    """The longest time between two checks of one service within a window, in intervals, and how many checks it saw."""
    longest, checks = 0, 0
    for times in asked.values():
        within = [window.since, *(at for at in times if window.since <= at <= window.until), window.until]
        checks += len(within) - 2
        longest = max(longest, *(after - before for before, after in pairwise(within)))
    return longest / NS / INTERVAL, checks


def status(run: Running) -> Snapshot:
    """What the launcher says of itself."""
    done = subprocess.run(
        [*launcher_command(), "status", "--json"], cwd=run.output.parent, capture_output=True, check=True
    )
    return json.decode(done.stdout, type=Snapshot)


def until_ready(run: Running) -> None:
    """Wait for the end of the start-up."""
    deadline = time.monotonic() + PATIENCE
    while "all ready" not in run.tail():
        if time.monotonic() > deadline or run.process.poll() is not None:
            raise CannotMeasure(f"not all ready:\n{run.tail()}")
        time.sleep(0.1)


def main(*, quick: bool) -> None:
    """Measure and print."""
    seconds = 5.0 if quick else 20.0
    with endpoints() as served, running(Launcher(), services(served.port)) as run:
        until_ready(run)
        status(run)  # from here on there is a thread for those who ask
        time.sleep(SETTLING)
        well = measure(run, seconds)
        served.hang()
        time.sleep(SETTLING)
        ill = measure(run, seconds)
        asked = served.end()
    others = {path: times for path, times in asked.items() if path >= HANGING}
    figures: list[Figure] = []
    for what, window, paths in (("all well", well, asked), (f"{HANGING} hanging", ill, others)):
        late, checks = latest(paths, window)
        figures += [
            Figure(what=f"{what}: longest from check to check", ours=late, unit="intervals", target=at_most(1.5)),
            Figure(what=f"{what}: processor", ours=window.share, unit="% of a core", target=at_most(25)),
            Figure(what=f"{what}: checks", ours=checks / ((window.until - window.since) / NS), unit="a second"),
            Figure(what=f"{what}: threads", ours=window.threads, target=at_most(well.threads)),
            Figure(what=f"{what}: longest step of the loop", ours=window.step * 1000, unit="ms", target=at_most(20)),
            Figure(what=f"{what}: found unhealthy", ours=window.unhealthy),
        ]
    show(f"monitor: {COUNT} services, an HTTP check each every {INTERVAL:g} s, for {seconds:g} s", figures)
