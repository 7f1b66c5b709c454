"""stop: SIGTERM to the manager of fifty services, until they are gone and until it is gone itself."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.contenders import Contender, Honcho, Launcher
from benchmarks.harness import CannotMeasure, Figure, at_most, interleave, medians, show
from benchmarks.processes import NS, Watched
from benchmarks.running import running
from benchmarks.services import idle

COUNT = 50
PATIENCE = 20.0
#: The least time a launcher is up before it is stopped: what is measured is a stop at rest, not in mid-start.
SETTLE = 0.5


def stop(contender: Contender, *, patience: float = PATIENCE) -> tuple[float, float]:
    """Seconds until all services are gone, and until the manager is."""
    with running(contender, idle(COUNT)) as run:
        run.wait("start", COUNT)
        time.sleep(SETTLE)
        services, manager = run.services(), run.process.pid
        watched = Watched({*services, manager})
        since = time.monotonic_ns()
        run.process.terminate()
        gone = watched.wait(patience)
        watched.close()
        if left := ({*services, manager} - gone.keys()):
            raise CannotMeasure(f"{run.name}: {len(left)} processes left after {patience} s:\n{run.tail()}")
        return (max(gone[pid] for pid in services) - since) / NS, (gone[manager] - since) / NS


def main(*, quick: bool) -> None:
    """Measure and print."""
    contenders: list[Contender] = [Launcher(), Honcho()]
    runs = interleave(2 if quick else 7, {one.name: partial(stop, one) for one in contenders})
    services = medians({name: [one for one, _ in took] for name, took in runs.items()})
    manager = medians({name: [one for _, one in took] for name, took in runs.items()})
    bounds = {"services gone": (services, 0.06), "itself gone": (manager, 0.1)}
    show(
        f"stop: SIGTERM with {COUNT} services",
        [
            Figure(
                what=what,
                ours=took["launcher"],
                unit="s",
                peer="honcho",
                theirs=took["honcho"],
                target=at_most(bound),
            )
            for what, (took, bound) in bounds.items()
        ],
    )
