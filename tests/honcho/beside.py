"""The real honcho beside the launcher: the same files, the same words, and what either of them printed.

Clock and process ids are masked. The lines of one process keep their order; those of different ones come as they come.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from tests.e2e.project import PATIENCE, ROOT

HONCHO, LAUNCHER = "honcho", "launcher"
_CLOCK = re.compile(r"\d\d:\d\d:\d\d ")
_DATE = re.compile(r"\d{4}-\d\d-\d\d ")
_PID = re.compile(r"pid[= ]\d+|\[\d+\]")
_SUBJECT = re.compile(r"system +\| (?:sending SIG\w+ to )?(\S+)|(\S+) +\|")


class Ended:
    """How one of them ended: what it printed where, and its exit status."""

    def __init__(self, out: str, err: str, status: int) -> None:
        self.out, self.err, self.status = mask(out), mask(err), status

    @property
    def lines(self) -> dict[str, list[str]]:
        """Its lines by the process that they are of or about, sorted: honcho's come through a queue, or don't."""
        found: dict[str, list[str]] = {}
        for line in self.out.splitlines():
            match = _SUBJECT.match(line.removeprefix("TIME "))
            found.setdefault((match[1] or match[2]) if match else "", []).append(line)
        return {name: sorted(lines) for name, lines in sorted(found.items())}

    def __repr__(self) -> str:
        return f"status {self.status}\n{self.out}\n{self.err}"


class Started:
    """One of them at work."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.process = process
        self.output = b""
        self._errors = errors

    def until(self, text: str) -> Started:
        """Read on until this was printed."""
        deadline = time.monotonic() + PATIENCE
        while text.encode() not in self.output:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"no {text!r} in:\n{self.output.decode(errors='replace')}")
        return self

    def say(self, text: bytes) -> Started:
        """Type this."""
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()
        return self

    def send(self, number: int, *, group: bool = False) -> Started:
        """Send a signal; to the `group`: as Ctrl-C at a terminal does."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self

    def end(self) -> Ended:
        """Read to the end."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline - time.monotonic()):
            pass
        status = self.process.wait(max(0.1, deadline - time.monotonic()))
        return Ended(self.output.decode("utf-8", "replace"), self._errors.read_text("utf-8", "replace"), status)

    def close(self) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self, patience: float) -> bool:
        assert self.process.stdout is not None
        if patience <= 0 or not select.select([self.process.stdout], [], [], patience)[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        self.output += data
        return bool(data)


class Beside:
    """A folder for each of the two, with the same files. All that is started here is ended by `close`."""

    def __init__(self, root: Path) -> None:
        self.folders = {HONCHO: root / HONCHO, LAUNCHER: root / LAUNCHER}
        for folder in self.folders.values():
            folder.mkdir()
        self._started: list[Started] = []
        cleared = ("LAUNCHER_", "PORT", "PROCFILE", "NO_COLOR")
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(cleared)}
        self.environ["PYTHONPATH"] = str(ROOT)

    def write(self, name: str, text: str) -> None:
        """Write a file for both; common indentation goes."""
        for folder in self.folders.values():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")

    def fifo(self, name: str = "fifo") -> None:
        """Make a named pipe for both."""
        for folder in self.folders.values():
            os.mkfifo(folder / name)

    def start(self, who: str, *words: str) -> Started:
        """Start one of them with these words."""
        errors = self.folders[who].parent / f"errors-{len(self._started)}"
        with errors.open("wb") as descriptor:
            process = subprocess.Popen(
                [sys.executable, "-m", who, *words],
                cwd=self.folders[who],
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=descriptor,
                start_new_session=True,
            )
        self._started.append(Started(process, errors))
        return self._started[-1]

    def both(self, *words: str) -> tuple[Started, Started]:
        """Start both: the launcher, then honcho."""
        return self.start(LAUNCHER, *words), self.start(HONCHO, *words)

    def ends(self, *words: str) -> tuple[Ended, Ended]:
        """Run both to their ends: the launcher's, then honcho's."""
        ours, honchos = self.both(*words)
        return ours.end(), honchos.end()

    def close(self) -> None:
        for started in self._started:
            started.close()


def mask(text: str) -> str:
    """`text` without the time and the process ids."""
    return _PID.sub("PID", _CLOCK.sub("TIME ", _DATE.sub("", text)))


def same(ours: Ended, honchos: Ended) -> None:
    """Both printed the same lines, and ended alike."""
    assert ours.lines == honchos.lines, (ours, honchos)
    assert (ours.err, ours.status) == (honchos.err, honchos.status)
    for name in re.findall(r"(\S+) started", ours.out):
        lines = [line for line in ours.out.splitlines() if f" {name} " in line or line.startswith(f"{name} ")]
        assert ("started" in lines[0], "stopped" in lines[-1]) == (True, True), ours
