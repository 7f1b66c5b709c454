"""cli: how long a command takes that does next to nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

from benchmarks.contenders import beside_python, launcher_command
from benchmarks.harness import CannotMeasure, Figure, at_most, interleave, medians, show
from benchmarks.services import HERE


def seconds(argv: list[str]) -> float:
    """How long the command takes to end well."""
    since = time.monotonic()
    done = subprocess.run(argv, cwd=HERE.parent, capture_output=True, text=True, timeout=30, check=False)
    took = time.monotonic() - since
    if done.returncode != 0:
        raise CannotMeasure(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return took


def main(*, quick: bool) -> None:
    """Measure and print."""
    launcher = launcher_command()
    commands = {
        "launcher --version": [*launcher, "--version"],
        "launcher --help": [*launcher, "--help"],
        "honcho version": [beside_python("honcho"), "version"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    took = medians(interleave(5 if quick else 25, {name: partial(seconds, argv) for name, argv in commands.items()}))
    honcho, target = "honcho version", at_most(0.7, times=True)
    figures = [
        Figure(what=what, ours=took[what] * 1000, unit="ms", peer=honcho, theirs=took[honcho] * 1000, target=wanted)
        for what, wanted in (("launcher --version", target), ("launcher --help", None))
    ]
    bare = "python -c pass"
    figures.append(
        Figure(
            what="launcher --version",
            ours=took["launcher --version"] * 1000,
            unit="ms",
            peer=bare,
            theirs=took[bare] * 1000,
        )
    )
    show("cli: a command that does next to nothing", figures, f"launcher is: {' '.join(launcher)}")
