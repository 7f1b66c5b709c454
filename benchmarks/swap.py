"""swap: one of several services in a process restarted under load: requests lost, and how long its neighbours take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from pathlib import Path
from threading import Event, Thread

from msgspec import Struct, field

from benchmarks.harness import Figure, at_most, show
from benchmarks.modes import Apps, get, until_ready
from benchmarks.running import running
from benchmarks.services import free_ports
from launcher.control.client import Client

#: So many clients, each with one connection that it keeps, ask so many times a second together.
CLIENTS = 4
RATE = 500
SWAPS = 10
#: How long they go on before, between and after, in seconds.
SETTLE = 0.3
SERVICES = 3
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


def percentile(met: list[Met], part: float) -> float:
    """How long the slower answers took, in milliseconds."""
    took = sorted(value for one in met for value in one.took)
    return 1000 * took[min(len(took) - 1, int(len(took) * part))]


def main(*, quick: bool) -> None:
    """Measure and print."""
    swaps = 3 if quick else SWAPS
    ports = free_ports(SERVICES)
    with running(Apps("single", ports), []) as run:
        until_ready(run)
        for port in ports:
            get(port, "/health")
        client = Client(folder=run.folder / ".launcher" / "bench")
        with asked(ports[0]) as own, asked(ports[1]) as neighbour:
            time.sleep(SETTLE)
            for _ in range(swaps):
                for _ in client.restart(["s1"]):
                    pass
                time.sleep(SETTLE)
        heavy = _import_beside(run.folder, ports, client)
    load = f"{swaps} restarts at {RATE} requests a second"
    show(
        "swap: a service of a shared process is restarted",
        [
            Figure(what=f"refused, {load}", ours=sum(one.refused for one in own), target=at_most(0)),
            Figure(what=f"failed, {load}", ours=sum(one.failed for one in own), target=at_most(0)),
            Figure(what="its own answers, p99", ours=percentile(own, 0.99), unit="ms"),
            Figure(what="a neighbour's answers, p99", ours=percentile(neighbour, 0.99), unit="ms"),
            Figure(
                what="a neighbour's answers while one imports, p99",
                ours=percentile(heavy, 0.99),
                unit="ms",
                target=at_most(50),
            ),
        ],
    )


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
