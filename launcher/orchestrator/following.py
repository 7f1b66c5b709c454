"""What dependents do of their own accord: react, once, to a dependency that is lost, and follow one that was restarted.

Knows edges and the stage; nothing of why a dependency went or came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launcher.orchestrator.life import Life
from launcher.orchestrator.lifecycle import RUNS, Phase
from launcher.profile.model import OnLoss

if TYPE_CHECKING:
    from launcher.orchestrator.stage import Stage


def act_on_loss(stage: Stage, life: Life) -> None:
    """Let dependents react, once, to a dependency that has left ready for good."""
    if life.phase not in {Phase.UNHEALTHY, Phase.FAILED, Phase.STOPPED}:
        return
    text = f"{life.label} {'is' if life.phase is not Phase.FAILED else 'has'} {life.phase.value}"
    for edge in stage.board.edges_to[life.instance.service]:
        for dependent in stage.board.of(edge.dependent):
            if not dependent.wanted:
                continue
            if edge.on_loss is OnLoss.STOP and dependent.phase not in {Phase.PENDING, Phase.COMPLETED}:
                stage.lower(dependent, text)
            elif edge.on_loss is OnLoss.RESTART and dependent.phase in RUNS:
                stage.bounce(dependent, text)


def follow_restart(stage: Stage, life: Life) -> None:
    """A new generation is ready: `restart` edges follow it, where the dependent is older than it."""
    for edge in stage.board.edges_to[life.instance.service]:
        if edge.on_loss is OnLoss.RESTART:
            for dependent in stage.board.of(edge.dependent):
                if dependent.wanted and dependent.phase in RUNS and dependent.launched < life.launched:
                    stage.bounce(dependent, f"{life.label} was restarted")


def follow_exchange(stage: Stage, lives: Iterable[Life], *, since: float) -> None:
    """New generations of these have come together: `restart` edges that lead out of them follow, all the way."""
    exchanged = list(lives)
    for dependent in stage.board.followers(exchanged, {OnLoss.RESTART}):
        if dependent.wanted and dependent.phase in RUNS and dependent.launched < since:
            stage.bounce(dependent, "what it depends on was restarted")
