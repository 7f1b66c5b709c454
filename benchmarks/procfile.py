"""procfile: a plain Procfile, from the command to the first line of output."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path

from benchmarks.contenders import beside_python, launcher_command
from benchmarks.harness import CannotMeasure, Figure, at_most, interleave, medians, show
from benchmarks.processes import end, marked
from benchmarks.running import MARK
from benchmarks.services import HERE

PROCFILE = "web: echo up; exec sleep 600\nworker: exec sleep 600\n"


def until_line(argv: list[str], wanted: bytes) -> float:
    """Seconds until a line with `wanted` in it has been printed."""
    with tempfile.TemporaryDirectory(prefix="launcher-bench-") as folder:
        (Path(folder) / "Procfile").write_text(PROCFILE, encoding="utf-8")
        mark = f"{MARK}={uuid.uuid4().hex}"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LAUNCHER_")}
        began = time.monotonic()
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**environ, MARK: mark.partition("=")[2], "PYTHONPATH": str(HERE.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if wanted in line:
                    return time.monotonic() - began
            raise CannotMeasure(f"{argv[0]} printed no line with {wanted!r}")
        finally:
            # Killed, not asked: honcho meets a KeyError, and stays, when it is asked before all have started.
            while left := marked(mark):
                end(left)
            process.wait()
            process.stdout.close()


def main(*, quick: bool) -> None:
    """Measure and print."""
    launcher, honcho = [*launcher_command(), "start"], [beside_python("honcho"), "start"]
    lines = {"first line": b"| ", "first line of a process": b"| up"}
    runs = {
        (who, what): partial(until_line, argv, wanted)
        for what, wanted in lines.items()
        for who, argv in (("launcher", launcher), ("honcho", honcho))
    }
    took = medians(interleave(3 if quick else 15, {" ".join(key): run for key, run in runs.items()}))
    show(
        "procfile: `start` on a plain Procfile of two processes",
        [
            Figure(
                what=what,
                ours=took[f"launcher {what}"] * 1000,
                unit="ms",
                peer="honcho",
                theirs=took[f"honcho {what}"] * 1000,
                target=at_most(1.0, times=True),
            )
            for what in lines
        ],
        f"launcher is: {' '.join(launcher)}",
    )
