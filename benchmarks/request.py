"""request: what it costs beyond bare uvicorn that an app is served by a host, alone, among others, below a prefix.

A few percent are less than a process differs from its like, and much less than a shared machine does from itself. So
all are asked by turns in short bursts, on a processor of their own where there are two; and several processes of each.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from benchmarks.harness import CannotMeasure, Figure, at_most, differences, show
from benchmarks.modes import PATIENCE, Apps, get, until_ready
from benchmarks.processes import cpu, pss
from benchmarks.running import Running, running
from benchmarks.services import HERE, Service, free_ports
from launcher.control.client import Client

#: Requests of one burst, on a connection of its own; before the first, so many that all caches are filled.
BURST, WARM = 100, 500
#: Requests of a burst that count for nothing: the connection is new.
FIRST = 5

BARE = "uvicorn"
#: By the name of each contender: what it is, its mode, its path below the port, and at most so many times `BARE`'s.
HOSTS = {
    "multi": ("processor time of a request, one app", "multi", "", 1.03),
    "single": ("… in a shared process", "single", "", 1.03),
    "mounted": ("… below a prefix", "single", "/s1", 1.15),
}


class Bare:
    """One such app under bare uvicorn."""

    name = BARE

    def __init__(self, port: int) -> None:
        self._port = port

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:  # noqa: ARG002
        shutil.copy(HERE / "small_app.py", folder / "small1.py")
        words = ["--port", str(self._port), "--log-level", "warning", "--lifespan", "on"]
        return [sys.executable, "-m", "uvicorn", "small1:app", *words]


class Asked:
    """One process that answers."""

    def __init__(self, port: int, path: str, pids: set[int]) -> None:
        self._port = port
        self._path = path
        self.pids = pids

    def cost(self, count: int) -> float:
        """Microseconds of processor time that one of many requests costs those who answer it."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        before = 0.0
        for number in range(FIRST + count):
            if number == FIRST:
                before = cpu(self.pids)
            connection.request("GET", self._path)
            connection.getresponse().read()
        connection.close()
        return (cpu(self.pids) - before) / count * 1e6


@contextmanager
def all_of_them() -> Iterator[dict[str, Asked]]:
    """A process of each kind."""
    ports = dict(zip((BARE, *HOSTS), free_ports(1 + len(HOSTS)), strict=True))
    with ExitStack() as stack:
        bare = stack.enter_context(running(Bare(ports[BARE]), []))
        found = {BARE: Asked(ports[BARE], "/health", {bare.process.pid})}
        for name, (_, mode, prefix, _) in HOSTS.items():
            run = stack.enter_context(running(Apps(mode, [ports[name]], prefixed=bool(prefix)), []))
            until_ready(run)
            found[name] = Asked(ports[name], f"{prefix}/health", _served_by(run))
        _until_answered(ports[BARE])
        yield found


def _served_by(run: Running) -> set[int]:
    status = Client(folder=run.folder / ".launcher" / "bench").status()
    return {view.pid for view in status.instances if view.pid is not None}


def _until_answered(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return get(port, "/health")
        except OSError:
            if time.monotonic() > deadline:
                raise CannotMeasure(f"nothing answers on port {port}") from None
            time.sleep(0.01)


@contextmanager
def apart(pids: Iterable[int]) -> Iterator[None]:
    """Whoever asks has one processor, those who answer another, if there are two."""
    own = os.sched_getaffinity(0)
    first, *others = sorted(own)
    if not others:
        yield
        return
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {others[0]})
    os.sched_setaffinity(0, {first})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def bursts(rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """What a request cost in each burst of each kind, and the memory of each, in MB."""
    with all_of_them() as kinds, apart(pid for one in kinds.values() for pid in one.pids):
        memory = {name: pss(one.pids) for name, one in kinds.items()}
        for one in kinds.values():
            one.cost(WARM)
        names = (BARE, *HOSTS)
        costs: dict[str, list[float]] = {name: [] for name in names}
        for number in range(rounds):
            first = number % len(kinds)
            for name in (*names[first:], *names[:first]):  # nobody follows himself, whose memory is in the caches
                costs[name].append(kinds[name].cost(BURST))
    return costs, memory


def main(*, quick: bool) -> None:
    """Measure and print."""
    starts, rounds = (1, 30) if quick else (5, 60)
    costs: dict[str, list[float]] = {name: [] for name in (BARE, *HOSTS)}
    memories = []
    for _ in range(starts):
        found, memory = bursts(rounds)
        memories.append(memory["multi"] - memory[BARE])
        for name, each in found.items():
            costs[name] += each
    bare = median(costs[BARE])
    figures, notes = [], []
    for name, (what, _, _, most) in HOSTS.items():
        more, error = differences([ours - theirs for ours, theirs in zip(costs[name], costs[BARE], strict=True)])
        figures.append(
            Figure(
                what=what,
                ours=bare + more,
                unit="µs",
                peer="bare uvicorn",
                theirs=bare,
                target=at_most(most, times=True),
            )
        )
        notes.append(f"{what.removeprefix('… ')}: {more / bare:+.1%}, ± {error / bare:.1%}")
    figures.append(
        Figure(what="memory beyond bare uvicorn's, one app", ours=median(memories), unit="MB", target=at_most(3))
    )
    show("request: an app behind a host, and behind bare uvicorn", figures, *notes)
