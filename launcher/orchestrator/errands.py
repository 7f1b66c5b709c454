"""What commands wait for. An errand looks at the board after each change and says, once, how its command ended.

Errands decide nothing about services; the one thing a failed start-up asks for, its roll-back, it hands back as steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from launcher.errors import CommandRefused, LauncherError, ReadyTimeout, ServiceFailed, StartRolledBack
from launcher.orchestrator.events import Outcome, Reply
from launcher.orchestrator.life import Life
from launcher.orchestrator.lifecycle import SERVES, Phase
from launcher.orchestrator.rollback import Step, UndoStack

#: A service without a health check must live for this long before a start-up is called a success, in seconds.
OUTLIVE = 0.2

#: Where an instance stays without a command.
LOST = frozenset({Phase.FAILED, Phase.SKIPPED})


class Errand(Protocol):
    """A command under way."""

    reply: Reply

    def look(self, now: float) -> Outcome | None:
        """How the command ended; None: it has not."""
        ...

    def ended(self) -> Outcome:
        """How it ends when the launcher does."""
        ...


def is_up(life: Life, now: float) -> bool:
    """Whether a start-up may count the instance as up."""
    if life.phase is Phase.COMPLETED:
        return True
    if life.phase is not Phase.READY:
        return False
    return life.check is not None or now - life.ready_at >= OUTLIVE


def is_lost(life: Life) -> bool:
    """Whether the instance will not come up without a command."""
    return life.phase in LOST


def tell(life: Life) -> str:
    """A line about where an instance has got to."""
    url = life.view().url
    if life.phase in SERVES:
        return f"{life.label} is ready" + (f" at {url}" if url else "")
    return f"{life.label} is {life.phase.state}: {life.reason.text}"


def error_of(life: Life) -> LauncherError:
    """Why an instance is lost, as the error that a command ends with."""
    if life.reason.text.startswith("not ready within"):
        return ReadyTimeout(f'"{life.label}" was {life.reason.text}')
    return ServiceFailed(f'"{life.label}" {life.phase.state}: {life.reason.text}')


class Wait:
    """Until all are up, or one is lost or down; with `after`, of a later generation than the one given there."""

    def __init__(self, lives: Sequence[Life], reply: Reply, *, after: Mapping[str, int] | None = None) -> None:
        self.lives = lives
        self.reply = reply
        self._after = after or {}
        self._kept: LauncherError | None = None

    def kept(self, life: Life, error: LauncherError) -> None:
        """One goes on as it was, instead of starting anew."""
        if life in self.lives and life.name in self._after:
            self._kept = self._kept or error

    def look(self, now: float) -> Outcome | None:
        if self._kept is not None:
            return Outcome(ok=False, status=self._kept.status, lines=_tell_all(self.lives), error=self._kept)
        lost = next((life for life in self.lives if is_lost(life) or life.phase is Phase.STOPPED), None)
        if lost is not None:
            return Outcome(ok=False, status=1, lines=_tell_all(self.lives), error=error_of(lost))
        if all(is_up(life, now) and life.generation > self._after.get(life.name, -1) for life in self.lives):
            return Outcome(ok=True, lines=_tell_all(self.lives))
        return None

    def ended(self) -> Outcome:
        lost = next((life for life in self.lives if life.phase is not Phase.COMPLETED), None)
        error = error_of(lost) if lost is not None else None
        return Outcome(ok=error is None, status=1 if error else 0, lines=_tell_all(self.lives), error=error)


class Down:
    """Until none has a process any more."""

    def __init__(self, lives: Sequence[Life], reply: Reply, answers: Sequence[str] = ()) -> None:
        self.lives = lives
        self.reply = reply
        self.answers = tuple(answers)

    def look(self, now: float) -> Outcome | None:  # noqa: ARG002  (the seam of Errand)
        if any(life.is_alive and not life.wanted for life in self.lives):
            return None
        return Outcome(ok=True, lines=(*self.answers, *_tell_all(self.lives)))

    def ended(self) -> Outcome:
        return Outcome(ok=True, lines=_tell_all(self.lives))


class StartUp:
    """Until all targets are up; when a required one is lost, until what this start-up began is down again.

    `targets` are the instances wanted and what they depend on.
    """

    def __init__(self, targets: Sequence[Life], reply: Reply, answers: Sequence[str] = ()) -> None:
        self.targets = targets
        self.reply = reply
        self.answers = tuple(answers)
        self.undo_stack = UndoStack()
        self.culprit: Life | None = None
        self.outcome: Outcome | None = None
        self._begun: list[Life] = []
        #: Where the first target that was not up stood at the last look. Not to look at n of them after n changes.
        self._missing = 0

    def took(self, kind_of_step: Step, life: Life) -> None:
        """A step was taken for this start-up."""
        self.undo_stack.push(kind_of_step.kind, kind_of_step.instance)
        if life not in self._begun:
            self._begun.append(life)

    def hangs_on(self, life: Life) -> bool:
        """Whether the loss of this instance makes the start-up give up."""
        return self.culprit is None and life in self.targets and life.service.required

    def failed_by(self) -> Life | None:
        """The required instance that was lost, if one was and this start-up has not yet given up."""
        lost = [life for life in self.targets if life.phase in LOST and self.hangs_on(life)]
        # A skipped one is a consequence; the one that failed is the cause.
        failed = next((life for life in lost if life.phase is Phase.FAILED), None)
        if failed is None and any(life.doomed for life in self.targets):
            return None  # somebody is stopping one of them, which takes nothing else down: `look` tells of it
        return failed or (lost[0] if lost else None)

    def roll_back(self, culprit: Life) -> tuple[Step, ...]:
        """Give up: the steps that take everything back."""
        self.culprit = culprit
        error = StartRolledBack(
            f"start-up failed and was rolled back: {error_of(culprit).sentence}",
            remedy=f"`launcher logs {culprit.label}` shows what it said; "
            "required = false lets the others go on without it.",
        )
        self.outcome = Outcome(ok=False, status=StartRolledBack.status, error=error, culprit=culprit.name)
        return self.undo_stack.undo(leaving=(culprit.name,))

    def look(self, now: float) -> Outcome | None:
        if self.outcome is not None:
            return self.outcome if not any(life.is_alive and not life.wanted for life in self._begun) else None
        stopped = [life.label for life in self.targets if life.phase is Phase.STOPPED]
        if stopped:
            error = CommandRefused(f"{', '.join(stopped)} was stopped while starting", remedy="Start it again.")
            return Outcome(ok=False, status=1, lines=_tell_all(self.targets), error=error)
        if self._misses(self._missing, now) or any(self._misses(index, now) for index in range(len(self.targets))):
            return None
        return Outcome(ok=True, lines=(*self.answers, *_tell_all(self.targets)))

    def _misses(self, index: int, now: float) -> bool:
        if index >= len(self.targets):
            return False
        life = self.targets[index]
        if is_up(life, now) or (life.phase in LOST and not life.service.required):
            return False
        self._missing = index
        return True

    def ended(self) -> Outcome:
        if self.outcome is not None:
            return self.outcome
        return Outcome(ok=False, status=1, lines=_tell_all(self.targets), error=CommandRefused("the launcher ended"))


def _tell_all(lives: Sequence[Life]) -> tuple[str, ...]:
    return tuple(tell(life) for life in lives)
