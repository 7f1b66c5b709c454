"""memory: what the launcher itself takes, at rest: memory by service, processor time, and what each import costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from statistics import median

from msgspec import Struct
from tabulate import tabulate

from benchmarks.contenders import Contender, Honcho, Launcher, Supervisord
from benchmarks.harness import CannotMeasure, Figure, at_most, interleave, number, show
from benchmarks.processes import cpu, pss
from benchmarks.running import running
from benchmarks.services import HERE, idle

FEW, MANY = 10, 60
SETTLE = 1.0

#: What is heavy, or was suspected of it.
IMPORTS = (
    "msgspec", "subprocess", "threading", "selectors", "honcho.process", "honcho.environ", "json", "argparse",
    "logging",
    "dataclasses", "inspect", "importlib.metadata", "tomllib", "toml", "tabulate", "colorama", "psutil", "dotenv",
    "http.client", "ssl", "requests", "asyncio", "uvicorn", "starlette.applications",
)  # fmt: skip

PROBE = """
import json, sys, time
def pss():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
before, since = pss(), time.perf_counter()
try:
    __import__(sys.argv[1])
except ImportError:
    print("null")
else:
    print(json.dumps([(time.perf_counter() - since) * 1000, (pss() - before) / 1024]))
"""


class Rest(Struct, frozen=True):
    """A contender at rest: MB, percent of one processor, and how many processes it is."""

    memory: float
    percent: float
    processes: int


def at_rest(contender: Contender, count: int, seconds: float) -> Rest:
    """Let it settle, then look at it for some seconds."""
    with running(contender, idle(count)) as run:
        run.wait("start", count)
        time.sleep(SETTLE)
        own = run.own()
        before, since = cpu(own), time.monotonic()
        memory = pss(own)
        time.sleep(seconds)
        return Rest(memory, (cpu(own) - before) / (time.monotonic() - since) * 100, len(own))


def cost(module: str) -> tuple[float, float] | None:
    """Milliseconds and MB that importing it costs a fresh interpreter; None where it is not installed."""
    found = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", PROBE, module], capture_output=True, text=True, timeout=30, check=True
        )
        found.append(json.loads(done.stdout))
    if found[0] is None:
        return None
    return median(sample[0] for sample in found), median(sample[1] for sample in found)


def loaded(module: str) -> frozenset[str]:
    """What one of our modules has loaded once it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode != 0:
        raise CannotMeasure(f"cannot import {module}: {done.stderr.splitlines()[-1]}")
    return frozenset(done.stdout.split())


def show_imports() -> None:
    """Print what each import costs, and whether the launcher pays for it."""
    answering, working = loaded("launcher.cli.main"), loaded("launcher.runtime")
    rows = []
    for module in IMPORTS:
        if (paid := cost(module)) is not None:
            marks = ["yes" if module in modules else "" for modules in (answering, working)]
            rows.append([module, number(paid[0]), number(paid[1]), *marks])
    print("\nWhat each import costs a fresh interpreter (with what it brings along), and who has it\n")
    print(tabulate(rows, ["", "ms", "MB", "launcher --help", "while running"], disable_numparse=True))


def main(*, quick: bool) -> None:
    """Measure and print."""
    seconds = 2.0 if quick else 5.0
    contenders: list[Contender] = [Launcher(), Honcho(), Supervisord()]
    repetitions = 1 if quick else 3
    few = interleave(repetitions, {one.name: partial(at_rest, one, FEW, seconds) for one in contenders})
    many = interleave(1, {one.name: partial(at_rest, one, MANY, 0.0) for one in contenders})
    memory = {name: median(rest.memory for rest in rests) for name, rests in few.items()}
    percent = {name: median(rest.percent for rest in rests) for name, rests in few.items()}
    each = {name: (many[name][0].memory - memory[name]) / (MANY - FEW) for name in memory}
    targets = {"memory": at_most(20), "each": at_most(0.05), "percent": at_most(0.2)}
    figures = []
    for peer in ("honcho", "supervisord"):
        figures += [
            Figure(
                what=f"memory at {FEW} services (PSS)",
                ours=memory["launcher"],
                unit="MB",
                peer=peer,
                theirs=memory[peer],
                target=targets["memory"],
            ),
            Figure(
                what="each further service",
                ours=each["launcher"],
                unit="MB",
                peer=peer,
                theirs=each[peer],
                target=targets["each"],
            ),
            Figure(
                what="idle, of one processor",
                ours=percent["launcher"],
                unit="%",
                peer=peer,
                theirs=percent[peer],
                target=targets["percent"],
            ),
        ]
    processes = ", ".join(f"{name} {rests[0].processes}" for name, rests in few.items())
    show(f"memory: at rest, {FEW} and {MANY} services", figures, f"processes of its own at {FEW}: {processes}")
    show_imports()
