"""A project in a temporary folder and the real `launcher` command run in it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

#: A bound on every wait, in seconds; nothing here takes nearly as long on an idle machine.
PATIENCE = 30.0
ROOT = Path(__file__).parents[2]
LAUNCHER = (sys.executable, "-m", "launcher")


class Running:
    """A `launcher start` in the foreground, whose output is read as it comes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.output = ""

    def until(self, pattern: str) -> re.Match[str]:
        """Read on until the output matches; the text before counts too."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.output)):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"no {pattern!r} in:\n{self.output}")
        return found

    def _read(self, patience: float) -> bool:
        assert self.process.stdout is not None
        if patience <= 0 or not select.select([self.process.stdout], [], [], patience)[0]:
            return False
        text = os.read(self.process.stdout.fileno(), 65536)
        self.output += text.decode("utf-8", "replace")
        return bool(text)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Read to the end; the exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def stop(self) -> int:
        """Press Ctrl-C and wait for the end."""
        if self.process.poll() is None:
            self.interrupt()
        return self.end()


class Project:
    """Profiles, files and commands. Everything started here is ended by `close`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "profiles").mkdir()
        self._running: list[Running] = []
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LAUNCHER_")},
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
        }

    def profile(self, text: str, name: str = "dev") -> Path:
        path = self.root / "profiles" / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def file(self, name: str, text: str, *, mode: int = 0o644) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def run(self, *args: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*LAUNCHER, *args],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def start(self, *args: str, **popen: object) -> Running:
        """Start in the foreground; its standard error comes with the output."""
        options: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **popen}
        process = subprocess.Popen(
            [*LAUNCHER, "start", *args],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **options,  # type: ignore[call-overload]
        )
        running = Running(process)
        self._running.append(running)
        return running

    def status(self) -> dict[str, dict[str, object]]:
        """`launcher status --json`, by label."""
        answer = self.run("status", "--json")
        assert answer.returncode == 0, answer.stderr
        return {one["label"]: one for one in json.loads(answer.stdout)["instances"]}

    def close(self) -> None:
        for running in self._running:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
                try:
                    running.end()
                except subprocess.TimeoutExpired:
                    running.process.kill()
                    running.process.wait()
            if running.process.stdout is not None:
                running.process.stdout.close()
        self.run("stop")


def free_ports() -> str:
    """A range for `ports` where nobody else draws his: other tests run at the same time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        first = listener.getsockname()[1]
    return f"{first}-{min(first + 99, 65535)}"


def refuses(port: int) -> bool:
    """Whether nobody listens; a connection that comes while the port is closed is hung up on."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False
    return False


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(holds: object, *, within: float = PATIENCE) -> None:
    """Wait until a condition outside of this process holds."""
    deadline = time.monotonic() + within
    pause = 0.002
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never held"
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
