"""modes: small services as a process each, in one process, forked from one: memory, processor time, a restart."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from msgspec import Struct

from benchmarks.contenders import Launcher, launcher_command
from benchmarks.harness import CannotMeasure, Figure, at_most, interleave, show
from benchmarks.processes import cpu, pss
from benchmarks.running import Running, running
from benchmarks.services import HERE, Service, free_ports
from launcher.control.client import Client

MODES = ("multi", "single", "forked")
COUNTS = (3, 5, 10)
#: Requests to each service before its memory is taken: what is made at the first ones belongs to it.
WARM = 20
PATIENCE = 60.0
_OK = 200


class Apps(Launcher):
    """The launcher with small apps, in one of its modes; `prefixed`: each below `/sN`."""

    def __init__(self, mode: str, ports: Sequence[int], *, prefixed: bool = False) -> None:
        super().__init__()
        self.name = mode
        self._prefixed = prefixed
        self._ports = ports

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:  # noqa: ARG002
        lines = ["[launcher]", f'mode = "{self.name}"', "[env]", 'UVICORN_LOG_LEVEL = "warning"']
        for number, port in enumerate(self._ports, 1):
            shutil.copy(HERE / "small_app.py", folder / f"small{number}.py")
            lines += [f"[services.s{number}]", f'app = "small{number}:app"', f"port = {port}"]
            lines += ['health = { http = "/health" }', *([f'prefix = "/s{number}"'] if self._prefixed else [])]
        (folder / "profiles").mkdir()
        (folder / "profiles" / "bench.toml").write_text("\n".join(lines), encoding="utf-8")
        return [*launcher_command(), "start", "--profile", "bench"]


class Found(Struct, frozen=True):
    """One mode with some services: MB, CPU seconds and seconds until all are ready, and seconds of a restart of one."""

    memory: float
    cpu: float
    ready: float
    restart: float


def until_ready(run: Running) -> None:
    """Wait until the launcher says that all are ready."""
    socket = run.folder / ".launcher" / "bench" / "control.sock"
    deadline = time.monotonic() + PATIENCE
    while not socket.exists():
        if time.monotonic() > deadline or run.process.poll() is not None:
            raise CannotMeasure(f"{run.name} does not come up:\n{run.tail()}")
        time.sleep(0.005)
    words = [*launcher_command(), "wait", "--profile", "bench"]
    done = subprocess.run(words, cwd=run.folder, check=False, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise CannotMeasure(f"{run.name}: {done.stderr}\n{run.tail()}")


def get(port: int, path: str) -> None:
    """One request on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status != _OK:
        raise CannotMeasure(f"port {port} answers {answer.status}")


def look(mode: str, count: int) -> Found:
    """Start, wait, warm, look; then restart one. The launcher's own process counts for nothing here."""
    ports = free_ports(count)
    with running(Apps(mode, ports), []) as run:
        until_ready(run)
        ready = (time.monotonic_ns() - run.began) / 1e9
        spent = cpu(run.all() - {run.process.pid})
        for port in ports:
            for _ in range(WARM):
                get(port, "/items")
        memory = pss(run.all() - {run.process.pid})
        began = time.monotonic()
        for _ in Client(folder=run.folder / ".launcher" / "bench").restart(["s1"]):
            pass  # until it is ready
        return Found(memory, spent, ready, time.monotonic() - began)


#: By mode: at most so much of `multi`'s memory at 10 services, and of its processor time until all are ready.
BOUNDS = {"single": (0.18, 0.15), "forked": (0.55, 0.2)}


def main(*, quick: bool) -> None:
    """Measure and print."""
    figures: list[Figure] = []
    for count in COUNTS[-1:] if quick else COUNTS:
        runs = interleave(1 if quick else 3, {mode: partial(look, mode, count) for mode in MODES})
        found = {
            mode: {key: median(getattr(one, key) for one in each) for key in Found.__struct_fields__}
            for mode, each in runs.items()
        }
        for mode, (memory, spent) in BOUNDS.items():
            wanted = [
                ("memory (PSS)", "memory", "MB", memory),
                ("processor time until all are ready", "cpu", "s", spent),
                ("until all are ready", "ready", "s", None),
                ("restart of one", "restart", "s", 0.2),
            ]
            figures += [
                Figure(
                    what=f"{mode} × {count}: {what}",
                    ours=found[mode][key],
                    unit=unit,
                    peer="multi",
                    theirs=found["multi"][key],
                    target=at_most(most, times=True) if most is not None and count == COUNTS[-1] else None,
                )
                for what, key, unit, most in wanted
            ]
    show("modes: FastAPI services with pydantic and SQLite", figures)
