"""api: events to a client, answers a second, `status` from the shell, memory before and after the first request."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.contenders import Controlled, Launcher, beside_python, launcher_command
from benchmarks.harness import CannotMeasure, Figure, at_least, at_most, differences, interleave, medians, show
from benchmarks.processes import pss, thread_cpu
from benchmarks.running import Running, running
from benchmarks.services import Service, free_ports, idle
from launcher.control import wire
from launcher.control.client import Client
from launcher.orchestrator.snapshot import State
from launcher.orchestrator.steps import SPAN

FEW, MANY = 10, 100
SECONDS = 3.0
WATCHERS = 200
SETTLE = 2.0
#: Crashes that a client hears of while the loop is watched.
LOAD = 50
#: So old a step is told no more, in seconds.
FORGOTTEN = 2 * SPAN + 1


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("launcher", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def answers_a_second(folder: Path) -> float:
    """How often `/status` is answered on one connection that is kept."""
    connection = _Connection(folder / "control.sock")
    since, count = time.monotonic(), 0
    while time.monotonic() - since < SECONDS:
        connection.request("GET", "/status")
        connection.getresponse().read()
        count += 1
    connection.close()
    return count / (time.monotonic() - since)


def latency(run: Running, folder: Path, times: int) -> list[float]:
    """Milliseconds from a crash's being told by the loop until a client has heard of it."""
    found = []
    client = Client(folder=folder)
    for sent in client.events():
        if isinstance(sent, wire.Everything):
            os.kill(next(view.pid for view in sent.snapshot.instances if view.pid), signal.SIGKILL)
        elif isinstance(sent, wire.Moved):
            found.append((time.time() - sent.news.at) * 1000)
            if len(found) >= times * 5:
                return found
            if sent.news.state is State.READY and sent.news.pid:
                os.kill(sent.news.pid, signal.SIGKILL)
    raise CannotMeasure(f"{run.name}: the stream has ended")


def watch(folder: Path, stop: threading.Event, *, count: int) -> list[socket.socket]:
    """Clients of `/events`; every second one never reads, the others do until `stop`."""
    sockets = []
    for _ in range(count):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(folder / "control.sock"))
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: launcher\r\n\r\n")
        sockets.append(sock)

    def read() -> None:
        for sock in sockets[::2]:
            sock.setblocking(False)
        while not stop.wait(0.02):
            for sock in sockets[::2]:
                try:
                    sock.recv(65536)
                except BlockingIOError:
                    continue

    threading.Thread(target=read, daemon=True).start()
    return sockets


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Many clients of `/events`, every second one of which never reads."""
    stop = threading.Event()
    sockets = watch(folder, stop, count=WATCHERS)
    try:
        time.sleep(SETTLE)  # each is sent a snapshot first
        yield
    finally:
        stop.set()
        for sock in sockets:
            sock.close()


def crashes(run: Running, *, pairs: int) -> list[Figure]:
    """What a crash costs the loop with one client and with many, by turns; its longest step with either.

    What two hundred clients cost can be measured where the difference is further from nothing than it may be wrong.
    """
    folder = run.output.parent / ".launcher" / "bench"
    usual, added, delays = [], [], []
    for _ in range(pairs):
        cost, heard = _cost(run, folder)
        with watched(folder):
            added.append(_cost(run, folder)[0] - cost)
        usual.append(cost)
        delays += heard
    percent = 100 / median(usual)
    more, error = differences(added)
    quiet = _longest(run, folder)
    with watched(folder):
        longest = _longest(run, folder)
    return [
        Figure(what="an event to a client", ours=median(delays), unit="ms", target=at_most(10)),
        Figure(what="the loop's processor time a crash, one client", ours=median(usual), unit="ms"),
        Figure(
            what="… what 200 clients add (target: by how much that may be wrong)",
            ours=more * percent,
            unit="%",
            target=at_most(round(error * percent, 1)),
        ),
        Figure(
            what="the loop's longest step, 200 clients",
            ours=longest,
            unit="ms",
            peer="one client",
            theirs=quiet,
            target=at_most(20),
        ),
    ]


def _cost(run: Running, folder: Path) -> tuple[float, list[float]]:
    """The loop's processor time for a crash in ms, and how long each event took to a client."""
    before = thread_cpu(run.process.pid)
    delays = latency(run, folder, LOAD)
    return (thread_cpu(run.process.pid) - before) / LOAD * 1000, delays


def _longest(run: Running, folder: Path) -> float:
    time.sleep(FORGOTTEN)  # the steps of what went before are not meant
    latency(run, folder, LOAD)
    return 1000 * Client(folder=folder).status().longest_step


def from_the_shell(argv: list[str], folder: Path) -> float:
    """Milliseconds of one command."""
    since = time.monotonic()
    subprocess.run(argv, cwd=folder, capture_output=True, check=True, timeout=30)
    return (time.monotonic() - since) * 1000


def main(*, quick: bool) -> None:
    """Measure and print."""
    figures: list[Figure] = []
    with running(Launcher(), idle(MANY)) as run:
        run.wait("start", MANY)
        folder = run.output.parent / ".launcher" / "bench"
        time.sleep(SETTLE)
        figures.append(Figure(what="/status of 100, a second", ours=answers_a_second(folder), target=at_least(500)))
    keys = ("restart = { delay = 0.01, burst = 1000, window = 1, factor = 1 }",)
    crashing = [Service(name=f"s{number:03}", keys=keys) for number in range(FEW)]
    with running(Launcher(), crashing) as run:
        run.wait("start", FEW)
        figures += crashes(run, pairs=4 if quick else 24)
    ports = free_ports(FEW)
    listening = [
        Service(
            name=f"s{number:03}",
            mode=("listen", "0", str(port)),
            keys=(f"port = {port}", 'health = { http = "/", interval = 1 }'),
        )
        for number, port in enumerate(ports)
    ]
    with running(Launcher(), listening) as run, running(Controlled(), idle(FEW)) as peer:
        run.wait("listening", FEW)
        peer.wait("start", FEW)
        time.sleep(12 if not quick else 5)
        figures.append(Figure(what="memory before a request", ours=pss(run.own()), unit="MB", target=at_most(22)))
        ours, theirs = run.output.parent, peer.output.parent
        status = [*launcher_command(), "status", "--profile", "bench"]
        ctl = [beside_python("supervisorctl"), "-c", "supervisord.conf", "status"]
        cold = from_the_shell(status, ours)
        runs = {
            "launcher": partial(from_the_shell, status, ours),
            "supervisorctl": partial(from_the_shell, ctl, theirs),
        }
        took = medians(interleave(4 if quick else 15, runs))
        figures += [
            Figure(
                what="`status` of 10, warm",
                ours=took["launcher"],
                unit="ms",
                peer="supervisorctl",
                theirs=took["supervisorctl"],
                target=at_most(0.7, times=True),
            ),
            Figure(what="`status` of 10, the first", ours=cold, unit="ms"),
            Figure(what="memory after requests", ours=pss(run.own()), unit="MB", target=at_most(34)),
        ]
    show("api: a running launcher is asked", figures)
