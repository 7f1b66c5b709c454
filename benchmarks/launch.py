"""launch: one hundred trivial services, from the command until the last of them has started."""

from __future__ import annotations

from functools import partial

from benchmarks.contenders import Contender, Honcho, Launcher, Reference
from benchmarks.harness import Figure, at_most, interleave, medians, show
from benchmarks.processes import NS
from benchmarks.running import running
from benchmarks.services import idle

COUNT = 100


def until_started(contender: Contender) -> float:
    """Seconds until the last one has started."""
    with running(contender, idle(COUNT)) as run:
        return (run.wait("start", COUNT)[-1].at - run.began) / NS


def main(*, quick: bool) -> None:
    """Measure and print."""
    contenders: list[Contender] = [Launcher(), Honcho(), Reference()]
    runs = {contender.name: partial(until_started, contender) for contender in contenders}
    took = medians(interleave(2 if quick else 5, runs))
    against_honcho = at_most(0.4, times=True)
    show(
        f"launch: {COUNT} trivial services started",
        [
            Figure(
                what="all started",
                ours=took["launcher"],
                unit="s",
                peer="honcho",
                theirs=took["honcho"],
                target=against_honcho,
            ),
            Figure(what="", ours=took["launcher"], unit="s", peer="bare loop", theirs=took["bare loop"]),
        ],
    )
