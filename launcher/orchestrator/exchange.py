"""The exchange of a shared process for a new one that begins beside it: nobody leaves the old before all could serve.

Both processes are generations of the host. What runs in the old one is started in the new one too, in order, and
waits there; once all could serve, all come in the place of the others at once, and the old process drains and ends. If
one cannot, or something befalls one of them meanwhile, the new process is ended and all go on as they were. Until it is
decided, nothing else is started in either.

Knows the stage; what one renewal is to an instance is `shared`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from launcher.errors import CommandRefused, RenewalFailed
from launcher.orchestrator import following, gates
from launcher.orchestrator.errands import Wait
from launcher.orchestrator.events import Exited, Lingered, Probed, Spawned, SpawnRefused, TimerKind
from launcher.orchestrator.exits import describe_exit
from launcher.orchestrator.life import Life
from launcher.orchestrator.lifecycle import RUNS, SERVES, Phase, Trigger
from launcher.orchestrator.orders import Can, Run, Stop, StopLevel
from launcher.orchestrator.protocols import Overlaps
from launcher.orchestrator.snapshot import Reason
from launcher.plan.placement import host_name
from launcher.profile.model import EngineName

if TYPE_CHECKING:
    from launcher.orchestrator.stage import Stage


class Step(StrEnum):
    """How far it is."""

    #: The new process is not ready.
    BEGINS = "begins"
    #: What runs in the old one is started in it.
    FILLS = "fills"
    #: All could serve there, and it has been told to take the place of the old one.
    TAKES = "takes"
    #: It serves; the old one drains.
    LEAVES = "leaves"
    #: It has been told to end; the old one serves.
    FAILS = "fails"


class Exchange:
    """One exchange: of the process of `host`, because of `by`, with what of it is to come along.

    `asked`: which of these it is for, where it is for one; else all.
    """

    def __init__(self, host: Life, members: Sequence[Life], *, by: str, asked: Life | None, began: float) -> None:
        self.host = host
        self.by = by
        self.asked = asked
        self.began = began
        self.step = Step.BEGINS
        self.members = list(members)
        #: Those that have been started in the new process, and those that could serve there; by name.
        self.begun: set[str] = set()
        self.risen: set[str] = set()
        #: Those that did not come along, with their generation: they end in the old process.
        self.left: dict[str, int] = {}
        self.pid: int | None = None
        #: Why it came to nothing.
        self.why = ""
        #: How the process that serves has ended meanwhile: that counts when the other has, too.
        self.ended: Exited | None = None


def exchange_of(stage: Stage, life: Life) -> Exchange | None:
    """The exchange that an instance has to do with, as long as the old process serves."""
    it = stage.exchanges.get(host_name(life.instance.group)) if life.instance.group else None
    return it if it is not None and it.step is not Step.LEAVES else None


def begin(stage: Stage, host: Life, by: str, asked: Life | None = None) -> bool:
    """Begin to exchange a host's process; False: it cannot be, and has to end first."""
    components = stage.plan.components_of(host.instance.group)
    if host.phase is not Phase.READY or not host.wanted or not components:
        return False
    if Can.OVERLAP not in stage.engines[host.instance.engine].can:
        return False
    if not isinstance(stage.engines[EngineName.MERGED], Overlaps):
        return False
    lives = [stage.board.lives[one.name] for one in components]
    members = [life for life in lives if life.phase in SERVES and life.wanted]
    stage.exchanges[host.name] = Exchange(host, members, by=by, asked=asked, began=stage.clock.now())
    host.by, host.other = by, host.generation + 1
    stage.fire(host, Trigger.RENEW, Reason(text=f"{by}; goes on until its new process is ready"))
    stage.arm(host, TimerKind.READY)
    return True


def begin_all(stage: Stage, lives: Sequence[Life], by: str) -> set[str]:
    """Begin to exchange the hosts among these, and nothing else; the names of all that this sees to.

    Where others are named that are no components of theirs, all are restarted in order instead.
    """
    hosts = [life for life in lives if life.instance.is_host]
    groups = {host.instance.group for host in hosts}
    if any(life.instance.group not in groups for life in lives):
        return set()
    seen_to: set[str] = set()
    for host in hosts:
        if begin(stage, host, by):
            stage.note(f"starting a new process beside {host.label}", instance=host.name)
            seen_to |= {host.name, *(life.name for life in stage.exchanges[host.name].members)}
    return seen_to


