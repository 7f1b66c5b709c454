"""The loop: the only thread that changes anything. Events go in; phases move; effects are performed.

One step settles one instance that a change concerns (so at most one process is started, and a signal never waits
behind a hundred starts) and takes one event. The loop knows the queue and the order of things; what an event means
stands in `reactions` and `commands`, how an instance moves in `stage` and `lifecycle`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from msgspec.structs import replace

from launcher.errors import LauncherError, StartRolledBack
from launcher.orchestrator import commands, reactions, state
from launcher.orchestrator.checking import Check
from launcher.orchestrator.effects import Do
from launcher.orchestrator.errands import StartUp
from launcher.orchestrator.events import (
    Adopted,
    CheckAsked,
    Checked,
    Elapsed,
    Event,
    LeaveAsked,
    Opened,
    Outcome,
    PlanAsked,
    RestartAsked,
    Signalled,
    SnapshotAsked,
    StartAsked,
    StopAsked,
    TimerKind,
    WaitAsked,
)
from launcher.orchestrator.life import Life
from launcher.orchestrator.lifecycle import Phase
from launcher.orchestrator.snapshot import Snapshot
from launcher.orchestrator.stage import Stage
from launcher.orchestrator.steps import Steps
from launcher.plan.model import Plan
from launcher.profile.model import EngineName, OnExit

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Clock, Engine, Observer, Prober, Redaction, Sink, Store, World

SIGINT = 2
SIGNAL_NAMES = {SIGINT: "SIGINT", 15: "SIGTERM", 1: "SIGHUP"}

#: `state.json` is written at the first change and then, while changes go on, at most this often, in seconds: a start-up
#: of 100 services would otherwise write 100 times all that is known of 100.
SAVE_PACE = 0.05

Command = StartAsked | StopAsked | RestartAsked | WaitAsked | CheckAsked


class Loop:
    """Runs a plan. `post` may be called from any thread; everything else belongs to the thread that runs it.

    Events arrive in `inbox`, which engines and probers may have been given before the loop existed. `chance` gives the
    jitter of back-offs, numbers in [0, 1); `memory` is what an earlier launcher left; with `stays` it goes on although
    nothing can run any more, until it is told to end. `supervisor`: what it starts lives on without it, in this
    life of supervisord. `redaction` keeps secrets out of all that is told.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        inbox: SimpleQueue[Event],
        engines: Mapping[EngineName, Engine],
        prober: Prober,
        clock: Clock,
        world: World,
        store: Store,
        chance: Callable[[], float],
        redaction: Redaction,
        pid: int,
        memory: state.Memory | None = None,
        stays: bool = False,
        supervisor: str = "",
    ) -> None:
        self.stage = Stage(
            plan,
            engines=engines,
            prober=prober,
            clock=clock,
            world=world,
            chance=chance,
            post=inbox.put,
            redaction=redaction,
            pid=pid,
        )
        self._clock = clock
        self._store = store
        self._inbox = inbox
        self._unopened = set(engines)
        self._held_back: list[Command] = []
        self._rolled_back = False
        self._left = False
        self._stays = stays
        self._supervisor = supervisor
        self._unsaved = False
        self._save_at = 0.0
        self._steps = Steps()
        for name, past in (memory.instances if memory else {}).items():
            life = self.stage.board.lives.get(name)
            if life is not None:
                life.generation = life.wanted_generation = past.generation
                life.ready_generation = past.generation - (past.state == Phase.STARTING.value)

    def post(self, event: Event) -> None:
        """Tell of something that happened, or ask for something; returns at once."""
        self._inbox.put(event)

    def subscribe(self, observer: Observer) -> None:
        """Tell `observer` of every transition, in the loop's thread; see `telling`."""
        self.stage.telling.subscribe(observer)

    def open(self, output: Sink) -> None:
        """Open the engines; commands wait until each has told of what it runs already."""
        for engine in self.stage.engines.values():
            engine.open(self.stage.plan, self.post, output)

    def run(self) -> int:
        """Go on until nothing is left that can run; the exit status."""
        try:
            while not self.is_over:
                self.step(block=True)
        finally:
            self.stage.telling.tell()
        for errand in self.stage.errands:
            errand.reply(errand.ended())
        self._save()
        return self.status

    def step(self, *, block: bool = False) -> bool:
        """Settle one instance and take one event; False: there was nothing to do."""
        began = self._clock.now()
        settled = self.stage.settle_one()
        event = self._next(block=block and not settled)
        if not settled:
            began = self._clock.now()  # it may have waited until now
        if event is not None:
            self._handle(event)
        self.stage.telling.tell_in_time(starting=not self.stage.is_settled)
        if self.stage.is_settled and self.stage.stirred:
            self.stage.stirred = False
            self._unsaved = True
            self._look_at_errands()
            self._end_idle_hosts()
        # What outlives us is only touched once it stands in the store that it was to be.
        if self._unsaved and (self._clock.now() >= self._save_at or (self._supervisor and self.stage.is_settled)):
            self._save()
        self._steps.note(began, self._clock.now())
        return settled or event is not None

    @property
    def snapshot(self) -> Snapshot:
        """Everything as it is now; other threads post SnapshotAsked instead."""
        longest = self._steps.longest(self._clock.now())
        return self.stage.board.snapshot(self._clock.wall(), longest_step=longest)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left that can run, or what runs is to be left alone."""
        if self._left:
            return True
        if self._stays and self.stage.ending is None:
            return False
        if not self.stage.begun or not self.stage.is_settled or self.stage.stirred or self._held_back:
            return False
        return not any(self._can_run(life) for life in self.stage.board.lives.values())

    @property
    def was_left(self) -> bool:
        """Whether it was told to leave what runs alone."""
        return self._left

    @property
    def status(self) -> int:
        """The exit status, were the launcher to end now."""
        if self.stage.ending is not None:
            return self.stage.ending
        if self._left:
            return 0
        if self._rolled_back:
            return StartRolledBack.status
        failed = any(life.phase in {Phase.FAILED, Phase.SKIPPED} for life in self.stage.board.lives.values())
        return 1 if failed else 0

    def _end_idle_hosts(self) -> None:
        """Shared processes end when no other instance can run any more: nothing is served by them for its own sake."""
        lives = self.stage.board.lives.values()
        if self._stays or self._held_back or any(self._can_run(one) for one in lives if not one.instance.is_host):
            return
        for life in lives:
            if life.instance.is_host and life.wanted and self._can_run(life):
                self.stage.lower(life, "nothing is left that could run in it")

    def _can_run(self, life: Life) -> bool:
        if life.is_alive:
            return True
        if self.stage.ending is not None:
            return False
        if life.phase is Phase.FAILED:
            return self.stage.timers.is_armed(life.name, TimerKind.COOLDOWN)
        return life.phase in {Phase.WAITING, Phase.BACKOFF}

    def _next(self, *, block: bool) -> Event | None:
        now = self._clock.now()
        due = self.stage.timers.pop_due(now)
        if due is not None:
            name, kind = due
            return Elapsed(name, self.stage.board.lives[name].generation, kind)
        at = self.stage.timers.next_at()
        if self._unsaved:
            at = self._save_at if at is None else min(at, self._save_at)
        try:
            return self._inbox.get(block, None if at is None else max(0.0, at - now))
        except Empty:
            return None

    def _handle(self, event: Event) -> None:
        match event:
            case Opened(engine):
                self._opened(EngineName(engine))
            case Adopted():
                if life := self.stage.board.lives.get(event.instance):
                    reactions.adopted(self.stage, life, event)
            case Signalled(number):
                self._signalled(number)
            case LeaveAsked():
                self._left = True
            case SnapshotAsked() | PlanAsked():
                self._show(event)
            case StartAsked() | StopAsked() | RestartAsked() | WaitAsked() | CheckAsked():
                self._obey(event)
            case Checked():
                self._checked(event)
            case _:
                life = self._current(event.instance, event.generation)
                if life is not None:
                    reactions.react(self.stage, life, event)

    def _show(self, asked: SnapshotAsked | PlanAsked) -> None:
        if isinstance(asked, SnapshotAsked):
            self.stage.telling.tell()  # who asks is to have heard of all that it shows
            asked.answer(self.snapshot)
        else:
            asked.answer(self.stage.plan)

    def _current(self, name: str, generation: int) -> Life | None:
        """The instance, if the event is about its latest start, or about one that goes on beside that."""
        life = self.stage.board.lives.get(name)
        return life if life is not None and generation in (life.generation, life.other) else None

    def _checked(self, checked: Checked) -> None:
        for errand in self.stage.errands:
            if isinstance(errand, Check):
                errand.took(checked)
        self.stage.stirred = True

    def _opened(self, engine: EngineName) -> None:
        self._unopened.discard(engine)
        if not self._unopened:
            held, self._held_back = self._held_back, []
            for command in held:
                self._obey(command)

    def _obey(self, command: Command) -> None:
        if self._unopened:
            self._held_back.append(command)
            return
        if isinstance(command, StartAsked):
            self._rolled_back = False
        if not isinstance(command, WaitAsked | CheckAsked):
            command = replace(command, by=self.stage.redaction.text(command.by))
        try:
            commands.obey(self.stage, command)
        except LauncherError as error:
            command.reply(Outcome(ok=False, error=error, status=error.status))

    def _signalled(self, number: int) -> None:
        name = SIGNAL_NAMES.get(number, f"signal {number}")
        self.stage.note(f"{name} received")
        if self.stage.ending is None:
            self.stage.begun = self.stage.stirred = True
            commands.end(self.stage, 128 + number, f"{name} received")
        elif number == SIGINT:
            for life in self.stage.board.lives.values():
                if life.is_alive and not life.instance.is_component:
                    self.stage.note(f"sending SIGKILL to {life.label} (pid {life.pid})", instance=life.name)
                    self.stage.perform(life, Do.KILL)

    def _look_at_errands(self) -> None:
        """Answer the commands that have ended, and roll back the start-ups that have failed."""
        now = self._clock.now()
        for errand in list(self.stage.errands):
            if isinstance(errand, StartUp) and self.stage.plan.on_exit is OnExit.KEEP:
                culprit = errand.failed_by()
                if culprit is not None:
                    commands.roll_back(self.stage, errand, culprit)
            outcome = errand.look(now)
            if outcome is not None:
                self.stage.errands.remove(errand)
                self._rolled_back = self._rolled_back or isinstance(outcome.error, StartRolledBack)
                errand.reply(outcome)

    def _save(self) -> None:
        self._unsaved = False
        self._save_at = self._clock.now() + SAVE_PACE
        memory = state.remember(self.stage.board, self._clock.wall(), supervisor=self._supervisor)
        self._store.save(state.write(memory))
