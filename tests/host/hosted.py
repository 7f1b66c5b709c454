"""A real host of many components, commanded over its channel as the merged engine does it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from launcher.engines.hostline import HostLine, Measured
from launcher.engines.line import Lost
from launcher.host import SERVE, channel_of
from launcher.host.address import beside as beside_of
from launcher.orchestrator.events import Exited, Meddled, NotRenewed, Renewed, Risen
from launcher.orchestrator.orders import App, Launch, Run
from tests.serving import TIMEOUT, Server

HELLO = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text().encode()})
"""


def hello(text: str) -> str:
    """The source of an app that answers with the value of an expression."""
    return f"def text(): return {text}\n{HELLO}"


class Hosted:
    """One component: its port, and what it has printed."""

    ask = Server.ask

    def __init__(self, beside: Hosted | None = None) -> None:
        # `dup` of a socket would make both block, and the host's with them.
        self.listener = (
            socket.create_server(("127.0.0.1", 0))
            if beside is None
            else socket.socket(fileno=os.dup(beside.listener.fileno()))
        )
        self.port: int = self.listener.getsockname()[1]
        self.generation = 0
        self._pipe = -1
        self._text = b""

    def next_pipe(self) -> int:
        """The end of a new pipe that a start is to write to; what it says is read here."""
        self.close_pipe()
        self._pipe, writing = os.pipe()
        os.set_blocking(self._pipe, False)
        return writing

    @property
    def reading(self) -> int:
        """The end from which it is read."""
        return self._pipe

    def output(self) -> str:
        """All it has printed so far."""
        while self._pipe >= 0 and select.select([self._pipe], [], [], 0)[0]:
            data = os.read(self._pipe, 65536)
            if not data:
                break
            self._text += data
        return self._text.decode()

    def says(self, text: str) -> None:
        """Wait until it has printed this."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.output():
            assert time.monotonic() < deadline, f"has not said {text!r}: {self.output()}"
            select.select([self._pipe], [], [], 0.1)

    def close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def close(self) -> None:
        self.close_pipe()
        self.listener.close()


class Told(NamedTuple):
    """What has come of a component's starting anew beside itself."""

    is_done: bool
    why: str
    needs_process: bool = False


class Host:
    """The process, and the line to it."""

    def __init__(self, folder: Path, *, grace: float = 10.0, before: Host | None = None) -> None:
        """`before` is the process in whose place this one is to come, with its components."""
        self.folder = folder
        self._before = before
        self.components: dict[str, Hosted] = {}
        self._heard: list[object] = []
        path = channel_of(str(folder), "apps")
        flags = ["--beside"] if before is not None else []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as self._notices:
            notices = str(folder / ("n" if before is None else "n2"))
            self._notices.bind(notices)
            self._notices.settimeout(TIMEOUT)
            self.process = subprocess.Popen(
                [sys.executable, "-u", SERVE, "--channel", path, "--group", "apps", "--grace", f"{grace:g}", *flags],
                env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": notices},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            assert self._notices.recv(100) == b"READY=1"
        self.line = HostLine(path if before is None else beside_of(path))

    def start(
        self,
        name: str,
        source: str,
        *,
        target: str = "app",
        stop_timeout: float = 5.0,
        paths: tuple[str, ...] = (),
        prefix: str | None = None,
        beside: Hosted | None = None,
        **env: str,
    ) -> Hosted:
        """Start a component whose module is this source; without one, what is there already.

        With a prefix it may be `beside` another one, on the same port.
        """
        if source:
            (self.folder / f"{name}.py").write_text(dedent(source))
        if name not in self.components:
            self.components[name] = Hosted(self._before.components[name] if self._before is not None else beside)
        hosted = self.components[name]
        hosted.generation += 1
        app = App(
            target=f"{name}:{target}",
            group="apps",
            paths=paths or (str(self.folder),),
            drain=2,
            stop_timeout=stop_timeout,
            prefix=prefix,
            is_beside=self._before is not None,
        )
        pipe = hosted.next_pipe()
        launch = Launch(instance=name, generation=hosted.generation, app=app, directory="/", env=env)
        self.line.start(launch, (pipe, hosted.reading), hosted.listener)
        os.close(pipe)
        return hosted

    def start_ready(self, name: str, source: str, **how: object) -> Hosted:
        """Start a component, and wait until it answers: until then its requests wait on the socket."""
        hosted = self.start(name, source, **how)  # type: ignore[arg-type]
        assert hosted.ask("/").status == 200, hosted.output()
        return hosted

    def rise(self, name: str, source: str, **how: object) -> Hosted:
        """Start a component beside the one that serves in the process before, and wait until it could serve."""
        hosted = self.start(name, source, **how)  # type: ignore[arg-type]
        self._until(lambda one: isinstance(one, Risen) and one.instance == name)
        return hosted

    def take_place(self) -> None:
        """Come in the place of the process before, and have that leave."""
        assert self._before is not None
        self.line.take_place()
        self._until(lambda one: one == "taken")
        self._before.line.leave()

    def begin_renewal(self, name: str, source: str, *, ready_timeout: float = 20.0, **env: str) -> None:
        """Have a component start anew beside itself, with this source."""
        (self.folder / f"{name}.py").write_text(dedent(source))
        app = App(
            target=f"{name}:app",
            group="apps",
            paths=(str(self.folder),),
            drain=2,
            stop_timeout=5,
            ready_timeout=ready_timeout,
        )
        generation = self.components[name].generation + 1
        self.line.renew(Launch(instance=name, generation=generation, app=app, directory="/", env=env))

    def renewal(self, name: str) -> Told:
        """What has come of it."""
        told = self._until(lambda one: isinstance(one, (Renewed, NotRenewed)) and one.instance == name)
        if isinstance(told, Renewed):
            self.components[name].generation = told.generation + 1
            return Told(True, told.how)
        return Told(False, told.why, told.needs_process)

    def renew(self, name: str, source: str, **how: object) -> Told:
        """Have a component start anew beside itself, and wait for what comes of it."""
        self.begin_renewal(name, source, **how)  # type: ignore[arg-type]
        return self.renewal(name)

    def stop(self, name: str) -> None:
        self.line.stop(Run(name, self.components[name].generation))

    def ended(self, name: str) -> Exited:
        """How the component's latest start has ended, as soon as it has."""
        run = Run(name, self.components[name].generation)
        return self._until(lambda one: isinstance(one, Exited) and Run(one.instance, one.generation) == run)

    def noted(self, name: str, text: str) -> str:
        """What the host notes of the component that has this in it, as soon as it does."""
        return self._until(lambda one: isinstance(one, Meddled) and one.instance == name and text in one.text).text

    def measured(self, name: str) -> Measured:
        """What the component has done."""
        self.line.measure()
        return self._until(lambda one: isinstance(one, Measured) and one.instance == name)

    def _until(self, holds):  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + TIMEOUT
        while True:
            for one in self._heard:
                if holds(one):
                    self._heard.remove(one)
                    return one
            assert select.select([self.line], [], [], deadline - time.monotonic())[0], "the host says nothing"
            self._heard += self.line.hear()

    def is_lost(self) -> bool:
        """Wait until the host has hung up."""
        try:
            while select.select([self.line], [], [], TIMEOUT)[0]:
                self.line.hear()
        except Lost:
            return True
        return False

    def end(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.line.close()
        for hosted in self.components.values():
            hosted.close()
