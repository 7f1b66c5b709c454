"""The supervisord engine: starts and stops supervisord's programs, and tells the loop what becomes of them.

One thread asks supervisord, one call at a time; what the loop wants is queued for it. Events of supervisord are hints
to look (`hint`); what `getAllProcessInfo` tells is the truth, looked at after each of them and every few seconds. What
an operator does with supervisorctl is told to the loop as his command. Decides nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from supervisor.states import ProcessStates

from launcher.engines.supervisord.rpc import Program, Supervisor, Unreachable
from launcher.errors import LauncherError, SpawnFailed
from launcher.orchestrator.events import Adopted, Exited, Opened, Post, Spawned, SpawnRefused, StopAsked
from launcher.orchestrator.orders import Can, Launch, Run, Stop, StopLevel
from launcher.plan.model import Plan
from launcher.profile.model import EngineName

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Sink

#: So often, in seconds, all programs are looked at though nothing was hinted.
LOOK = 30.0
#: As who an operator's commands are told.
OPERATOR = "supervisorctl"
#: So many wishes are taken at a time; supervisord does nothing else while it starts as many programs.
TOGETHER = 20


class _Tracked:
    """A run that has, or had until the last look, a process."""

    def __init__(self, run: Run, pid: int, started: int) -> None:
        self.run = run
        self.pid = pid
        self.started = started
        #: The signal that we last sent; 0: none.
        self.sent = 0
        self.stopping = False


class SupervisordEngine:
    """Drives the programs of one supervisord. `names` is what each instance is called there."""

    can = frozenset({Can.KILL, Can.SIGNAL})

    def __init__(self, url: str, *, names: Mapping[str, str], generations: Mapping[str, int]) -> None:
        self._url = url
        self._names = dict(names)
        self._generations = dict(generations)
        self._instances = {name: instance for instance, name in names.items()}
        self._tracked: dict[str, _Tracked] = {}
        self._wants: SimpleQueue[Run | Callable[[], None]] = SimpleQueue()
        self._hinted = False
        self._closing = False

    def open(self, plan: Plan, post: Post, output: Sink) -> None:
        """Begin: tell of what runs already."""
        self._sink = output
        self._plan = plan
        self._post = post
        self._supervisor = Supervisor(self._url)
        self._thread = threading.Thread(target=self._serve, name="supervisord", daemon=True)
        self._wants.put(self._adopt)
        self._thread.start()

    def change(self, plan: Plan) -> None:
        """Go by another plan from now on."""
        self._plan = plan

    def start(self, launch: Launch) -> None:
        """Have a program started; its command and environment are those that were exported."""
        self._generations[launch.instance] = launch.generation
        self._wants.put(launch.run)

    def stop(self, run: Run, how: Stop) -> None:
        """Have a run end."""
        self._wants.put(lambda: self._stop(run, how))

    def release(self, instance: str) -> None:
        """Nothing is held here."""

    def hint(self) -> None:
        """Something has happened in supervisord; from any thread."""
        if not self._hinted:  # one look tells all that happened before it
            self._hinted = True
            self._wants.put(self._look)

    def printed(self, name: str, pid: int, data: bytes) -> None:
        """A program has printed something, as far as supervisord was asked to tell; from any thread."""
        self._wants.put(lambda: self._hand_over(name, pid, data))

    def close(self) -> None:
        """Let go; what runs goes on."""
        self._closing = True
        self._wants.put(lambda: None)
        self._thread.join()

    # In the engine's thread ----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._closing:
            starts: list[Run] = []
            wants = self._gathered()
            for want in wants:
                if isinstance(want, Run):
                    starts.append(want)
                else:
                    self._start(starts)
                    starts = []
                    # If it does not answer it is ending, and will end us; or being reloaded, and begin us anew.
                    with suppress(Unreachable):
                        want()
            self._start(starts)
        self._supervisor.close()

    def _gathered(self) -> list[Run | Callable[[], None]]:
        """All that is wanted now: starts that come together are asked for together."""
        found: list[Run | Callable[[], None]] = []
        with suppress(Empty):
            found.append(self._wants.get(timeout=LOOK))
            while len(found) < TOGETHER:
                found.append(self._wants.get_nowait())
        return found or [self._look]

    def _adopt(self) -> None:
        for name, program in self._supervisor.programs().items():
            instance = self._instances.get(name)
            if instance is None:
                continue
            if program.runs:
                self._take(instance, program, self._generations.get(instance, 0))
            elif has_completed(self._plan, instance, program):
                self._take(instance, program, self._generations.get(instance, 0))
                self._ended(instance, program)
        self._post(Opened(EngineName.SUPERVISORD))

    def _take(self, instance: str, program: Program, generation: int) -> None:
        self._generations[instance] = generation
        self._tracked[instance] = _Tracked(Run(instance, generation), program.pid, program.started)
        self._post(Adopted(instance, generation, program.pid, float(program.started)))

    def _start(self, runs: list[Run]) -> None:
        if not runs:
            return
        try:
            found = list(self._supervisor.start([self._names[run.instance] for run in runs]))
        except Unreachable as problem:
            found = [SpawnFailed(str(problem)) for _run in runs]
        for run, program in zip(runs, found, strict=True):
            if isinstance(program, LauncherError):
                self._post(SpawnRefused(run.instance, run.generation, program))
                continue
            self._tracked[run.instance] = _Tracked(run, program.pid, program.started)
            self._post(Spawned(run.instance, run.generation, program.pid))
            if not program.runs:
                self._ended(run.instance, program)

    def _stop(self, run: Run, how: Stop) -> None:
        tracked = self._tracked.get(run.instance)
        if tracked is None or tracked.run != run:
            return
        name = self._names[run.instance]
        tracked.stopping = True
        if how.level is StopLevel.KILL:
            # supervisord signals no program that it is stopping already, and knows no stronger stop.
            tracked.sent = signal.SIGKILL
            with suppress(OSError):
                os.killpg(tracked.pid, signal.SIGKILL)
            return
        wanted = how.signal.upper().removeprefix("SIG")
        tracked.sent = signal.Signals[f"SIG{wanted}"]
        if wanted == self._plan.service_of(run.instance).stop.signal.upper().removeprefix("SIG"):
            self._supervisor.stop(name)
        else:
            self._supervisor.signal(name, wanted)
        self.hint()

    def _look(self) -> None:
        self._hinted = False
        programs = self._supervisor.programs()
        for instance, name in self._names.items():
            program = programs.get(name)
            if program is None:
                continue
            tracked = self._tracked.get(instance)
            if tracked is not None and (not program.runs or program.pid != tracked.pid):
                self._ended(instance, program)
                tracked = None
            if tracked is None and program.runs:
                # Somebody else started it.
                self._take(instance, program, self._generations.get(instance, 0) + 1)

    def _hand_over(self, name: str, pid: int, data: bytes) -> None:
        tracked = self._tracked.get(self._instances.get(name, ""))
        if tracked is not None and tracked.pid == pid:
            self._sink.write(tracked.run, data)  # nobody could hold supervisord back

    def _ended(self, instance: str, program: Program) -> None:
        tracked = self._tracked.pop(instance)
        if program.was_stopped and not tracked.stopping:
            self._post(StopAsked(services=(instance,), by=OPERATOR, reply=lambda _outcome: None))
        self._sink.end(tracked.run)
        self._post(Exited(instance, tracked.run.generation, self._code(tracked, program)))

    def _code(self, tracked: _Tracked, program: Program) -> int:
        if program.exit_code >= 0 and not program.was_stopped:
            return program.exit_code
        # A signal, most likely, and supervisord does not say which.
        with suppress(Unreachable, KeyError):
            return self._supervisor.ends()[program.name]
        return -tracked.sent if tracked.sent else program.exit_code or 1


def has_completed(plan: Plan, instance: str, program: Program) -> bool:
    """Whether this is a task that has done its work in this supervisord's life."""
    service = plan.service_of(instance)
    is_over = program.state == ProcessStates.EXITED and program.started > 0
    return service.is_task and is_over and program.exit_code in service.success_exit_codes


def wanted(
    plan: Plan, programs: Mapping[str, Program], wishes: Mapping[str, str], names: Mapping[str, str]
) -> set[str]:
    """The services to start when an agent begins: those never started in this supervisord's life, and those wanted up.

    One that an operator stopped, while no agent looked, or that a command took down, stays as it is.
    """
    found = set()
    for instance in plan.instances.values():
        program = programs.get(names[instance.name])
        if program is None:
            continue
        if has_completed(plan, instance.name, program):
            continue
        is_new = program.started == 0
        if is_new or (wishes.get(instance.name) == "up" and not program.was_stopped):
            found.add(instance.service)
    return found


def until_it_answers(supervisor: Supervisor, patience: float = 10.0) -> dict[str, Program]:
    """All programs, once supervisord answers: its socket opens just before its first program starts."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return supervisor.programs()
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # it tells nobody when it is ready
