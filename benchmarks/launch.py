"""launch: one hundred trivial services, from the command until the last of them has started.

The launcher twice: as it starts a profile every time but the first, and the first time, when it has to be read.
"""

from __future__ import annotations

from functools import partial

from benchmarks.contenders import Contender, Honcho, Launcher, Reference
from benchmarks.harness import Figure, at_most, interleave, medians, show
from benchmarks.processes import NS
from benchmarks.running import Running, running
from benchmarks.services import idle

COUNT = 100


def until_started(contender: Contender) -> float:
    """Seconds until the last one has started."""
    with running(contender, idle(COUNT)) as run:
        return _waited(run)


def until_started_again(contender: Contender) -> float:
    """The same of a second start in the same folder."""
    with running(contender, idle(COUNT)) as run:
        run.wait("start", COUNT)
        run.again()
        return _waited(run)


def _waited(run: Running) -> float:
    return (run.wait("start", COUNT)[-1].at - run.began) / NS


def main(*, quick: bool) -> None:
    """Measure and print."""
    contenders: list[Contender] = [Launcher(), Honcho(), Reference()]
    runs = {contender.name: partial(until_started, contender) for contender in contenders}
    runs["again"] = partial(until_started_again, contenders[0])
    took = medians(interleave(2 if quick else 5, runs))
    against_honcho = at_most(0.4, times=True)
    show(
        f"launch: {COUNT} trivial services started",
        [
            Figure(
                what="all started",
                ours=took["again"],
                unit="s",
                peer="honcho",
                theirs=took["honcho"],
                target=against_honcho,
            ),
            Figure(what="", ours=took["again"], unit="s", peer="bare loop", theirs=took["bare loop"]),
            Figure(what="the first time", ours=took["launcher"], unit="s", peer="honcho", theirs=took["honcho"]),
        ],
    )
