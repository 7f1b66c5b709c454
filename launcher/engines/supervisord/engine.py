"""The supervisord engine: starts and stops supervisord's programs, and tells the loop what becomes of them.

The loop's wants are gathered until `commit`, which the agent calls once they stand in `state.json`; from there on all
happens in the reader's thread. Supervisord tells, in order, what its programs print and how they begin and end; what
it does that nobody here asked for is an operator's doing with supervisorctl, and told to the loop as his command.
Listening sockets are bound here and kept there, where they outlive an agent. Decides nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from launcher.engines.signals import number_of
from launcher.engines.supervisord.beginning import OPERATOR, UPDATE, has_completed
from launcher.engines.supervisord.client import (
    Added,
    Asked,
    Ended,
    Missed,
    Printed,
    Program,
    Removed,
    Rests,
    Runs,
    Said,
    Started,
    Supervisor,
    Unreachable,
)
from launcher.engines.supervisord.forks import Forks
from launcher.engines.supervisord.kept import KeptSockets
from launcher.engines.supervisord.leftovers import Leftovers
from launcher.engines.supervisord.output import Output
from launcher.errors import LauncherError
from launcher.orchestrator.events import (
    Adopted,
    Exited,
    Lingered,
    Opened,
    Post,
    RestartAsked,
    SnapshotAsked,
    Spawned,
    SpawnRefused,
    StartAsked,
    StopAsked,
)
from launcher.orchestrator.orders import Can, Launch, Run, Stop, StopLevel
from launcher.plan.model import Plan
from launcher.profile.model import EngineName

if TYPE_CHECKING:
    import socket

    from launcher.engines.reader import Reader
    from launcher.engines.supervisord.client import Heard
    from launcher.orchestrator.protocols import Children, Sink

#: How long what was left behind while no agent looked may take to end, in seconds.
_STRAYS_GRACE = 10.0


class _Tracked:
    """A run that has a process."""

    def __init__(self, run: Run, pid: int) -> None:
        self.run = run
        self.pid = pid
        #: The signal that we last sent; 0: none.
        self.sent = 0
        #: The exit code, once the process has ended; what it left behind may not have.
        self.code: int | None = None
        self.end_command: Callable[[], None] = _nothing


class SupervisordEngine:
    """Drives the programs of one supervisord. `names` is what each instance is called there.

    `environ` is what its programs have by themselves; `rests` is what was stopped, and by whom; `is_current` tells
    whether the plan is still the one that was exported last. `attach` comes before `open`.
    """

    can = frozenset({Can.KILL, Can.SIGNAL, Can.HOLD_SOCKETS})

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        names: Mapping[str, str],
        generations: Mapping[str, int],
        environ: Mapping[str, str],
        rests: Mapping[str, str],
        is_current: Callable[[], bool],
    ) -> None:
        self._supervisor = supervisor
        #: Which life of supervisord this is.
        self.identity = supervisor.identity
        self._names = dict(names)
        self._generations = dict(generations)
        self._environ = environ
        self._rests = rests
        self._is_current = is_current
        self._instances = {name: instance for instance, name in names.items()}
        self._tracked: dict[str, _Tracked] = {}
        self._starting: dict[str, Run] = {}
        #: What is to be stopped as soon as it is known to run.
        self._early_stops: dict[Run, Stop] = {}
        #: Environment and directory of the last start, for stop commands.
        self._launches: dict[str, Launch] = {}
        self._wants: list[Callable[[], None]] = []
        self._sockets = KeptSockets(supervisor, self._names, self.want, partial(self.want, at_once=True))
        #: What the forked engine has of this one.
        self.forks = Forks(self, supervisor, self._names, environ)
        #: Those of components; what starts these holds them.
        self.sockets = self._sockets.components

    def attach(
        self,
        reader: Reader,
        children: Children,
        *,
        lost: Callable[[], None],
        say: Callable[[str], None],
        ask: Callable[[], None],
    ) -> None:
        """Take what is needed of the agent.

        `lost` is called when supervisord has hung up; `ask` has the loop call `tell`, which shows that it turns.
        """
        self._reader = reader
        self._children = children
        self._lost = lost
        self._say = say
        self._ask = ask
        self._leftovers = Leftovers(reader, self.identity)

    def open(self, plan: Plan, post: Post, output: Sink) -> None:
        """Begin: tell of what runs already."""
        self._output = Output(output, self._names, self._say)
        self._plan = plan
        self._post = post
        self._sockets.take_back(plan)
        if any(one.is_forked for one in plan.instances.values()):
            self.want(self._supervisor.adopt_orphans, at_once=True)
        output.on_room(partial(self._reader.call, self._output.go_on))
        self._reader.call(self._adopt)

    def change(self, plan: Plan) -> None:
        """Go by another plan from now on."""
        self._plan = plan

    def start(self, launch: Launch) -> None:
        """Have a program started, with this start's environment; its command is the one that was exported."""
        try:
            self.hold(launch)
        except LauncherError as error:
            self._post(SpawnRefused(launch.instance, launch.generation, error))
            return
        self.want(partial(self._start, launch))

    def hold(self, launch: Launch) -> socket.socket | None:
        """The listening socket of a start, bound now unless it is held already; raises what makes it impossible."""
        return self._sockets.hold(launch, label=self._plan.instances[launch.instance].label)

    def stop(self, run: Run, how: Stop) -> None:
        """Have a run end; at once where it is to be killed, which changes nothing in `state.json`."""
        self.want(partial(self.end, run, how), at_once=how.level is StopLevel.KILL)

    def release(self, instance: str) -> None:
        """Close the socket held for an instance."""
        self._sockets.release(instance)

    def commit(self, state: bytes) -> None:
        """Have done what was wanted; `state` is how everything is, for those who ask supervisord."""
        wants, self._wants = self._wants, []
        wants.append(lambda: self._supervisor.tell(state))
        self._reader.call(partial(self.do, wants))

    def tell(self, state: bytes) -> None:
        """Tell supervisord how everything is."""
        self._reader.call(partial(self.do, [lambda: self._supervisor.tell(state)]))

    def close(self) -> None:
        """Let go; what runs goes on."""
        self._reader.call(self._supervisor.close)
        self._sockets.close()

    def want(self, want: Callable[[], None], *, at_once: bool = False) -> None:
        """Have something done with the next commit, or at once."""
        if at_once:
            self._reader.call(partial(self.do, [want]))
        else:
            self._wants.append(want)

    # In the reader's thread ------------------------------------------------------------------------------------------

    def do(self, wants: list[Callable[[], None]]) -> None:
        """Do what was wanted."""
        # If it does not answer it is ending, and will end us; or being reloaded, and begin us anew.
        try:
            for want in wants:
                want()
        except Unreachable:
            self._lost()

    def _adopt(self) -> None:
        for name, program in self._supervisor.programs.items():
            instance = self._instances.get(name, "")
            if instance not in self._plan.instances:
                continue
            if program.runs:
                self._take(instance, program.pid, program.started, self._generations.get(instance, 0))
            elif has_completed(self._plan, instance, program):
                self._take(instance, program.pid, program.started, self._generations.get(instance, 0))
                self._ended(program)
        for instance, by in self._rests.items():
            self._post_stop(instance, by)
        self._end_strays()
        self._post(Opened(EngineName.SUPERVISORD))
        # What they print may be what a check waits for: first the loop must have taken them in.
        self._post(SnapshotAsked(lambda _snapshot: self._reader.call(self._begin)))

    def _begin(self) -> None:
        for heard in self._supervisor.early:
            self._take_in(heard)
        self._listen()

    def _listen(self) -> None:
        self._reader.when_readable(self._supervisor.fileno(), self._hear)

    def _hear(self) -> None:
        try:
            for heard in self._supervisor.hear():
                self._take_in(heard)
        except (Unreachable, OSError):
            self._lost()
            return
        self._listen()

    def _take_in(self, heard: Heard) -> None:
        match heard:
            case Printed():
                self._printed(heard)
            case Started(name, result):
                self._started(self._starting.pop(name), result)
            case Runs():
                self._runs(heard)
            case Ended(program):
                self._ended(program)
            case Missed(name):
                self._output.tell_unseen(self._instances.get(name, name))
            case Added() | Removed() | Rests():
                self._changed(heard)
            case Said(text):
                self._say(text)
            case Asked():
                self._ask()

    def _runs(self, heard: Runs) -> None:
        instance = self._instances.get(heard.name)
        tracked = self._tracked.get(instance or "")
        if instance is None or (tracked is not None and tracked.pid == heard.pid):
            return
        self._take(instance, heard.pid, heard.started, self._generations.get(instance, 0) + 1)
        if self._plan.instances[instance].is_host:
            # It cannot tell us that it is ready, as one of our own can; and what was in it is to come back.
            self._post(RestartAsked(services=(instance,), by=OPERATOR, force=True, reply=_nothing))
            self._post(StartAsked(services=(instance,), by=OPERATOR, named=True, alone=True, reply=_nothing))

    def _printed(self, printed: Printed) -> None:
        tracked = self._tracked.get(self._instances.get(printed.name, ""))
        if tracked is not None and tracked.pid == printed.pid:
            self._output.write(tracked.run, printed.data)

    def _changed(self, change: Added | Removed | Rests) -> None:
        """An operator has done something: what is new in supervisord is started, by a new plan if there is one."""
        name, instance = change.name, self._instances.get(change.name)
        if isinstance(change, Rests):
            if instance is not None:
                self._post_stop(instance, OPERATOR)
        elif isinstance(change, Removed):
            if instance is not None:
                self._say(f"{name} was removed from supervisord's configuration")
                self._post_stop(instance, UPDATE)
        elif not self._is_current():
            self._say("the profile was exported anew: the agent begins anew with it")
            self._lost()
        elif instance is not None:
            self._post(StartAsked(services=(instance,), by=UPDATE, alone=True, reply=_nothing))
        else:
            self._say(f"left alone, for it is not in the profile: {name}")

    def _end_strays(self) -> None:
        """End what programs, and checks of an earlier agent, have left behind while no agent looked."""
        mains = {program.pid for program in self._supervisor.programs.values() if program.runs}
        for main in self._leftovers.strays(mains):
            self._leftovers.end(main, signal.SIGTERM, lingers=_nothing, gone=_nothing)
            self._reader.after(_STRAYS_GRACE, partial(self._leftovers.kill, main))

    def _take(self, instance: str, pid: int, started: int, generation: int) -> None:
        if (before := self._tracked.get(instance)) is not None:  # somebody was faster than what it left behind
            self._leftovers.kill(before.pid)
            self._gone(before)
        self._generations[instance] = generation
        self._tracked[instance] = _Tracked(Run(instance, generation), pid)
        self._post(Adopted(instance, generation, pid, float(started)))

    def _start(self, launch: Launch) -> None:
        self.note_start(launch)
        own = {key: value for key, value in launch.env.items() if self._environ.get(key) != value}
        self._supervisor.start(self._names[launch.instance], own)

    def note_start(self, launch: Launch) -> None:
        """Supervisord is asked for a process; what comes of it is heard."""
        self._generations[launch.instance] = launch.generation
        self._launches[launch.instance] = launch
        self._starting[self._names[launch.instance]] = launch.run

    def _started(self, run: Run, result: Program | LauncherError) -> None:
        stop = self._early_stops.pop(run, None)
        self.forks.started(run, is_there=not isinstance(result, LauncherError))
        if isinstance(result, LauncherError):
            self._post(SpawnRefused(run.instance, run.generation, result))
            return
        self._tracked[run.instance] = _Tracked(run, result.pid)
        self._post(Spawned(run.instance, run.generation, result.pid))
        if stop is not None:
            self.do([partial(self.end, run, stop)])

    def end(self, run: Run, how: Stop) -> None:
        """Have a run end, now; one that is starting as soon as it is there."""
        tracked = self._tracked.get(run.instance)
        name = self._names[run.instance]
        if self._starting.get(name) == run:
            self._early_stops[run] = how
            return
        if tracked is None or tracked.run != run:
            return
        if tracked.code is not None:
            if how.level is StopLevel.KILL:
                self._leftovers.kill(tracked.pid)
            return
        if how.level is StopLevel.KILL:
            tracked.sent = signal.SIGKILL
            self._supervisor.signal(name, tracked.pid, signal.SIGKILL)
        elif how.command and (launch := self._launches.get(run.instance)) is not None:
            tracked.sent = signal.SIGTERM
            tracked.end_command = self._children.run(
                ("/bin/sh", "-c", how.command),
                env=launch.env,
                directory=launch.directory,
                timeout=self._plan.service_of(run.instance).stop.grace,
                done=_nothing,
            )
        else:
            wanted = number_of(how.signal)
            tracked.sent = wanted
            if wanted == number_of(self._plan.service_of(run.instance).stop.signal):
                self._supervisor.stop(name, tracked.pid)
            else:
                self._supervisor.signal(name, tracked.pid, wanted)

    def _ended(self, program: Program) -> None:
        instance = self._instances.get(program.name, "")
        tracked = self._tracked.get(instance)
        if tracked is None or tracked.pid != program.pid or tracked.code is not None:
            return
        tracked.end_command()
        if program.was_stopped and not tracked.sent:
            self._post_stop(instance, OPERATOR)
        self._output.end(tracked.run)
        code = program.code
        if code is None:
            code = -tracked.sent if tracked.sent else program.exit_code or 1
        run, tracked.code = tracked.run, code
        self._leftovers.end(
            tracked.pid,
            tracked.sent or number_of(self._plan.service_of(instance).stop.signal),
            lingers=lambda count: self._post(Lingered(run.instance, run.generation, code, count)),
            gone=partial(self._gone, tracked),
        )

    def _gone(self, tracked: _Tracked) -> None:
        """Nothing is left of a run."""
        instance, generation = tracked.run.instance, tracked.run.generation
        if self._tracked.get(instance) is tracked:
            del self._tracked[instance]
            self._post(Exited(instance, generation, tracked.code or 0))

    def _post_stop(self, instance: str, by: str) -> None:
        self._post(StopAsked(services=(instance,), by=by, reply=_nothing))


def _nothing(*_: object) -> None:
    """Nobody needs to hear how it ended: the grace timer answers a stop command that fails, and a stop is told of."""
