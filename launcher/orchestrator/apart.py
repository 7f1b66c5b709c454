"""A component that cannot be in its host is moved to a process of its own, for as long as we run.

Either it takes the host along again and again; or its import shows that it can share no process, where the mode has
chosen that it shall. Knows the stage, and when to do so; what a component did is told by its engine.
"""

from __future__ import annotations

from launcher.orchestrator.life import Life
from launcher.orchestrator.lifecycle import RUNS
from launcher.orchestrator.orders import Can
from launcher.orchestrator.stage import Stage
from launcher.plan.placement import apart, host_name, is_chosen


def took_host(stage: Stage, life: Life) -> None:
    """It has taken its host along. At the last time before circuits open, that of the host too, it is moved."""
    host = stage.board.lives[host_name(life.instance.group)]
    rule, now = life.service.restart, stage.clock.now()
    life.felled = (*(at for at in life.felled if now - at < rule.window), now)
    limit = max(1, min(rule.burst, host.service.restart.burst))
    if len(life.felled) >= limit:
        times = "once" if len(life.felled) == 1 else f"{len(life.felled)} times within {rule.window:g} s"
        _move(stage, life, f"it has taken {host.label} along {times}", is_news=len(life.felled) == limit)


def cannot_share(stage: Stage, life: Life, why: str, *, spoilt: bool) -> bool:
    """Its import has shown that it can share no process; False: it stays, for the profile has placed it there.

    One that has `spoilt` its host for all leaves it to start anew, with all that is in it.
    """
    host = stage.board.lives[host_name(life.instance.group)]
    is_news = life.generation == life.wanted_generation + 1
    if not is_chosen(stage.plan, life.name) or not _move(stage, life, why, is_news=is_news):
        return False
    if spoilt and host.wanted:
        text = f"{life.label} has changed it for all that runs in it"
        stage.note(f"restarting {host.label}: {text}", instance=life.name, warning=True)
        for other in stage.board.dependents(host.instance.service):
            if other.phase in RUNS and other.wanted:
                stage.bounce(other, f"{life.label} has changed {host.label}, in which it runs")
        stage.bounce(host, text)
    return True


def _move(stage: Stage, life: Life, why: str, *, is_news: bool) -> bool:
    """Place it in a process of its own; False: it has to stay, which is said if that is news."""
    host = stage.board.lives[host_name(life.instance.group)]
    if obstacle := _obstacle(stage, life, host):
        if is_news:
            text = f"{life.label} cannot get a process of its own, for {obstacle}"
            stage.note(f"{text}: {why}", instance=life.name, warning=True)
        return False
    stage.note(f"{life.label} gets a process of its own: {why}", instance=life.name, warning=True)
    stage.replan(apart(stage.plan, life.instance.service, why))
    if not stage.plan.components_of(host.instance.group) and host.wanted:
        stage.lower(host, "nothing is left that could run in it")
    return True


def _obstacle(stage: Stage, life: Life, host: Life) -> str:
    """What stands in the way of a process of its own; empty: nothing."""
    if Can.TAKE_IN not in stage.engines[host.instance.engine].can:
        return f"{host.instance.engine} runs only what stands in its configuration"
    sharing = _sharing_its_port(stage, life)
    return f"it shares port {life.instance.port} with {sharing}" if sharing else ""


def _sharing_its_port(stage: Stage, life: Life) -> str:
    """The components that have the same port under other prefixes: one socket cannot be in two processes."""
    one = life.instance
    others = [other for other in stage.plan.components_of(one.group) if other.port == one.port and other != one]
    return ", ".join(other.label for other in others) if one.port is not None else ""
