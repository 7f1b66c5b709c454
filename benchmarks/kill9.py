"""kill9: kill -9 of the manager, and what is still alive one second later; some services have forked a daemon."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.contenders import Contender, Honcho, Launcher
from benchmarks.harness import Figure, at_most, interleave, show
from benchmarks.processes import Watched
from benchmarks.running import running
from benchmarks.services import Service, idle

PLAIN, WITH_DAEMON = 5, 5
DEADLINE = 1.0
SETTLE = 0.3


def survivors(contender: Contender) -> int:
    """How many processes of the run live after the deadline."""
    services = [
        *idle(PLAIN),
        *(Service(name=f"d{number}", mode=("daemon",)) for number in range(WITH_DAEMON)),
    ]
    with running(contender, services) as run:
        run.wait("start", len(services))
        run.wait("daemon", WITH_DAEMON)
        time.sleep(SETTLE)
        watched = Watched(run.all())
        run.process.kill()
        watched.wait(DEADLINE)
        watched.close()
        run.process.wait()
        return len(run.all())


def main(*, quick: bool) -> None:
    """Measure and print."""
    contenders: list[Contender] = [Launcher(), Honcho()]
    runs = interleave(1 if quick else 5, {one.name: partial(survivors, one) for one in contenders})
    show(
        f"kill9: {PLAIN} plain services, {WITH_DAEMON} with a daemon of their own; alive {DEADLINE} s after kill -9",
        [
            Figure(
                what="survivors, at worst",
                ours=max(runs["launcher"]),
                peer="honcho",
                theirs=max(runs["honcho"]),
                target=at_most(0),
            )
        ],
    )
