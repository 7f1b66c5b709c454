"""supervisord: the exported configuration beside stock supervisord: start, crash, restart, stop, memory, idle CPU."""

from __future__ import annotations

import time
from functools import partial
from statistics import median

from benchmarks import held
from benchmarks.contenders import Contender, Exported, Supervisord
from benchmarks.harness import Figure, at_most, interleave, medians, show
from benchmarks.processes import NS, cpu, pss
from benchmarks.restart import latencies
from benchmarks.running import running
from benchmarks.services import idle
from benchmarks.startup import CRITICAL_PATH, LAYERS, WIDTH, layered
from benchmarks.stop import COUNT as STOPPED
from benchmarks.stop import stop

TOGETHER = 100
AT_REST = 50


def until_all_ready() -> float:
    """Seconds from the first program's start to the start of the one behind all layers."""
    with running(Exported(), layered()) as run:
        stamps = run.wait("start", LAYERS * WIDTH + 1)
        return (stamps[-1].at - stamps[0].at) / NS


def until_started(contender: Contender) -> float:
    """Seconds from the command until the last one has started."""
    with running(contender, idle(TOGETHER)) as run:
        return (run.wait("start", TOGETHER)[-1].at - run.began) / NS


def at_rest() -> tuple[float, float]:
    """MB, and percent of one processor, of supervisord and the agent."""
    with running(Exported(), idle(AT_REST)) as run:
        run.wait("start", AT_REST)
        time.sleep(3.0)
        own = run.own()
        before, since = cpu(own), time.monotonic()
        time.sleep(5.0)
        return pss(own), (cpu(own) - before) / (time.monotonic() - since) * 100


def main(*, quick: bool) -> None:
    """Measure and print."""
    both: list[Contender] = [Exported(), Supervisord()]
    few = 1 if quick else 3
    ready = medians(interleave(few, {"exported": until_all_ready}))["exported"]
    started = medians(interleave(few, {one.name: partial(until_started, one) for one in both}))
    crashed = interleave(1, {one.name: partial(latencies, one, 5 if quick else 10) for one in both})
    back = {name: median(value for run in runs for value in run) for name, runs in crashed.items()}
    stopped = interleave(few, {one.name: partial(stop, one, patience=60.0) for one in both})
    gone = {name: median(services for services, _ in runs) for name, runs in stopped.items()}
    over = {name: median(itself for _, itself in runs) for name, runs in stopped.items()}
    refused = held.figures()
    memory, percent = at_rest()

    def beside(what: str, found: dict[str, float], unit: str, most: float) -> Figure:
        return Figure(
            what=what,
            ours=found["exported"],
            unit=unit,
            peer="supervisord",
            theirs=found["supervisord"],
            target=at_most(most, times=True),
        )

    show(
        "supervisord: the exported configuration under supervisord",
        [
            Figure(
                what=f"{LAYERS} layers × {WIDTH}, all ready",
                ours=ready,
                unit="s",
                peer="critical path",
                theirs=CRITICAL_PATH,
                target=at_most(1.2, times=True),
            ),
            beside(f"{TOGETHER} independent, all started", started, "s", 1.0),
            beside("crash to the next start", back, "ms", 0.15),
            beside(f"SIGTERM, {STOPPED} programs gone", gone, "s", 0.1),
            beside("SIGTERM, supervisord gone", over, "s", 0.1),
            *refused,
            Figure(what=f"memory with {AT_REST} programs (PSS)", ours=memory, unit="MB", target=at_most(45)),
            Figure(what="idle, of one processor", ours=percent, unit="%", target=at_most(0.5)),
        ],
    )
