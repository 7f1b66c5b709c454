"""The services that are run, and when they said that something happened."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from socket import create_server
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks.harness import CannotMeasure

HERE = Path(__file__).parent


class Service(Struct, frozen=True, kw_only=True):
    """One service of a benchmark. `keys` are further lines of its table in a profile."""

    name: str
    mode: tuple[str, ...] = ("idle",)
    needs: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class Stamp(Struct, frozen=True):
    """What a service said: the event, who, its process, and when (monotonic, ns)."""

    event: str
    name: str
    pid: int
    at: int


def read_stamps(path: Path) -> list[Stamp]:
    """All that has been said so far, in the order of time."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows = [line.split() for line in text.splitlines()]
    return sorted((Stamp(event, name, int(pid), int(at)) for event, name, pid, at in rows), key=lambda stamp: stamp.at)


@cache
def build_folder() -> TemporaryDirectory[str]:
    """Where the service is compiled to, once; goes with this process."""
    return TemporaryDirectory(prefix="launcher-bench-service-")


@cache
def service_command() -> tuple[str, ...]:
    """The command that every service runs: C where there is a compiler, else Python."""
    compiler = shutil.which("cc")
    if compiler is None:
        return (sys.executable, "-I", "-S", str(HERE / "service.py"))
    program = f"{build_folder().name}/service"
    built = subprocess.run(
        [compiler, "-O2", "-o", program, str(HERE / "service.c")], capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        raise CannotMeasure(f"cc could not compile service.c: {built.stderr}")
    return (program,)


def idle(count: int) -> list[Service]:
    """Services that do nothing."""
    return [Service(name=f"s{number:03}") for number in range(1, count + 1)]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listened on a moment ago."""
    with ExitStack() as held:
        return [held.enter_context(create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]
