"""startup: five layers of ten services, each ready half a second after its start, until all are known to be ready."""

from __future__ import annotations

from benchmarks.contenders import Launcher
from benchmarks.harness import Figure, at_most, interleave, medians, show
from benchmarks.processes import NS
from benchmarks.running import running
from benchmarks.services import Service

LAYERS, WIDTH, READY_AFTER = 5, 10, 0.5
CRITICAL_PATH = LAYERS * READY_AFTER


def layered() -> list[Service]:
    """Every service waits for the whole layer below; `end` for the last one, so its start tells that all are ready."""
    services: list[Service] = []
    below: tuple[str, ...] = ()
    for layer in range(1, LAYERS + 1):
        names = tuple(f"l{layer}n{number}" for number in range(1, WIDTH + 1))
        services += [
            Service(name=name, mode=("ready", str(READY_AFTER)), needs=below, keys=('health = { log = "^ready$" }',))
            for name in names
        ]
        below = names
    return [*services, Service(name="end", needs=below)]


def until_all_ready() -> float:
    """Seconds from the command to the start of `end`."""
    with running(Launcher(), layered()) as run:
        run.wait("start", LAYERS * WIDTH + 1)
        return (next(stamp.at for stamp in run.stamps("start") if stamp.name == "end") - run.began) / NS


def main(*, quick: bool) -> None:
    """Measure and print."""
    took = medians(interleave(1 if quick else 5, {"launcher": until_all_ready}))["launcher"]
    show(
        f"startup: {LAYERS} layers × {WIDTH} services, each ready {READY_AFTER} s after its start (log probe)",
        [
            Figure(
                what="all ready",
                ours=took,
                unit="s",
                peer="critical path",
                theirs=CRITICAL_PATH,
                target=at_most(1.15, times=True),
            )
        ],
    )
