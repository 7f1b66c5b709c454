"""The check that a command asks for: what every instance answers now, beside the checks that go on by themselves.

Nothing that it finds moves an instance. Probes that wait to be told (a log line, a notice) cannot be asked: of these
the last that was heard is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from launcher.orchestrator.events import Checked, Outcome, Reply, Verdict
from launcher.orchestrator.life import Life
from launcher.orchestrator.lifecycle import RUNS, SERVES
from launcher.orchestrator.orders import Run
from launcher.profile.model import Health

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Prober, Redaction


class Check:
    """An errand: until each instance has answered, or runs no more."""

    def __init__(self, lives: Sequence[Life], reply: Reply, *, prober: Prober, redaction: Redaction) -> None:
        self.reply = reply
        self._redaction = redaction
        self._lives = lives
        self._answers: dict[str, Verdict] = {}
        #: The generation of which an answer is awaited.
        self._asked: dict[str, int] = {}
        for life in lives:
            if life.phase in RUNS and life.spawned and prober.check(Run(life.name, life.generation)):
                self._asked[life.name] = life.generation
            else:
                self._answers[life.name] = _known(life)

    def took(self, checked: Checked) -> None:
        """An answer came."""
        if self._asked.get(checked.instance) == checked.generation:
            self._answers[checked.instance] = checked.verdict

    def look(self, now: float) -> Outcome | None:  # noqa: ARG002  (the seam of Errand)
        for life in self._lives:
            if life.name in self._answers:
                continue
            if life.phase in RUNS and life.generation == self._asked[life.name]:
                return None
            self._answers[life.name] = Verdict(ok=False, answer=f"it ended while it was checked: {life.reason.text}")
        return self._outcome()

    def ended(self) -> Outcome:
        for life in self._lives:
            self._answers.setdefault(life.name, Verdict(ok=False, answer="the launcher ended"))
        return self._outcome()

    def _outcome(self) -> Outcome:
        ok = all(verdict.ok for verdict in self._answers.values())
        lines = tuple(self._redaction.text(_line(life, self._answers[life.name])) for life in self._lives)
        return Outcome(ok=ok, status=0 if ok else 1, lines=lines)


def _known(life: Life) -> Verdict:
    """What is known of an instance that cannot be asked."""
    if not (life.phase in RUNS and life.spawned):
        return Verdict(ok=False, answer=f"not running: it is {life.phase.state} ({life.reason.text})")
    if life.check is None:
        return Verdict(ok=True, answer="runs; it has no health check")
    if life.health is None:
        return Verdict(ok=False, answer="nothing heard yet")
    return Verdict(ok=life.phase in SERVES, answer=f"{life.health.answer} (the last that was heard)")


def _line(life: Life, verdict: Verdict) -> str:
    well = "healthy" if verdict.ok else "not healthy"
    probe = "" if life.check is None else f" by {name_of(life.check)}"
    took = f" ({verdict.took * 1000:.1f} ms)" if verdict.took else ""
    return f"{life.label} is {well}{probe}{took}: {verdict.answer}"


def name_of(check: Health) -> str:
    """What a check does, in a few words: `http /healthz`."""
    for kind in ("http", "tcp", "exec", "log"):
        value = getattr(check, kind)
        if value is not None:
            shown = " ".join(value) if isinstance(value, list) else value
            return kind if value is True else f"{kind} {shown}"
    return "notify"
