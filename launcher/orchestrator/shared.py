"""What befalls instances that share a process: one starts anew beside itself, or ends or starts anew with its host.

The stage and its table move them; here stands what one of them means for the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launcher.errors import RenewalFailed
from launcher.orchestrator import exchange
from launcher.orchestrator.effects import Do
from launcher.orchestrator.errands import Wait
from launcher.orchestrator.events import NotRenewed, Renewed, Risen
from launcher.orchestrator.life import Life, Wish
from launcher.orchestrator.lifecycle import RUNS, STOPS, Phase, Trigger
from launcher.orchestrator.protocols import Renews
from launcher.orchestrator.snapshot import Reason
from launcher.plan.placement import host_name

if TYPE_CHECKING:
    from launcher.orchestrator.stage import Stage


def inside(stage: Stage, lives: Iterable[Life]) -> list[Life]:
    """What runs in those of these that are hosts, and is not among them itself."""
    lives = list(lives)
    groups = {life.instance.group for life in lives if life.instance.is_host}
    others = (stage.board.lives[one.name] for group in groups for one in stage.plan.components_of(group))
    return [life for life in others if life not in lives]


def renew(stage: Stage, life: Life, by: str, *, among: Iterable[Life]) -> bool:
    """Start a component anew beside itself; False: it has to end first, or its process goes too (`among`)."""
    engine = stage.engines[life.instance.engine]
    if life.phase is not Phase.READY or not life.wanted or not isinstance(engine, Renews):
        return False
    if _host_of(stage, life) in among:
        return False
    life.by = by
    stage.fire(life, Trigger.RENEW, Reason(text=f"{by}; goes on until its new code is ready"))
    return True


def react(stage: Stage, life: Life, event: Renewed | Risen | NotRenewed) -> None:
    """Something came of starting a component anew beside itself, or of exchanging its host."""
    if isinstance(event, Risen):
        exchange.risen(stage, life)
    elif isinstance(event, Renewed):
        if life.instance.is_host:
            exchange.taken(stage, life)
        else:
            _renewed(stage, life, event.how)
    else:
        _not_renewed(stage, life, stage.redaction.text(event.why), needs_process=event.needs_process)


def host_ends(stage: Stage, life: Life) -> None:
    """The process of a component is ending, and has ended that: nothing can start there until the next."""
    host = _host_of(stage, life)
    stage.fire(host, Trigger.FELL, Reason(text="it is ending"))


def end_with_host(stage: Stage, life: Life) -> None:
    """End a component that does not end by itself: with the process that it runs in, which starts anew.

    The other components are asked to end first, as for any restart; the host does not wait for this one.
    """
    host = _host_of(stage, life)
    if host.phase not in RUNS or exchange.end_left(stage, life):
        return  # it is on its way out
    text = f"{life.label} does not end"
    stage.note(f"{text}: restarting {host.label}, in which it runs", instance=life.name, warning=True)
    for other in stage.board.dependents(host.instance.service):
        if other.phase in RUNS and other.wanted:
            stage.bounce(other, f"{text}, and shares its process")
    host.by = text
    trigger = Trigger.STOP
    if not host.doomed:
        host.wish, trigger = Wish.UP, Trigger.RESTART
    stage.fire(host, trigger, Reason(text=text, causes=(life.label,)))


def _renewed(stage: Stage, life: Life, how: str) -> None:
    """The next generation has come in the place of this one: in the same process, where `how` says what was done."""
    if not how and (under_way := exchange.exchange_of(stage, life)) is not None:
        life.pid = under_way.pid
    where = f"in the same process: {how}" if how else "in a new process"
    stage.take_over(life)
    life.health = life.exit_code = life.imported = None
    life.failures = 0
    life.launched, life.started_wall, life.ready_at = stage.clock.now(), stage.clock.wall(), stage.clock.now()
    life.ready_generation = life.generation
    if life.phase in STOPS:  # the word to stop was for the one before
        stage.perform(life, Do.ASK)
        return
    stage.note(f"{life.label} has started anew beside itself, {where}", instance=life.name)
    stage.fire(life, Trigger.RENEWED, Reason(text=f"{life.by}; {where}"))
    stage.watch(life)


def _not_renewed(stage: Stage, life: Life, why: str, *, needs_process: bool) -> None:
    """The one that runs goes on; or, where only a new process has the new code, it gets one, with all that is in it."""
    under_way = exchange.exchange_of(stage, life)
    if under_way is not None and (life is under_way.host or life.name in under_way.begun):
        exchange.failed(stage, under_way, life, why)
        return
    stage.give_up_renewal(life)
    if life.phase is not Phase.RENEWING:
        return
    stage.fire(life, Trigger.KEPT, Reason(text=f"goes on as it was: {why}"))
    if needs_process:
        if under_way is None:
            _exchange_host(stage, life, why)
        return
    error = RenewalFailed(f"{life.label} goes on as it was, for its new code did not start: {why}")
    stage.note(error.sentence, instance=life.name, warning=True)
    for errand in stage.errands:
        if isinstance(errand, Wait):
            errand.kept(life, error)


def _exchange_host(stage: Stage, life: Life, why: str) -> None:
    """Give a component a new process, with all that is in its one: beside that, or, where it cannot be, in its place.

    Their sockets are held, so nothing is refused in either case; in the second, who asks meanwhile waits.
    """
    host = _host_of(stage, life)
    if exchange.begin(stage, host, f"{life.by} of {life.label}", life):
        text = f"starting a new process beside {host.label} for the new code of {life.label}: {why}"
        stage.note(text, instance=life.name)
        return
    stage.note(f"restarting {host.label} for the new code of {life.label}: {why}", instance=life.name)
    by = life.by
    for other in stage.board.dependents(host.instance.service):
        if other.phase in RUNS and other.wanted:
            stage.bounce(other, by if other is life else f"{by} of {life.label}, in whose process it runs")
    if host.wanted:
        stage.bounce(host, f"{by} of {life.label}")


def _host_of(stage: Stage, life: Life) -> Life:
    return stage.board.lives[host_name(life.instance.group)]
