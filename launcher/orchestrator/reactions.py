"""What follows from what happened to an instance: a process began or ended, a check was made, a timer ran out.

`react` takes one fact about one instance; each function classifies one kind of fact into a trigger, and the table
moves the instance.
The module knows no queue and no commands under way.
"""

from __future__ import annotations

from launcher.errors import LauncherError
from launcher.orchestrator import apart, commands, exchange, following, restart, shared
from launcher.orchestrator.effects import Do
from launcher.orchestrator.events import (
    Adopted,
    Elapsed,
    Exited,
    Imported,
    Lingered,
    Meddled,
    NotRenewed,
    Probed,
    Renewed,
    Risen,
    Spawned,
    SpawnRefused,
    TimerKind,
    Verdict,
)
from launcher.orchestrator.exits import describe_exit
from launcher.orchestrator.life import Life, Wish
from launcher.orchestrator.lifecycle import RUNS, SERVES, STOPS, Phase, Trigger
from launcher.orchestrator.snapshot import Health, Reason
from launcher.orchestrator.stage import Stage
from launcher.plan.placement import host_name
from launcher.profile.model import OnExit, OnFailure

Fact = Spawned | SpawnRefused | Exited | Lingered | Probed | Imported | Meddled | Renewed | Risen | NotRenewed | Elapsed


def react(stage: Stage, life: Life, event: Fact) -> None:
    """Let an instance react to what happened to its latest start, or to one that goes on beside that."""
    if event.generation != life.generation:
        if (ended := exchange.beside(stage, life, event)) is not None:
            exited(stage, life, ended)
    elif not (isinstance(event, Exited) and exchange.holds_back(stage, life, event)):
        _react(stage, life, event)


def _react(stage: Stage, life: Life, event: Fact) -> None:
    match event:
        case Spawned():
            spawned(stage, life, event.pid)
        case SpawnRefused():
            refused(stage, life, event.error)
        case Exited():
            exited(stage, life, event)
        case Lingered():
            lingered(stage, life, event.code, event.count)
        case Probed():
            probed(stage, life, event.verdict)
        case Imported():
            life.imported = event.seconds
        case Meddled():
            stage.note(stage.redaction.text(f"{life.label} {event.text}"), instance=life.name, warning=True)
        case Renewed() | Risen() | NotRenewed():
            shared.react(stage, life, event)
        case Elapsed():
            elapsed(stage, life, event.timer)


def adopted(stage: Stage, life: Life, told: Adopted) -> None:
    """A process of an earlier launcher runs."""
    is_unready = life.generation == told.generation > life.ready_generation
    life.generation = told.generation
    life.wanted_generation = told.generation - 1
    life.pid, life.started_wall, life.launched = told.pid, told.since, stage.clock.now()
    life.wish = Wish.UP
    stage.begun = True
    stage.fire(life, Trigger.ADOPTED, Reason(text="ran already"))
    if life.check is None and not life.service.is_task:
        _passed(stage, life, "runs")
    elif life.check is not None and (life.check.log is not None or life.check.notify) and not is_unready:
        _passed(stage, life, "ran already")  # it has said so, and says it only once
    elif life.check is not None and life.check.notify and told.is_up:
        _passed(stage, life, "READY=1")


def spawned(stage: Stage, life: Life, pid: int) -> None:
    """The process exists; without a check, that is all there is to ask."""
    life.pid = pid
    stage.changed(life, life.phase)
    stage.watch(life)
    if life.check is None and not life.service.is_task and life.phase is Phase.STARTING:
        _passed(stage, life, "started")
    else:
        for dependent in stage.board.dependents(life.instance.service):
            stage.unsettle(dependent)  # it may wait for `started` only
    _follow_the_first(stage)


def refused(stage: Stage, life: Life, error: LauncherError) -> None:
    """There is no process, and will be none of this generation."""
    if life.phase in STOPS:
        _gone(stage, life, "it had not started yet")
    else:
        _judge(stage, life, well=False, text=stage.redaction.text(f"E{error.code} {error.sentence}"))