def refuse(stage: Stage, life: Life) -> None:
    """Raise CommandRefused where an instance is about to get a new process already."""
    it = stage.exchanges.get(life.name) or exchange_of(stage, life)
    if it is None:
        return
    left = "its old process has not ended yet" if it.step is Step.LEAVES else "its new process is not ready yet"
    raise CommandRefused(
        f"{life.label} is not restarted: {it.host.label} is being exchanged ({it.by}), and {left}",
        remedy="Restart it when that is over, or use --force: then all of it starts anew, and who asks waits.",
    )


def gate_of(stage: Stage, life: Life) -> gates.Gate:
    """What keeps a component from being started now: where it would run is not decided."""
    it = exchange_of(stage, life)
    if it is None or life is it.host:
        return gates.OPEN
    return gates.Closed((f"{it.host.label} (its new process)",), (it.host.label,))


def look(stage: Stage, it: Exchange) -> None:
    """Do what can be done next, for something has changed."""
    if it.step is not Step.FILLS:
        return
    it.members = [life for life in it.members if life.name in it.begun or (life.phase in SERVES and life.wanted)]
    for life in it.members:
        if life.name in it.begun and (life.phase is not Phase.RENEWING or not life.wanted):
            give_up(stage, it, f"{life.label} is {life.phase.state if life.wanted else 'to stop'}")
            return
    for life in it.members:
        if life.name not in it.begun and life.phase is Phase.READY and _may_begin(stage, it, life):
            it.begun.add(life.name)
            if life is not it.asked:
                life.by = it.by
            stage.fire(life, Trigger.RENEW, Reason(text=f"{life.by}; goes on until it is ready in a new process"))
            stage.arm(life, TimerKind.READY)
    if all(life.name in it.risen for life in it.members):
        engine = stage.engines[EngineName.MERGED]
        assert isinstance(engine, Overlaps)
        it.step = Step.TAKES
        stage.timers.arm(it.host.name, TimerKind.READY, stage.clock.now() + (it.host.ready_timeout or 0))
        engine.take_place(Run(it.host.name, it.host.generation))


def beside(stage: Stage, host: Life, event: object) -> Exited | None:
    """Something happened to the process of a host that is not the one that serves.

    If it was its end, that of the one that serves may have been held back for it: this is the time for that.
    """
    it = stage.exchanges[host.name]
    match event:
        case Spawned():
            it.pid = event.pid
            stage.watch(host)
        case SpawnRefused():
            it.why = it.why or f"E{event.error.code} {event.error.sentence}"
            return _decided(stage, it)
        case Probed() if event.verdict.ok and it.step is Step.BEGINS:
            it.step = Step.FILLS
            stage.unsettle(host)
        case Lingered() if it.step is not Step.LEAVES:
            give_up(stage, it, f"its new process {describe_exit(event.code)}")
        case Exited():
            it.why = it.why or f"its new process {describe_exit(event.code)}"
            return _decided(stage, it)
    return None


def risen(stage: Stage, life: Life) -> None:
    """A component could serve in the new process."""
    it = exchange_of(stage, life)
    if it is not None:
        it.risen.add(life.name)
        stage.unsettle(it.host)


def give_up(stage: Stage, it: Exchange, why: str) -> None:
    """Have the new process end, and all go on as they were once it has."""
    if it.step is not Step.FAILS:
        it.step, it.why = Step.FAILS, why
        _stop_other(stage, it.host, StopLevel.SIGNAL)
        stage.arm(it.host, TimerKind.GRACE)


def failed(stage: Stage, it: Exchange, life: Life, why: str) -> None:
    """A component, or the host, could not be started anew in the new process."""
    if life is it.host:
        give_up(stage, it, why)
    elif it.step is Step.TAKES:  # it has died there at the last moment: it starts there again
        stage.give_up_renewal(life)
    else:
        give_up(stage, it, f"{life.label}: {why}")


def end_left(stage: Stage, life: Life) -> bool:
    """Kill the old process for a component that does not end there; False: it is not there."""
    it = stage.exchanges.get(host_name(life.instance.group))
    if it is None or it.left.get(life.name) != life.generation:
        return False
    stage.note(f"{life.label} does not end: ending the old process of {it.host.label}", instance=life.name)
    _stop_other(stage, it.host, StopLevel.KILL)
    return True


def deadline(stage: Stage, life: Life) -> None:
    """A component, or the new process, has had its time."""
    it = exchange_of(stage, life)
    if it is None:
        return
    if life is it.host and it.step in {Step.BEGINS, Step.TAKES}:
        give_up(stage, it, f"its new process was not ready within {life.ready_timeout:g} s")
    elif life is not it.host and life.name not in it.risen:
        give_up(stage, it, f"{life.label}: not ready within {life.ready_timeout:g} s")


