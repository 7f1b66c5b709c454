"""gate: from the moment a service listens to the start of those that wait for it."""

from __future__ import annotations

from itertools import product
from statistics import median

from benchmarks.contenders import Launcher
from benchmarks.harness import Figure, at_most, interleave, show
from benchmarks.running import running
from benchmarks.services import Service, free_ports

DELAYS = (0.1, 0.5, 1.0, 2.0, 4.0)
PROBES = {"tcp": "{ tcp = true }", "http": '{ http = "/" }'}
COPIES, DEPENDENTS = 2, 2
FLOOR_MS, SHARE = 15.0, 0.015


def gated() -> tuple[list[Service], dict[str, tuple[str, float]]]:
    """For each probe and delay some services that listen then, with their dependents; and which name is which."""
    cases = list(product(PROBES, DELAYS, range(COPIES)))
    services, meaning = [], {}
    for (probe, delay, _), port in zip(cases, free_ports(len(cases)), strict=True):
        name = f"p{port}"
        meaning[name] = (probe, delay)
        keys = (f"port = {port}", f"health = {PROBES[probe]}")
        services.append(Service(name=name, mode=("listen", str(delay), str(port)), keys=keys))
        services += [Service(name=f"{name}-{number}", needs=(name,)) for number in range(DEPENDENTS)]
    return services, meaning


def latencies() -> dict[tuple[str, float], list[float]]:
    """Milliseconds from listening to each dependent's start, by probe and delay."""
    services, meaning = gated()
    found: dict[tuple[str, float], list[float]] = {case: [] for case in meaning.values()}
    with running(Launcher(), services) as run:
        started = run.wait("start", len(services))
        listening = {stamp.name: stamp.at for stamp in run.stamps("listening")}
        for stamp in started:
            name, dash, _ = stamp.name.partition("-")
            if dash:
                found[meaning[name]].append((stamp.at - listening[name]) / 1e6)
    return found


def main(*, quick: bool) -> None:
    """Measure and print."""
    runs = interleave(1 if quick else 4, {"launcher": latencies})["launcher"]
    show(
        "gate: a service listens until its dependents have started, median",
        [
            Figure(
                what=f"{probe}, up after {delay} s",
                ours=median([value for run in runs for value in run[probe, delay]]),
                unit="ms",
                target=at_most(max(FLOOR_MS, SHARE * delay * 1000)),
            )
            for probe, delay in product(PROBES, DELAYS)
        ],
    )