def exited(stage: Stage, life: Life, event: Exited) -> None:
    """The process and its descendants are gone."""
    life.exit_code = event.code
    text = stage.redaction.text(event.why) if event.why else describe_exit(event.code)
    if life.phase in {Phase.STOPPING, Phase.REPLACING} or (life.phase in RUNS and not life.wanted):
        _gone(stage, life, text)
    elif life.phase is Phase.ABORTING and not life.proved:
        stage.fire(life, Trigger.GIVE_UP, life.reason)
        failed_for_good(stage, life)
    elif life.phase is Phase.ABORTING:
        _judge(stage, life, well=False, text=life.reason.text)
    elif event.unshareable and apart.cannot_share(
        stage, life, stage.redaction.text(event.unshareable), spoilt=event.spoilt
    ):
        stage.fire(life, Trigger.MOVED, Reason(text=text))
    else:
        if event.cause == life.name:
            apart.took_host(stage, life)
        elif life.instance.is_component and event.cause == host_name(life.instance.group):
            shared.host_ends(stage, life)
        well = event.code in life.service.success_exit_codes
        _judge(stage, life, well=well, text=text, counts=event.cause in ("", life.name))


def lingered(stage: Stage, life: Life, code: int, count: int) -> None:
    """The process has ended, its descendants not yet: they have `grace` to do so."""
    if life.other is not None:  # it is gone with what is beside it, soon
        stage.perform(life, Do.KILL)
    elif life.phase not in STOPS:  # else they have been asked to end with it, and are merely slower
        noun = "process" if count == 1 else "processes"
        text = f"{life.label} ended ({describe_exit(code)}) but left {count} {noun}: ending them"
        stage.note(text, instance=life.name)
        stage.arm(life, TimerKind.GRACE)


def probed(stage: Stage, life: Life, verdict: Verdict) -> None:
    """A check was made. Failures count once it has been ready, and not within `start_period` of its start."""
    if life.phase not in RUNS or life.check is None:
        return
    forgiven = life.phase is Phase.STARTING or stage.clock.now() - life.launched < life.check.start_period
    answer = stage.redaction.text(verdict.answer)
    life.failures = 0 if verdict.ok or forgiven else life.failures + 1
    life.health = Health(ok=verdict.ok, answer=answer, at=stage.clock.wall(), took=verdict.took, failures=life.failures)
    if verdict.ok and life.phase not in SERVES:
        _passed(stage, life, answer)
    elif life.phase is Phase.READY and life.failures >= life.check.retries:
        _fell(stage, life, answer, life.check.on_failure)


def elapsed(stage: Stage, life: Life, kind: TimerKind) -> None:
    """A timer ran out that meant something in the phase that the instance is in."""
    match kind:
        case TimerKind.READY:
            _deadline(stage, life)
        case TimerKind.GRACE:
            _grace_over(stage, life)
        case TimerKind.BACKOFF:
            stage.fire(life, Trigger.BACKOFF_OVER, life.reason)
        case TimerKind.COOLDOWN:
            life.tally = restart.tried(life.tally)
            stage.fire(life, Trigger.COOLDOWN_OVER, Reason(text=restart.TRIAL))
        case TimerKind.STABLE:
            life.tally = restart.steadied(life.tally)
        case TimerKind.OUTLIVE:
            stage.stirred = True


def failed_for_good(stage: Stage, life: Life) -> None:
    """Nothing is left to try: where the service is critical, everything stops."""
    if life.service.critical:
        stage.note(f"{life.label} is critical and has failed: stopping everything", warning=True)
        commands.end(stage, status_of(life), f"{life.label}, which is critical, has failed")


def status_of(life: Life) -> int:
    """The exit status that an instance's end gives the launcher: its own code, and never 0 for a failure."""
    code = life.exit_code
    return code or 1


def _passed(stage: Stage, life: Life, text: str) -> None:
    fresh = life.phase is Phase.STARTING
    life.ready_at = stage.clock.now()
    life.ready_generation = life.generation
    life.failures = 0
    stage.fire(life, Trigger.PASSED, Reason(text=text))
    if fresh:
        following.follow_restart(stage, life)


