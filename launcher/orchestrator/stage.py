"""The stage: where transitions are carried out.

`fire` moves an instance and performs the effects; `settle_one` looks whether an instance that a change concerns may
start or be stopped now.

It knows engines, probers and clocks as protocols, and nothing of what happened or was asked for: that is
`reactions` and `commands`. Only the loop's thread may touch it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from launcher.errors import LauncherError, NotifySocketUnavailable
from launcher.orchestrator import exchange, following, gates, shared
from launcher.orchestrator.board import Board
from launcher.orchestrator.effects import Arm, Do, Effect
from launcher.orchestrator.errands import OUTLIVE, Errand, StartUp
from launcher.orchestrator.events import NotRenewed, Post, SpawnRefused, TimerKind
from launcher.orchestrator.launches import Prepared, build_launch, health_of, secrets_of, user_of
from launcher.orchestrator.life import Life, Wish
from launcher.orchestrator.lifecycle import RUNS, TIMERS, Phase, Trigger, move
from launcher.orchestrator.orders import Can, Run, Stop, StopLevel, Watch
from launcher.orchestrator.protocols import Renews, Resumes, StandsIn
from launcher.orchestrator.rollback import Step, StepKind
from launcher.orchestrator.snapshot import Changed, Noted, Reason
from launcher.orchestrator.telling import Telling
from launcher.orchestrator.timers import Timers
from launcher.plan.model import Plan
from launcher.plan.resolve import addresses, resolve
from launcher.profile.model import EngineName, OnExit

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Clock, Engine, Prober, Redaction, World

NO_TIMERS: frozenset[TimerKind] = frozenset()


class Stage:
    """The board, the timers and the commands under way, and the one function that moves an instance."""

    def __init__(
        self,
        plan: Plan,
        *,
        engines: Mapping[EngineName, Engine],
        prober: Prober,
        clock: Clock,
        world: World,
        chance: Callable[[], float],
        post: Post,
        redaction: Redaction,
        pid: int,
    ) -> None:
        self.plan = plan
        self.redaction = redaction
        self.engines = engines
        self.prober = prober
        self.clock = clock
        self.chance = chance
        self.telling = Telling(clock, redaction)
        self.board = Board(plan, pid=pid, now_wall=clock.wall())
        self.timers = Timers()
        self.errands: list[Errand] = []
        #: The exchanges of shared processes under way, by the host's name.
        self.exchanges: dict[str, exchange.Exchange] = {}
        #: The exit status, once the end has been decided; None: the launcher goes on.
        self.ending: int | None = None
        #: With `on_exit = "stop"`, the first instance to end.
        self.first: Life | None = None
        #: Whether something has changed since the errands were last looked at.
        self.stirred = False
        #: Whether anything was ever asked for.
        self.begun = False
        self._world = world
        self._post = post
        self._unsettled: dict[str, Life] = {}
        #: The checks of launches whose process does not exist yet.
        self._to_watch: dict[str, Watch | None] = {}

    def replan(self, plan: Plan) -> None:
        """Go by a plan of the same instances, some of which are placed elsewhere."""
        self.plan = plan
        self.board.replan(plan)
        for engine in self.engines.values():
            engine.change(plan)

    # Telling ----------------------------------------------------------------------------------------------------

    def note(self, text: str, *, instance: str = "", warning: bool = False) -> None:
        """Say something that is no change of state."""
        self.telling.put(Noted(text=text, instance=instance, warning=warning))

    def changed(self, life: Life, before: Phase) -> None:
        """Tell that an instance moved, or that what is known of it did."""
        self.stirred = True
        self.telling.put(
            Changed(
                instance=life.name,
                service=life.instance.service,
                label=life.label,
                generation=life.generation,
                before=before.state,
                state=life.phase.state,
                reason=life.reason,
                at=self.clock.wall(),
                pid=life.pid,
                exit_code=life.exit_code,
                at_monotonic=self.clock.now(),
                imported=life.imported,
            )
        )

    # Moving -----------------------------------------------------------------------------------------------------

    def fire(self, life: Life, trigger: Trigger, reason: Reason, *, after: float | None = None) -> str:
        """Move an instance as the table says and perform the effects; the table's answer, if it was a command.

        `after`: how long the timer runs that the move arms (back-off, cooldown); None: a cooldown without end.
        """
        entry = move(life.phase, trigger)
        if entry is None:
            return ""
        before, life.phase = life.phase, entry.phase
        moved = entry.phase is not before
        if moved:
            life.reason = reason
            life.since_wall = self.clock.wall()
            life.waits_for = ()
            self.timers.keep_only(life.name, TIMERS.get(entry.phase, NO_TIMERS))
        for effect in entry.effects:
            self.perform(life, effect, after)
        if moved:
            pid = life.pid
            if not life.is_alive:
                life.pid = None
            self.changed(life, before)
            self._concern(life)
            if pid is not None or before in RUNS:
                following.act_on_loss(self, life)
        return entry.answer

    def perform(self, life: Life, effect: Effect, after: float | None = None) -> None:  # noqa: C901  (a case for each)
        """Do what a move asks for."""
        run = Run(life.name, life.generation)
        engine = self.engines[life.instance.engine]
        match effect:
            case Do.LAUNCH | Do.RENEW:
                begin = self._launch if effect is Do.LAUNCH else self._renew
                begin(life, engine)
            case Do.WATCH:
                self._watch_adopted(life, run)
            case Do.UNWATCH:
                if life.check is not None:
                    self.prober.unwatch(run)
            case Do.ASK:
                how = life.service.stop
                command = resolve(how.command, addresses(self.plan), None) if how.command else ""
                _stop_all(engine, life, Stop(level=StopLevel.SIGNAL, signal=how.signal, command=command))
            case Do.KILL if Can.KILL in engine.can:
                _stop_all(engine, life, Stop(level=StopLevel.KILL))
            case Do.KILL:
                shared.end_with_host(self, life)
            case Do.RELEASE:
                if life.phase is Phase.FAILED and isinstance(engine, StandsIn):
                    engine.stand_in(life.name, life.reason.text)
                else:
                    engine.release(life.name)
            case Arm(kind):
                self.arm(life, kind, after)

    def arm(self, life: Life, kind: TimerKind, after: float | None = None) -> None:
        """Start a timer of an instance, for as long as its service says, or `after` seconds."""
        match kind:
            case TimerKind.GRACE:
                after = life.service.stop.grace
            case TimerKind.STABLE:
                after = life.service.restart.stable
            case TimerKind.OUTLIVE:
                after = OUTLIVE if life.check is None else None
            case TimerKind.READY:
                # It spans the restarts of one start-up: armed by the first start, it runs on.
                after = None if self.timers.is_armed(life.name, kind) else life.ready_timeout
        if after is not None:
            self.timers.arm(life.name, kind, self.clock.now() + after)

    def hangs_on(self, life: Life) -> bool:
        """Whether a start-up under way will be rolled back if this instance is lost."""
        if self.plan.on_exit is not OnExit.KEEP:
            return False
        return any(isinstance(errand, StartUp) and errand.hangs_on(life) for errand in self.errands)

    def take_over(self, life: Life) -> None:
        """The next generation is the latest from now on."""
        if life.check is not None:
            self.prober.unwatch(Run(life.name, life.generation))
        life.generation += 1

    def give_up_renewal(self, life: Life) -> None:
        """There is no next generation beside this one."""
        self._to_watch.pop(life.name, None)
        self.prober.unwatch(Run(life.name, life.generation + 1))

    def _renew(self, life: Life, engine: Engine) -> None:
        try:
            is_beside = exchange.exchange_of(self, life) is not None
            launch = self._prepare_run(life, life.generation + 1, is_beside=is_beside).launch
        except LauncherError as error:
            if life.other is not None:
                self._post(SpawnRefused(life.name, life.other, error))
            else:
                self._post(NotRenewed(life.name, life.generation, error.sentence))
            return
        if life.other is not None:
            engine.start(launch)
        else:
            assert isinstance(engine, Renews)
            engine.renew(launch)

    def _prepare_run(self, life: Life, generation: int, *, is_beside: bool = False) -> Prepared:
        """Build a start, with its checks; they begin when it has."""
        run = Run(life.name, generation)
        env: Mapping[str, str] = {}
        if life.check:
            user = user_of(self.plan, life.name, generation, world=self._world)
            env = self.prober.prepare(run, life.check, user=user, hosted=life.service.app is not None)
        prepared = self._prepare(life, generation, env, is_beside=is_beside)
        self._to_watch[life.name] = prepared.watch(life.instance.port)
        return prepared

    def _launch(self, life: Life, engine: Engine) -> None:
        life.generation += 1
        life.exit_code = life.health = life.imported = None
        life.failures = 0
        life.launched, life.started_wall = self.clock.now(), self.clock.wall()
        life.check = health_of(life.service)
        for errand in self.errands:
            if isinstance(errand, StartUp) and life in errand.targets:
                errand.took(Step(StepKind.START, life.name), life)
        try:
            prepared = self._prepare_run(life, life.generation)
        except LauncherError as error:
            self._post(SpawnRefused(life.name, life.generation, error))
            return
        engine.start(prepared.launch)

    def watch(self, life: Life) -> None:
        """Begin the checks of a process that exists now."""
        watch = self._to_watch.pop(life.name, None)
        if watch is not None and watch.run in _runs_of(life) and life.phase in RUNS:
            self.prober.watch(watch)

    def _watch_adopted(self, life: Life, run: Run) -> None:
        life.check = health_of(life.service)
        if life.check is not None and life.ready_generation < life.generation:
            # What it has still to say is heard where it was told to say it.
            user = user_of(self.plan, life.name, life.generation, world=self._world)
            with suppress(NotifySocketUnavailable):
                self.prober.prepare(run, life.check, user=user, hosted=life.service.app is not None)
        try:
            prepared = self._prepare(life, life.generation, {})
        except LauncherError as error:  # it runs all the same; only its next start need fail
            text = f"{life.label} runs, and is not checked: E{error.code} {error.sentence}"
            self.note(text, instance=life.name, warning=True)
            life.check = None
            return
        self._to_watch[life.name] = prepared.watch(life.instance.port)
        self.watch(life)
        engine = self.engines[life.instance.engine]
        if isinstance(engine, Resumes):
            engine.resume(prepared.launch)

    def _prepare(
        self, life: Life, generation: int, probe_env: Mapping[str, str], *, is_beside: bool = False
    ) -> Prepared:
        """Build a start; before it can say anything, what it must not say is known."""
        prepared = build_launch(
            self.plan, life.name, generation, world=self._world, probe_env=probe_env, is_beside=is_beside
        )
        self.redaction.learn(secrets_of(prepared, self.plan.secrets))
        return prepared

    # Settling ---------------------------------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        return not self._unsettled

    def unsettle(self, life: Life) -> None:
        """Look at this instance again when its turn comes."""
        self._unsettled[life.name] = life

    def settle_one(self) -> bool:
        """Look at one instance that a change concerns; False: there is none."""
        if not self._unsettled:
            return False
        name = next(iter(self._unsettled))
        self._settle(self._unsettled.pop(name))
        return True

    def gate_of(self, life: Life) -> gates.Gate:
        """How the gates of an instance stand now."""
        if isinstance(undecided := exchange.gate_of(self, life), gates.Closed):
            return undecided
        return gates.may_start(self.board.edges_from[life.instance.service], self.board.of)

    def may_stop(self, life: Life) -> bool:
        """Whether nothing that is to be stopped depends on an instance any more."""
        return gates.may_stop(self.board.dependents(life.instance.service))

    def _settle(self, life: Life) -> None:
        if life.name in self.exchanges:
            exchange.look(self, self.exchanges[life.name])
        if life.phase in RUNS and not life.wanted:
            if self.may_stop(life):
                self._take_down(life)
        elif life.phase is Phase.WAITING:
            match self.gate_of(life):
                case gates.Open():
                    self.fire(life, Trigger.GATES_OPEN, _waited(life))
                case gates.Closed(waits_for, causes):
                    if waits_for != life.waits_for:
                        life.waits_for = waits_for
                        life.reason = Reason(text=f"waits for {', '.join(waits_for)}", causes=causes)
                        self.changed(life, life.phase)
                case gates.Never(text, causes):
                    trigger = Trigger.GATE_LOST if life.launched_yet else Trigger.GATE_SHUT
                    self.fire(life, trigger, Reason(text=text, causes=causes))

    def _take_down(self, life: Life) -> None:
        if life.wish is Wish.DOWN:
            self.fire(life, Trigger.STOP, Reason(text=life.by))
            return
        life.wish = Wish.UP
        life.wanted_generation = life.generation
        self.fire(life, Trigger.RESTART, Reason(text=life.by))

    def _concern(self, life: Life) -> None:
        """A move concerns the instance itself, who waits for it, and what may now be stopped because it is down."""
        self.unsettle(life)
        for host in self.exchanges:
            self.unsettle(self.board.lives[host])
        for dependent in self.board.dependents(life.instance.service):
            if dependent.phase is Phase.WAITING:
                self.unsettle(dependent)
        if not life.is_alive:
            for edge in self.board.edges_from[life.instance.service]:
                for dependency in self.board.of(edge.dependency):
                    if dependency.phase in RUNS and not dependency.wanted:
                        self.unsettle(dependency)

    # Wanting ----------------------------------------------------------------------------------------------------

    def lower(self, life: Life, by: str) -> str:
        """Want an instance down; what is alive goes when its dependents have gone. The answer for a command."""
        life.wish, life.by = Wish.DOWN, by
        if life.phase in RUNS:
            self.unsettle(life)
            return "stops"
        return self.fire(life, Trigger.STOP, Reason(text=by))

    def bounce(self, life: Life, by: str) -> str:
        """Want an instance down and then up again. The answer for a command."""
        life.by = by
        if life.phase in RUNS:
            life.wish = Wish.BOUNCE
            self.unsettle(life)
            return "restarts"
        life.wish = Wish.UP
        life.wanted_generation = life.generation
        return self.fire(life, Trigger.RESTART, Reason(text=by))


def _runs_of(life: Life) -> list[Run]:
    """The latest start of an instance, and one that goes on beside it, if any does."""
    return [Run(life.name, generation) for generation in (life.generation, life.other) if generation is not None]


def _stop_all(engine: Engine, life: Life, how: Stop) -> None:
    for run in _runs_of(life):
        engine.stop(run, how)


def _waited(life: Life) -> Reason:
    """Why it starts: what it waited for last has come, or what made it wait at all."""
    if not life.waits_for:
        return life.reason
    return Reason(text=f"waited for {', '.join(life.waits_for)}", causes=life.reason.causes)
