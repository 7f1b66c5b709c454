"""swap: one of several services in a process restarted under load, in the same and in a new process.

Requests lost, and how long its own and its neighbours' answers take.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from pathlib import Path
from threading import Event, Thread

from msgspec import Struct, field

from benchmarks.harness import CannotMeasure, Figure, at_most, show
from benchmarks.modes import Apps, get, until_ready
from benchmarks.running import running
from benchmarks.services import Service, free_ports
from launcher.control import wire
from launcher.control.client import Client

#: So many clients, each with one connection that it keeps, ask so many times a second together.
CLIENTS = 4
RATE = 500
SWAPS = 10
#: How long they go on before, between and after, in seconds.
SETTLE = 0.3
SERVICES = 3
#: What all of them import.
SHARED = "common.py"
SAME, NEW = "in the same process", "in a new process"
#: What a service with a heavy import imports: about half a second's work, none of it compiled before.
MODULES = 150
FUNCTIONS = 20
FUNCTION = """
def function(first, second=1, *rest, **more):
    found = {first: second, "rest": [one for one in rest if one], **more}
    return found if second else [first, *rest]
"""
_OK = 200
_TIMEOUT = 30.0


class Met(Struct):
    """What clients met with: how long each answer took in seconds, and what was none."""

    took: list[float] = field(default_factory=list)
    refused: int = 0
    failed: int = 0


@contextmanager
def asked(port: int) -> Iterator[list[Met]]:
    """Ask a service steadily until the end of the block; what was met with is complete then."""
    over = Event()
    met = [Met() for _ in range(CLIENTS)]
    threads = [Thread(target=_ask, args=(port, over, one), daemon=True) for one in met]
    for thread in threads:
        thread.start()
    try:
        yield met
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _ask(port: int, over: Event, met: Met) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    due = time.monotonic()
    while not over.is_set():
        due = max(due + CLIENTS / RATE, time.monotonic() - 1)
        over.wait(max(0.0, due - time.monotonic()))
        since = time.monotonic()
        try:
            try:
                status = _once(connection)
            except (RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                connection.close()  # it was idle, and closed meanwhile: as any client, ask once more
                status = _once(connection)
        except ConnectionRefusedError:
            met.refused += 1
            connection.close()
        except (OSError, HTTPException):
            met.failed += 1
            connection.close()
        else:
            met.took.append(time.monotonic() - since)
            met.failed += status != _OK
    connection.close()


def _once(connection: HTTPConnection) -> int:
    connection.request("GET", "/health")
    answer = connection.getresponse()
    answer.read()
    return answer.status


class Sharing(Apps):
    """Apps that all import one module."""

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:
        words = super().prepare(folder, services, command)
        (folder / SHARED).write_text("", encoding="utf-8")
        for app in folder.glob("small*.py"):
            app.write_text(f"{app.read_text(encoding='utf-8')}import common\n", encoding="utf-8")
        return words


def percentile(met: list[Met], part: float) -> float:
    """How long the slower answers took, in milliseconds."""
    took = sorted(value for one in met for value in one.took)
    return 1000 * took[min(len(took) - 1, int(len(took) * part))]


def main(*, quick: bool) -> None:
    """Measure and print."""
    swaps = 3 if quick else SWAPS
    ports = free_ports(SERVICES)
    with running(Sharing("single", ports), []) as run:
        until_ready(run)
        for port in ports:
            get(port, "/health")
        client = Client(folder=run.folder / ".launcher" / "bench")
        same = _restarted(client, ports, swaps, SAME)
        new = _restarted(client, ports, swaps, NEW, change=partial(os.utime, run.folder / SHARED))
        heavy = _import_beside(run.folder, ports, client)
    show(
        f"swap: a service of a shared process is restarted {swaps} times, at {RATE} requests a second to each of two",
        [
            *_figures(SAME, *same),
            *_figures(NEW, *new),
            Figure(
                what="a neighbour's answers while one imports, p99",
                ours=percentile(heavy, 0.99),
                unit="ms",
                target=at_most(50),
            ),
        ],
    )


def _restarted(
    client: Client, ports: list[int], swaps: int, kind: str, *, change: Callable[[], None] = lambda: None
) -> tuple[list[Met], list[Met]]:
    """Restart one so often, after a change each time: what its clients, and a neighbour's, have met with."""
    with asked(ports[0]) as own, asked(ports[1]) as neighbour:
        time.sleep(SETTLE)
        for _ in range(swaps):
            change()
            told = [sent.news.text for sent in client.restart(["s1"]) if isinstance(sent, wire.Told)]
            if not any(f"s1 has started anew beside itself, {kind}" in text for text in told):
                raise CannotMeasure(f"s1 was not restarted {kind}: {told}")
            for _ in client.wait():  # the old process may not have ended
                pass
            time.sleep(SETTLE)
    return own, neighbour


def _figures(kind: str, own: list[Met], neighbour: list[Met]) -> list[Figure]:
    both = own + neighbour
    return [
        Figure(what=f"{kind}: refused", ours=sum(one.refused for one in both), target=at_most(0)),
        Figure(what="… failed", ours=sum(one.failed for one in both), target=at_most(0)),
        Figure(what="… its own answers, p99", ours=percentile(own, 0.99), unit="ms"),
        Figure(what="… the longest", ours=percentile(own, 1), unit="ms"),
        Figure(what="… a neighbour's answers, p99", ours=percentile(neighbour, 0.99), unit="ms"),
        Figure(what="… the longest", ours=percentile(neighbour, 1), unit="ms"),
    ]


def _import_beside(folder: Path, ports: list[int], client: Client) -> list[Met]:
    """A service that has many modules to import is restarted while another is asked."""
    package = folder / "large"
    package.mkdir()
    names = [f"module{number}" for number in range(MODULES)]
    for name in ("__init__", *names):
        (package / f"{name}.py").write_text(FUNCTION * FUNCTIONS, encoding="utf-8")
    app = folder / "small3.py"
    imports = "".join(f"import large.{name}\n" for name in names)
    app.write_text(app.read_text(encoding="utf-8") + imports, encoding="utf-8")
    with asked(ports[1]) as met:
        for _ in client.restart(["s3"]):
            pass
    return met
