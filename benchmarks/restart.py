"""restart: from a service's crash to its next start, its back-off set to nothing."""

from __future__ import annotations

from functools import partial
from statistics import median

from benchmarks.contenders import Contender, Launcher, Supervisord
from benchmarks.harness import Figure, at_most, interleave, show
from benchmarks.running import running
from benchmarks.services import Service

UPTIME = 0.3
KEYS = ("restart = { delay = 0, max_delay = 0, burst = 1000 }",)


def latencies(contender: Contender, crashes: int) -> list[float]:
    """Milliseconds from each crash to the start that follows."""
    with running(contender, [Service(name="crashing", mode=("crash", str(UPTIME)), keys=KEYS)]) as run:
        starts = [stamp.at for stamp in run.wait("start", crashes + 1)]
        ends = [stamp.at for stamp in run.stamps("crash")]
        return [(start - end) / 1e6 for end, start in zip(ends, starts[1:], strict=False)]


def main(*, quick: bool) -> None:
    """Measure and print."""
    crashes = 5 if quick else 10
    contenders: list[Contender] = [Launcher(), Supervisord()]
    runs = interleave(1 if quick else 3, {one.name: partial(latencies, one, crashes) for one in contenders})
    took = {name: median(value for run in found for value in run) for name, found in runs.items()}
    worst = {name: max(value for run in found for value in run) for name, found in runs.items()}
    show(
        "restart: crash to the next start",
        [
            Figure(
                what="median",
                ours=took["launcher"],
                unit="ms",
                peer="supervisord",
                theirs=took["supervisord"],
                target=at_most(10),
            ),
            Figure(what="worst", ours=worst["launcher"], unit="ms", peer="supervisord", theirs=worst["supervisord"]),
        ],
    )
