"""A real zygote, commanded over its channel as the forked engine does it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

from launcher.engines.descent import become_subreaper
from launcher.engines.line import Line
from launcher.host import SERVE
from launcher.host.frames import Frame, pack
from tests.host.hosted import Hosted
from tests.serving import TIMEOUT


class Forked(Hosted):
    """One child: its port, what it has printed, and its number."""

    #: 0: it was never told of.
    pid = 0

    def wait(self) -> int:
        """Its exit code, told by the system: whoever adopts orphans is its parent, and here we do."""
        pidfd = os.pidfd_open(self.pid)
        ended = select.select([pidfd], [], [], TIMEOUT)[0]
        os.close(pidfd)
        assert ended, f"it goes on: {self.output()}"
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Zygote:
    """The process, and the line to it. `apps` are modules in `folder` whose common imports it makes."""

    def __init__(self, folder: Path, *options: str, apps: dict[str, str], **env: str) -> None:
        become_subreaper()
        self.folder = folder
        self.children: list[Forked] = []
        self._heard: list[Frame] = []
        for name, source in apps.items():
            self.write(name, source)
        shares = [word for name in apps for word in ("--share", f"{name}:app", str(folder))]
        self.path = str(folder / "z.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(str(folder / "n"))
            notices.settimeout(TIMEOUT)
            environ = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **env}
            with (folder / "output").open("wb") as output:
                self.process = subprocess.Popen(
                    [sys.executable, "-u", SERVE, "--zygote", self.path, "--group", "g", *shares, *options],
                    env={**environ, "NOTIFY_SOCKET": str(folder / "n")},
                    stdout=output,
                    stderr=output,
                )
            assert notices.recv(100) == b"READY=1", self.output()
        self.line = Line(self.path)
        self.env = environ

    def write(self, name: str, source: str) -> None:
        (self.folder / f"{name}.py").write_text(dedent(source))

    def output(self) -> str:
        """All the zygote itself has printed so far."""
        return (self.folder / "output").read_text()

    def fork(self, name: str, *, begins: bool = True, **what: Any) -> Forked:
        """Have an app forked, and let it begin, or end before it does."""
        child, gate = self.ask_for(name, **what)
        child.pid = self.heard("born")["pid"]
        if begins:
            os.write(gate, b"\n")
        os.close(gate)
        return child

    def refused(self, name: str, **what: Any) -> str:
        """Why there is no such child."""
        child, gate = self.ask_for(name, **what)
        self.children.remove(child)
        child.close()
        os.close(gate)
        return str(self.heard("unborn")["why"])

    def ask_for(self, name: str, **what: Any) -> tuple[Forked, int]:
        """The child that is asked for, and the gate that keeps it from beginning."""
        child = Forked()
        self.children.append(child)
        pipe = child.next_pipe()
        waiting, gate = os.pipe()
        order = {
            "name": name,
            "generation": 1,
            "target": f"{name}:app",
            "paths": [str(self.folder)],
            "drain": 1.0,
            "prefix": "",
            "strip_prefix": False,
            "directory": str(self.folder),
            "limits": {},
            "identity": None,
            **what,
        }
        env = {**self.env, "LISTEN_FDS": "1", "LAUNCHER_MARK": f"test:{name}:1"}
        descriptors = [pipe, waiting, child.listener.fileno()]
        self.line.say(pack("fork", json.dumps(env).encode(), fds=len(descriptors), **order), descriptors)
        os.close(pipe)
        os.close(waiting)
        return child, gate

    def fork_ready(self, name: str, **what: Any) -> Forked:
        """Have an app forked, and wait until it answers."""
        child = self.fork(name, **what)
        assert child.ask("/").status == 200, child.output()
        return child

    def heard(self, kind: str) -> dict[str, Any]:
        """The next of what it tells that is of this kind."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            while self._heard:
                head, _ = self._heard.pop(0)
                if head["kind"] == kind:
                    return head
            assert select.select([self.line], [], [], deadline - time.monotonic())[0], self.output()
            self._heard += self.line.take()

    def open_descriptors(self) -> int:
        """How many it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.line.close()
        for child in self.children:
            child.close()
            if child.pid:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)
                    child.wait()
