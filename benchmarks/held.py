"""held: a web service restarted under a client's load: connections refused, its socket held or not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread

from msgspec import Struct

from benchmarks.contenders import Controlled, Exported, beside_python, launcher_command
from benchmarks.harness import CannotMeasure, Figure, at_most
from benchmarks.running import running
from benchmarks.services import Service, free_ports

#: At once, each with a new connection for every request; one that is refused tries again after PAUSE seconds.
CLIENTS = 4
PAUSE = 0.001
RESTARTS = 3
#: How long the clients go on after a restart, and how long a service may take to come back, in seconds.
SETTLE = 0.5
PATIENCE = 60.0

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
SERVE = "import sys, uvicorn; uvicorn.run('web:app', port=int(sys.argv[1]), log_level='warning')\n"


class Held(Exported):
    """An `app`: its socket is bound once, and handed to each of its processes."""

    restart = (*launcher_command(), "restart", "web", "--run-dir", "run")

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:  # noqa: ARG002
        (folder / "web.py").write_text(APP, encoding="utf-8")
        (folder / "profiles").mkdir()
        profile = f'[services.web]\napp = "web:app"\nport = {self._port}\n'
        (folder / "profiles" / "bench.toml").write_text(profile, encoding="utf-8")
        return self.export(folder)


class Plain(Controlled):
    """The same application as a plain program of supervisord's, which binds its port itself."""

    restart = (beside_python("supervisorctl"), "-c", "supervisord.conf", "restart", "web")

    def __init__(self, port: int) -> None:
        self._port = port

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:  # noqa: ARG002
        (folder / "web.py").write_text(APP, encoding="utf-8")
        (folder / "serve.py").write_text(SERVE, encoding="utf-8")
        return super().prepare(folder, services, [sys.executable, str(folder / "serve.py"), str(self._port)])


class Heard(Struct):
    """What one client has met with: answers, refusals, and connections that ended without an answer."""

    answered: int = 0
    refused: int = 0
    cut: int = 0


def restarted(contender: Held | Plain, port: int) -> Heard:
    """What all clients met with while the service was restarted a few times."""
    with running(contender, [Service(name="web", mode=())]) as run:
        _until_answered(port)
        with clients(port) as heard:
            for _ in range(RESTARTS):
                subprocess.run(contender.restart, cwd=run.folder, check=True, capture_output=True, timeout=PATIENCE)
                _until_answered(port)
                time.sleep(SETTLE)
    return Heard(
        answered=sum(one.answered for one in heard),
        refused=sum(one.refused for one in heard),
        cut=sum(one.cut for one in heard),
    )


@contextmanager
def clients(port: int) -> Iterator[list[Heard]]:
    """Clients at work until the end of the block; then what they met with."""
    over = Event()
    heard = [Heard() for _ in range(CLIENTS)]
    threads = [Thread(target=_ask_until, args=(over, port, one), daemon=True) for one in heard]
    for thread in threads:
        thread.start()
    try:
        yield heard
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _ask_until(over: Event, port: int, heard: Heard) -> None:
    while not over.is_set():
        try:
            _ask(port)
            heard.answered += 1
        except ConnectionRefusedError:
            heard.refused += 1
            over.wait(PAUSE)
        except (OSError, HTTPException):
            heard.cut += 1


def _ask(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        connection.getresponse().read()
    finally:
        connection.close()


def _until_answered(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            _ask(port)
        except (OSError, HTTPException):
            if time.monotonic() > deadline:
                raise CannotMeasure(f"nothing answers on port {port}") from None
            time.sleep(PAUSE)
        else:
            return


def figures() -> list[Figure]:
    """Refused and cut connections, ours beside stock supervisord's."""
    ours, theirs = (restarted(contender(port), port) for contender in (Held, Plain) for port in free_ports(1))
    load = f"{RESTARTS} restarts, {CLIENTS} clients"

    return [
        Figure(
            what=f"refused, {load}", ours=ours.refused, peer="supervisord", theirs=theirs.refused, target=at_most(0)
        ),
        Figure(what=f"cut, {load}", ours=ours.cut, peer="supervisord", theirs=theirs.cut),
    ]
