"""A component that takes its host along again and again is moved to a process of its own, for as long as we run.

Knows the stage, and when to do so; that a component was the cause is told by its engine.
"""

from __future__ import annotations

from launcher.orchestrator.life import Life
from launcher.orchestrator.stage import Stage
from launcher.plan.placement import apart, host_name


def took_host(stage: Stage, life: Life) -> None:
    """It has taken its host along. At the last time before circuits open, that of the host too, it is moved."""
    host = stage.board.lives[host_name(life.instance.group)]
    rule, now = life.service.restart, stage.clock.now()
    life.felled = (*(at for at in life.felled if now - at < rule.window), now)
    limit = max(1, min(rule.burst, host.service.restart.burst))
    if len(life.felled) < limit:
        return
    times = "once" if len(life.felled) == 1 else f"{len(life.felled)} times within {rule.window:g} s"
    why = f"it has taken {host.label} along {times}"
    if sharing := _sharing_its_port(stage, life):
        if len(life.felled) == limit:
            text = (
                f"{life.label} cannot get a process of its own, for it shares port {life.instance.port} with {sharing}"
            )
            stage.note(f"{text}: {why}", instance=life.name, warning=True)
        return
    stage.note(f"{life.label} gets a process of its own: {why}", instance=life.name, warning=True)
    stage.replan(apart(stage.plan, life.instance.service, why))
    if not stage.plan.components_of(host.instance.group) and host.wanted:
        stage.lower(host, "nothing is left that could run in it")


def _sharing_its_port(stage: Stage, life: Life) -> str:
    """The components that have the same port under other prefixes: one socket cannot be in two processes."""
    one = life.instance
    others = [other for other in stage.plan.components_of(one.group) if other.port == one.port and other != one]
    return ", ".join(other.label for other in others) if one.port is not None else ""
