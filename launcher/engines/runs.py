"""Every run of the local engine from its process's birth to the event `Exited`, which says that all of it is gone.

Lives in the reader's thread, so a signal can never meet a number that was reaped and given to somebody else. Ends and
stops are answered in bursts: one census of the machine's processes serves all that came together. Asks `descent` who
belongs to whom; decides nothing about restarts or time-outs.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Container
from functools import partial
from itertools import count
from typing import IO, TYPE_CHECKING

from launcher.engines import descent
from launcher.engines.exits import exists
from launcher.engines.guard import Guard
from launcher.engines.reader import Reader
from launcher.orchestrator.events import Exited, Lingered, Post
from launcher.orchestrator.orders import Launch, Run, Stop, StopLevel

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Children, Sink

#: Seconds from a start to the first look for orphans, and between two looks when nothing has been started for long. A
#: census costs 1 ms on a machine with 100 processes.
_FIRST_SURVEY = 0.05
_LAST_SURVEY = 60.0


class Running:
    """One run: its process, its pipe and how far its end has come."""

    __slots__ = (
        "asked",
        "code",
        "end_command",
        "file",
        "grace",
        "launch",
        "number",
        "pid",
        "pipe",
        "reached",
        "run",
        "stop_signal",
        "watching",
    )

    def __init__(self, launch: Launch, pid: int, pipe: IO[bytes], *, stop_signal: int, grace: float) -> None:
        status = os.fstat(pipe.fileno())
        self.run = launch.run
        self.launch = launch
        #: The process's number, which is also its session's and its group's.
        self.pid = pid
        self.pipe = pipe
        #: What descendants have as standard output, unless they changed it.
        self.file = (status.st_dev, status.st_ino)
        #: The signal for descendants that outlive the process when nobody asked for a stop.
        self.stop_signal = stop_signal
        #: How long a stop command may take.
        self.grace = grace
        #: The exit code, once the process itself has ended.
        self.code: int | None = None
        self.asked: StopLevel | None = None
        #: Kills the stop command, if one is under way.
        self.end_command: Callable[[], None] = _nothing
        #: The signal that everything in this run is to get, and who outside the group has got it.
        self.number: int | None = None
        self.reached: set[int] = set()
        #: The descendant whose end is awaited, after the process's own.
        self.watching: int | None = None


class Runs:
    """The runs of one engine; all methods are for the reader's thread."""

    def __init__(
        self,
        reader: Reader,
        *,
        identity: str,
        tree: bool,
        guard: Guard | None,
        children: Children,
        post: Post,
        sink: Sink,
    ) -> None:
        self._reader = reader
        #: Whether descendants outside the process group can be found here: we are their sub-reaper.
        self._tree = tree
        self._identity = identity
        self._guard = guard
        self._children = children
        self._post = post
        self._sink = sink
        self._runs: dict[Run, Running] = {}
        #: Sessions of orphans, which the guard has been told of.
        self._strays: set[int] = set()
        #: Sessions that the guard has yet to be told of, with the inodes of their pipes.
        self._untold: list[tuple[int, int]] = []
        self._surveys = count()
        self._survey = -1

    def add(self, running: Running) -> None:
        """A process was born: read its output, await its end."""
        self._runs[running.run] = running
        if self._guard is not None:
            self._untold.append((running.pid, running.file[1]))
            self._reader.when_quiet(self._tell_guard)
        self._reader.read(running.pipe.fileno(), partial(self._took, running))
        self._reader.watch(running.pid, partial(self._ended, running))
        if self._guard is not None and self._tree:
            self._survey = next(self._surveys)
            self._reader.after(_FIRST_SURVEY, partial(self._look_for_strays, self._survey, _FIRST_SURVEY))

    def stop(self, run: Run, how: Stop, *, number: int) -> None:
        """Signal a run, or run its stop command; nothing if it is gone or was asked as strongly before."""
        running = self._runs.get(run)
        level = max(how.level, StopLevel.SIGNAL)
        if running is None or (running.asked is not None and level <= running.asked):
            return
        running.asked = level
        if level is StopLevel.KILL:
            self._signal(running, signal.SIGKILL)
        elif how.command and running.code is None:
            running.end_command = self._children.run(
                ("/bin/sh", "-c", how.command),
                env={**running.launch.env, "LAUNCHER_PID": str(running.pid)},
                directory=running.launch.directory,
                timeout=running.grace,
                done=_ignore,
            )
        elif running.number is None:
            self._signal(running, number)

    def drop(self) -> None:
        """Forget all runs without touching them: their ends are told to nobody."""
        for running in self._runs.values():
            self._close_pipe(running)
        self._runs.clear()

    def _took(self, running: Running, batch: bytes) -> bool:
        if batch:
            return self._sink.write(running.run, batch)
        self._sink.end(running.run)
        running.pipe.close()
        return True

    def _close_pipe(self, running: Running) -> None:
        if not running.pipe.closed:
            self._reader.finish(running.pipe.fileno())

    def _ended(self, running: Running, code: int | None) -> None:
        running.code = code or 0
        self._reader.when_quiet(self._reckon)

    def _signal(self, running: Running, number: int) -> None:
        """To the group at once, and to who left it with the next census."""
        running.number = number
        running.reached.clear()
        self._signal_group(running)
        self._reader.when_quiet(self._reckon)

    def _signal_group(self, running: Running) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, running.number or 0)

    def _reckon(self) -> None:
        """See who is left of which run, reach the descendants that left their group, and tell of runs that are gone."""
        families, census = self._families()
        for running in list(self._runs.values()):
            family = families.get(running.run, set())
            if running.code is not None:
                if family:
                    self._linger(running, family)
                else:
                    self._finish(running)
            if running.number is not None:
                self._reach(running, {pid for pid in family if pid > 0 and census[pid].group != running.pid})

    def _linger(self, running: Running, family: set[int]) -> None:
        first = running.watching is None
        if running.watching not in family:
            # One is enough: when it is gone the others are looked at again, and a thousand need no thousand pidfds.
            running.watching = min(family)
            self._reader.watch(running.watching, self._kin_ended)
        if running.number is None:
            self._signal(running, running.stop_signal)
        elif running.number == signal.SIGKILL:
            self._signal_group(running)
        if first:
            self._post(Lingered(running.run.instance, running.run.generation, running.code or 0, len(family)))

    def _kin_ended(self, _: int | None) -> None:
        self._reader.when_quiet(self._reckon)

    def _reach(self, running: Running, outside: set[int]) -> None:
        for pid in outside - running.reached:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, running.number or 0)
        running.reached |= outside

    def _tell_guard(self) -> None:
        """Tell the guard of a burst of births at once: each word wakes it, on a processor that children could use."""
        if self._guard is not None:
            self._guard.watch(*self._untold)
            self._untold.clear()

    def _finish(self, running: Running) -> None:
        self._close_pipe(running)
        self._tell_guard()
        if self._guard is not None:
            self._guard.forget(running.pid, running.file[1])
        running.end_command()
        del self._runs[running.run]
        self._post(Exited(running.run.instance, running.run.generation, running.code or 0))

    def _look_for_strays(self, survey: int, pace: float) -> None:
        """Take a census from time to time after the last start, ever less often: no notice tells of a new orphan."""
        if survey == self._survey and self._runs:
            self._reader.when_quiet(self._reckon)
            pace = min(2 * pace, _LAST_SURVEY)
            self._reader.after(pace, partial(self._look_for_strays, survey, pace))

    def _tell_of_strays(self, census: descent.Census, mains: Container[int]) -> None:
        """Tell the guard of orphans' sessions while they can be seen: when we are dead they are init's children."""
        if self._guard is None:
            return
        us = os.getpid()
        ours = os.getsid(0)
        strays = {
            process.session
            for pid, process in census.items()
            if process.parent == us and not process.dead and process.session != ours and not self._reader.owns(pid)
        }
        strays = {session for session in strays if session not in mains}
        for session in strays - self._strays:
            self._guard.watch((session, 0))
        for session in self._strays - strays:
            self._guard.forget(session)
        self._strays = strays

    def _families(self) -> tuple[dict[Run, set[int]], descent.Census]:
        if not self._tree:
            groups = [running for running in self._runs.values() if running.code is not None and exists(-running.pid)]
            return {running.run: {-running.pid} for running in groups}, {}
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # no child, so no descendant: the sub-reaper would have inherited it
            self._tell_of_strays({}, ())
            return {}, {}
        mains = {running.pid: running.run for running in self._runs.values()}
        awaited = {running.watching for running in self._runs.values()}
        with self._reader.no_births:
            census = descent.take_census()
            self._tell_of_strays(census, mains)
            families = descent.families(
                census,
                ancestor=os.getpid(),
                mains=mains,
                trace=lambda pid: None if self._reader.owns(pid) and pid not in awaited else self._trace(pid),
            )
        return families, census

    def _trace(self, pid: int) -> Run | None:
        """The run that begot an orphan outside every session we know: by its mark, or its output.

        One that has cleared its environment and closed its output belongs to the last run to end: until then it could
        be the helper of one that lives.
        """
        marks = descent.marks_of(pid)
        for mark in marks:
            identity, _, name = mark.partition(":")
            if identity == self._identity:
                return {f"{run.instance}:{run.generation}": run for run in self._runs}.get(name)
        if marks:
            return None  # of another launcher, which ran under one of ours or in this very process
        files = descent.writes_to(pid)
        left = list(self._runs.values())
        known = next((running for running in left if running.file in files), None)
        if known is None and left and all(running.code is not None for running in left):
            known = left[-1]
        return known.run if known is not None else None


def _ignore(_code: int | None, _output: bytes) -> None:
    """A stop command that fails is answered by the grace timer."""


def _nothing() -> None:
    """There is no stop command."""
