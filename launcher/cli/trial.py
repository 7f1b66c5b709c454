"""One run of a profile, to measure it: a launcher of its own in a folder of its own, started, asked, weighed, stopped.

Knows command lines and figures, and nothing of why a mode is tried. Everything has to be over by a deadline.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from launcher.control.client import Client
from launcher.control.running import await_release, holder
from launcher.engines.descent import MARK
from launcher.errors import LauncherError
from launcher.observe.trees import usage_below

if TYPE_CHECKING:
    from launcher.engines.guard import Guard

COMMAND = (sys.executable, "-m", "launcher")
#: How many requests each service is asked, after how many that do not count, and how long one may take, in seconds.
REQUESTS, WARM_UP, ANSWER = 200, 10, 5.0
#: A stop that takes longer than its services' grace allows is ended by force, in seconds after which.
STOP = 60.0


class Figures(Struct, frozen=True, kw_only=True):
    """What a run took. Times in seconds, memory in bytes; of the services and all that they started, not the launcher.

    `cpu` is what they had used when all were ready, `memory` what they have after the requests, whose times are
    `latency` (the median) and `latency_p99`: none, if no service can be asked.
    """

    start_up: float
    cpu: float
    memory: int
    #: `pss`, or `rss` where the system does not tell that.
    memory_kind: str
    processes: int
    requests: int = 0
    latency: float | None = None
    latency_p99: float | None = None


class TrialFailed(Exception):
    """The run did not come so far that there is something to measure: why, in the launcher's own words."""


class _Tried(NamedTuple):
    folder: Path
    launcher: int
    took: float


def measure(words: Sequence[str], paths: Mapping[str, str], guard: Guard, *, timeout: float) -> Figures:
    """Start what `words` say, ask the path of each service in `paths`, and stop it again; raises TrialFailed.

    `guard` ends it all should this process be killed.
    """
    deadline = time.monotonic() + timeout
    with TemporaryDirectory(prefix="launcher-measure-") as folder, _started(Path(folder), words, guard, timeout) as run:
        ready = usage_below(run.launcher)
        times = sorted(_ask(run, paths, deadline))
        loaded = usage_below(run.launcher)
    return Figures(
        start_up=run.took,
        cpu=ready.cpu,
        memory=loaded.memory,
        memory_kind=loaded.memory_kind,
        processes=loaded.processes,
        requests=len(times),
        latency=times[len(times) // 2] if times else None,
        latency_p99=times[len(times) * 99 // 100] if times else None,
    )


@contextmanager
def _started(folder: Path, words: Sequence[str], guard: Guard, timeout: float) -> Iterator[_Tried]:
    """Everything is ready inside the `with`, and gone after it."""
    began = time.monotonic()
    more = ("--run-dir", str(folder), "--wait", "--timeout", f"{timeout:g}", "--no-colour")
    with TemporaryFile() as output:
        # In a session of its own: whoever presses Ctrl-C means this process, which stops the other in good order.
        starting = subprocess.Popen(
            [*COMMAND, "start", *words, *more],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            # By this the guard knows the launcher, too, in which this goes on in a session that nobody has told of yet.
            env={**os.environ, MARK: f"{guard.id}:measured"},
        )
        guard.watch((starting.pid, 0))
        launcher = 0
        try:
            status = _outcome(starting, timeout + STOP)
            took = time.monotonic() - began
            found = holder(folder)
            launcher = found.pid if found is not None else 0
            if launcher:
                guard.watch((launcher, 0))
            if status or not launcher:
                output.seek(0)
                raise TrialFailed(_why(output.read().decode("utf-8", "replace")))
            yield _Tried(folder, launcher, took)
        finally:
            _end(starting)
            _stop(folder)
            guard.forget(starting.pid)
            if launcher:
                guard.forget(launcher)


def _outcome(starting: subprocess.Popen[bytes], patience: float) -> int:
    try:
        return starting.wait(patience)
    except subprocess.TimeoutExpired as error:
        raise TrialFailed(f"the launcher has not answered for {patience:g} s") from error


def _why(printed: str) -> str:
    """The error among what a start has printed, without its remedy."""
    lines = printed.splitlines()
    errors = [line for line in lines if line.startswith("E") and line[1:2].isdigit()]
    return errors[0] if errors else (lines or ["it ended without a word"])[-1]


def _end(starting: subprocess.Popen[bytes]) -> None:
    """A start that is interrupted stops what it has begun, and says when it has."""
    if starting.poll() is None:
        starting.send_signal(signal.SIGINT)
        try:
            starting.wait(STOP)
        except subprocess.TimeoutExpired:
            starting.kill()
            starting.wait()


def _stop(folder: Path) -> None:
    """Stop the launcher of a folder, if there is one."""
    if (running := holder(folder)) is None:
        return
    stop = [*COMMAND, "stop", "--run-dir", str(folder)]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(stop, stdin=subprocess.DEVNULL, capture_output=True, timeout=STOP, check=False)
    if holder(folder) is not None and running.pid:
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)  # its own guard ends what it ran
        await_release(folder)


def _ask(run: _Tried, paths: Mapping[str, str], deadline: float) -> Iterator[float]:
    """How long each answer took, of one service after the other, over one connection each."""
    try:
        views = Client(folder=run.folder).status().instances
    except LauncherError as error:
        raise TrialFailed(str(error)) from error
    for view in views:
        if view.port is None or view.service not in paths:
            continue
        with suppress(OSError, HTTPException):  # whatever it speaks, it is no HTTP
            yield from _ask_one(view.port, paths[view.service], deadline)


def _ask_one(port: int, path: str, deadline: float) -> Iterator[float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER)
    try:
        for number in range(WARM_UP + REQUESTS):
            began = time.monotonic()
            if began > deadline:
                return
            connection.request("GET", path)
            connection.getresponse().read()
            if number >= WARM_UP:
                yield time.monotonic() - began
    finally:
        connection.close()