def grace_over(stage: Stage, life: Life) -> bool:
    """Kill the process of a host that was to end, of two; False: it has no other, or both are to end."""
    it = stage.exchanges.get(life.name)
    if it is None or life.phase is not Phase.RENEWING or it.step not in {Step.LEAVES, Step.FAILS}:
        return False
    which = "old" if it.step is Step.LEAVES else "new"
    stage.note(f"sending SIGKILL to the {which} process of {life.label}", instance=life.name, warning=True)
    _stop_other(stage, life, StopLevel.KILL)
    return True


def holds_back(stage: Stage, life: Life, event: Exited) -> bool:
    """Whether the end of the process that serves is put off until the other's: that is ended for it."""
    it = stage.exchanges.get(life.name)
    if it is None:
        return False
    it.ended = event
    if life.phase in RUNS and it.step is not Step.TAKES:
        _stop_other(stage, life, StopLevel.KILL)
    return True


def taken(stage: Stage, host: Life) -> None:
    """The new process has come in the place of the old one, which drains."""
    it = stage.exchanges[host.name]
    it.step = Step.LEAVES
    stage.take_over(host)
    host.other, host.pid = host.generation - 1, it.pid
    host.launched = host.ready_at = stage.clock.now()
    host.started_wall, host.ready_generation = stage.clock.wall(), host.generation
    host.reason = Reason(text=f"{it.by}; in a new process; the old one ends")
    stage.changed(host, host.phase)
    moved = {life.name for life in it.members if life.phase is not Phase.RENEWING}
    for life in stage.board.dependents(host.instance.service):
        if life.is_alive and life.name not in moved:
            it.left[life.name] = life.generation
            if life.phase in RUNS and life.wanted:
                stage.bounce(life, f"{it.by}; it was not ready, and starts in the new process")
        stage.unsettle(life)
    following.follow_exchange(stage, [host, *it.members], since=it.began)
    if it.ended is None:
        stage.arm(host, TimerKind.GRACE)
        return
    it.ended = None
    _decided(stage, it)


def _may_begin(stage: Stage, it: Exchange, life: Life) -> bool:
    """Whether all that it depends on is ready: of its neighbours, in the new process."""
    within = {one.instance.service for one in it.members}
    edges = [
        edge for edge in stage.board.edges_from[life.instance.service] if edge.dependency != it.host.instance.service
    ]
    neighbours = [one for edge in edges if edge.dependency in within for one in stage.board.of(edge.dependency)]
    others = gates.may_start([edge for edge in edges if edge.dependency not in within], stage.board.of)
    if isinstance(others, gates.Never):
        give_up(stage, it, f"{life.label} could not start: {others.text}")
    return isinstance(others, gates.Open) and all(one.name in it.risen for one in neighbours)


def _stop_other(stage: Stage, host: Life, level: StopLevel) -> None:
    if host.other is not None:
        how = Stop(level=level, signal=host.service.stop.signal)
        stage.engines[host.instance.engine].stop(Run(host.name, host.other), how)


def _decided(stage: Stage, it: Exchange) -> Exited | None:
    """One process is left, or, if the end of the one that served was held back, none."""
    host = it.host
    del stage.exchanges[host.name]
    host.other = None
    if it.step is not Step.LEAVES:
        for life in (host, *(one for one in it.members if one.name in it.begun)):
            stage.give_up_renewal(life)
    if it.ended is None:
        if it.step is Step.LEAVES:
            stage.fire(host, Trigger.RENEWED, Reason(text=f"{it.by}; in a new process"))
        else:
            _keep(stage, it)
        for life in stage.board.dependents(host.instance.service):
            stage.unsettle(life)
    return it.ended


def _keep(stage: Stage, it: Exchange) -> None:
    """All go on as they were."""
    host = it.host
    why = stage.redaction.text(it.why)
    for life in (*it.members, host):
        if life.phase is Phase.RENEWING:
            stage.fire(life, Trigger.KEPT, Reason(text=f"goes on as it was: in a new process, {why}"))
    if not host.wanted:
        return
    error = RenewalFailed(f"{host.label} goes on as it was, with all that runs in it: in a new process, {why}")
    stage.note(error.sentence, instance=host.name, warning=True)
    for errand in stage.errands:
        if isinstance(errand, Wait):
            for life in (host, *it.members):
                errand.kept(life, error)
