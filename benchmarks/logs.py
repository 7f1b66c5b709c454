"""logs: four services print as fast as they can, into a file; every line is counted, in order and whole."""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path
from statistics import median

from msgspec import Struct

from benchmarks.contenders import Contender, Honcho, Launcher, Reference
from benchmarks.harness import Figure, at_least, at_most, interleave, show
from benchmarks.processes import NS, cpu, peak
from benchmarks.running import Running, running
from benchmarks.services import Service

SERVICES = 4
WARM_UP = 1.0
QUIET = 0.5
#: How many values of 32 characters are looked for in every line.
SECRETS = 5
PATIENCE = 180.0
LINE = re.compile(rb"\d\d:\d\d:\d\d (?P<label>\S+) +\| (?P<name>n\d) (?P<number>\d{7}) \.+")


class Flood(Struct, frozen=True):
    """One run: lines by second, seconds of processor by million lines, MB at its worst, lines not as they should be."""

    rate: float
    cpu: float
    memory: float
    lost: int
    broken: int


def flood(contender: Contender, lines: int) -> Flood:
    """Print `lines` from each service at once."""
    services = [
        Service(name=f"n{number}", mode=("lines", str(WARM_UP), str(lines))) for number in range(1, SERVICES + 1)
    ]
    total = SERVICES * lines
    with running(contender, services) as run:
        begun = run.wait("printing", SERVICES)[0].at
        own = run.own()
        before = cpu(own)
        ended = last_growth(run, total)
        spent, memory = cpu(own) - before, peak(own)
        lost, broken = check(run.output, lines)
    return Flood(total / ((ended - begun) / NS), spent / total * 1e6, memory, lost, broken)


def last_growth(run: Running, total: int) -> int:
    """When the file grew for the last time: it is long enough, all have printed, and it has been still for a while."""
    size, at, deadline = 0, time.monotonic_ns(), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        now = run.output.stat().st_size
        if now != size:
            size, at = now, time.monotonic_ns()
        elif time.monotonic_ns() - at > QUIET * NS and size > total * 80 and len(run.stamps("printed")) == SERVICES:
            break
        time.sleep(0.002)
    return at


def check(output: Path, lines: int) -> tuple[int, int]:
    """Lines that are missing, and lines of the services that are torn, mixed or out of order."""
    last = {b"n%d" % number: 0 for number in range(1, SERVICES + 1)}
    whole = broken = 0
    with output.open("rb") as text:
        for line in text:
            match = LINE.fullmatch(line.rstrip(b"\n"))
            if match is None:
                broken += b"...." in line
                continue
            name, number = match["name"], int(match["number"])
            in_order = number == last[name] + 1 and match["label"].startswith(name)
            last[name] = number
            whole += in_order
            broken += not in_order
    return SERVICES * lines - whole, broken


def main(*, quick: bool) -> None:
    """Measure and print."""
    lines = 50_000 if quick else 250_000
    slow = lines // 10
    floods = interleave(
        1 if quick else 3,
        {
            "launcher": partial(flood, Launcher(), lines),
            "with secrets": partial(flood, Launcher(secrets=SECRETS), lines),
            "honcho": partial(flood, Honcho(), slow),
            "bare prefixer": partial(flood, Reference(), lines),
        },
    )
    rate = {name: median(run.rate for run in runs) for name, runs in floods.items()}
    spent = {name: median(run.cpu for run in runs) for name, runs in floods.items()}
    memory = {name: max(run.memory for run in runs) for name, runs in floods.items()}
    targets = {"honcho": at_least(60, times=True), "bare prefixer": at_least(0.6, times=True)}
    figures = [
        Figure(what="lines per second", ours=rate["launcher"], peer=peer, theirs=rate[peer], target=target)
        for peer, target in targets.items()
    ]
    figures += [
        Figure(what="processor time per million lines", ours=spent["launcher"], unit="s", peer=peer, theirs=spent[peer])
        for peer in targets
    ]
    figures += [
        Figure(what="memory at its worst", ours=memory["launcher"], unit="MB", peer=peer, theirs=memory[peer])
        for peer in targets
    ]
    figures += [
        Figure(what=what, ours=ours["with secrets"], unit=unit, peer="launcher without", theirs=ours["launcher"])
        for what, unit, ours in (
            (f"lines per second, {SECRETS} secrets", "", rate),
            (f"processor time per million lines, {SECRETS} secrets", "s", spent),
        )
    ]
    none = {"lost": "lines lost", "broken": "lines torn, mixed or out of order"}
    figures += [
        Figure(what=what, ours=sum(getattr(run, field) for run in floods["launcher"]), target=at_most(0))
        for field, what in none.items()
    ]
    show(
        f"logs: {SERVICES} services × {lines:,} lines of 80 bytes into a file",
        figures,
        f"honcho: × {slow:,} lines, or it would take minutes; it does not get faster with more",
    )