def _fell(stage: Stage, life: Life, answer: str, action: OnFailure) -> None:
    times = f"{life.failures} checks in a row have failed" if life.failures > 1 else "a check has failed"
    stage.fire(life, Trigger.FELL, Reason(text=f"{times}: {answer}"))
    if action is OnFailure.RESTART and life.wanted:
        stage.bounce(life, f"unhealthy: {answer}")
    elif action is OnFailure.STOP and life.wanted:
        stage.lower(life, f"unhealthy: {answer}")


def _gone(stage: Stage, life: Life, text: str) -> None:
    bounced = life.wish is Wish.BOUNCE
    stage.fire(life, Trigger.GONE, Reason(text=f"{life.by}; {text}" if life.by else text))
    if bounced:  # it ended while it waited for its turn
        stage.bounce(life, life.by)


def _judge(stage: Stage, life: Life, *, well: bool, text: str, counts: bool = True) -> None:
    """Let the restart rule say what follows an end that nobody asked for; one that is another's doing counts not."""
    rule, chance = life.service.restart, stage.chance()
    if counts:
        life.tally, decision = restart.ended(life.tally, rule, well=well, now=stage.clock.now(), chance=chance)
    else:
        life.tally, decision = restart.taken_along(life.tally, rule, chance=chance)
    match decision:
        case restart.Done():
            stage.fire(life, Trigger.DONE, Reason(text=text))
        case restart.Retry(delay):
            life.restarts += 1
            stage.fire(life, Trigger.RETRY, Reason(text=f"{text}; starts again in {delay:.2g} s"), after=delay)
        case restart.Break(cooldown, first, failures):
            if stage.hangs_on(life):
                cooldown = None  # its start-up is rolled back, and nothing of that is started again
            trial = "no trial start" if cooldown is None else f"one trial start in {cooldown:g} s"
            circuit = f"circuit open after {failures} failures within {rule.window:g} s, {trial}"
            stage.fire(life, Trigger.BREAK, Reason(text=f"{text}; {circuit}"), after=cooldown)
            if first or cooldown is None:
                failed_for_good(stage, life)
        case restart.GiveUp():
            stage.fire(life, Trigger.GIVE_UP, Reason(text=text))
            failed_for_good(stage, life)
    if stage.plan.on_exit is OnExit.STOP and life.phase in {Phase.COMPLETED, Phase.FAILED} and stage.first is None:
        stage.first = life
    _follow_the_first(stage)


def _follow_the_first(stage: Stage) -> None:
    """The end of one stops all. Of a Procfile all are started before, as with honcho: none depends on another."""
    first = stage.first
    if first is None or (stage.plan.procfile and any(_is_to_come(life) for life in stage.board.lives.values())):
        return
    code = first.exit_code
    commands.end(stage, 1 if code is None else code, f"{first.label} ended")


def _is_to_come(life: Life) -> bool:
    return life.wish is Wish.UP and (life.phase is Phase.WAITING or (life.phase is Phase.STARTING and life.pid is None))


def _deadline(stage: Stage, life: Life) -> None:
    if life.phase is Phase.RENEWING:
        exchange.deadline(stage, life)
        return
    if life.proved and life.phase is not Phase.STARTING:
        return  # it has been ready before: its restart waits without limit
    answer = f": {life.health.answer}" if life.health is not None and not life.health.ok else " has not answered"
    check = f"; its check ({life.check_shown}){answer}" if life.check_shown else ""
    text = f"not ready within {life.ready_timeout:g} s{check}"
    stage.fire(life, Trigger.DEADLINE, Reason(text=text))
    if life.phase is Phase.FAILED:
        failed_for_good(stage, life)


def _grace_over(stage: Stage, life: Life) -> None:
    if exchange.grace_over(stage, life):
        return
    if not life.instance.is_component:
        stage.note(f"sending SIGKILL to {life.label} (pid {life.pid})", instance=life.name, warning=True)
    if life.phase in STOPS:
        stage.fire(life, Trigger.GRACE_OVER, life.reason)
    else:  # it ended by itself, and its descendants outlive it
        stage.perform(life, Do.KILL)
