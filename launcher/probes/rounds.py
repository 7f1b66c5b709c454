"""The checks of one run, one after the other: the pace, and what the loop hears of them.

Lives in the probing thread. Knows when and whether to tell (`pace`), not how to check (a `Probe`) and not what a
failure means.
"""

from __future__ import annotations

from collections.abc import Callable

from launcher.orchestrator.events import Checked, Post, Probed, Verdict
from launcher.orchestrator.orders import Watch
from launcher.probes.base import Check, Finding, Probe
from launcher.probes.pace import SHORTEST, is_news, next_delay
from launcher.probes.reactor import Reactor, Timer

#: Hears, in the probing thread, of every check of an instance, those too that are no news; must return at once.
Timed = Callable[[str, Verdict], None]


class Rounds:
    """Checks until it is ended; never two checks at a time, those asked for apart.

    `phase` is where in the interval the checks of a ready run come (`pace.phase_of`).
    """

    __slots__ = (
        "_began",
        "_check",
        "_extra",
        "_is_checking",
        "_next",
        "_phase",
        "_post",
        "_probe",
        "_reactor",
        "_ready",
        "_since",
        "_timed",
        "_told",
        "_told_at",
        "_watch",
    )

    def __init__(
        self,
        watch: Watch,
        probe: Probe,
        *,
        since: float,
        phase: float,
        reactor: Reactor,
        post: Post,
        timed: Timed | None = None,
    ) -> None:
        self._watch = watch
        self._probe = probe
        self._reactor = reactor
        self._post = post
        self._timed = timed
        self._since = since
        self._phase = phase
        self._ready = False
        self._told: Verdict | None = None
        self._told_at = since
        #: A check may end before `begin` has returned it.
        self._is_checking = False
        self._began = since
        self._check: Check | None = None
        self._next: Timer | None = None
        #: Checks asked for that are under way.
        self._extra: set[Check] = set()

    def begin(self) -> None:
        """Begin the next check."""
        self._is_checking = True
        self._began = self._reactor.now()
        check = self._probe.begin(self._ended)
        if self._is_checking:
            self._check = check

    def check_now(self) -> None:
        """Make one check more, for somebody who asked; only who asked is told of it."""
        began = self._reactor.now()
        under_way: list[Check] = []
        over = False

        def ended(finding: Finding) -> None:
            nonlocal over
            over = True
            self._extra.difference_update(under_way)
            run = self._watch.run
            verdict = Verdict(ok=finding.ok, answer=finding.answer, took=self._reactor.now() - began)
            self._post(Checked(run.instance, run.generation, verdict))

        check = self._probe.begin(ended)
        if not over:
            under_way.append(check)
            self._extra.add(check)

    def end(self) -> None:
        """Check and tell no more."""
        for check in self._extra:
            check.drop()
        self._extra.clear()
        if self._next is not None:
            self._next.cancel()
        if self._check is not None:
            self._check.drop()
            self._check = None

    def _ended(self, finding: Finding) -> None:
        self._is_checking = False
        self._check = None
        now = self._reactor.now()
        verdict = Verdict(ok=finding.ok, answer=finding.answer, took=now - self._began)
        if self._timed is not None:
            self._timed(self._watch.run.instance, verdict)
        if is_news(verdict, ready=self._ready, told=self._told, silence=now - self._told_at):
            self._told = verdict
            self._told_at = now
            run = self._watch.run
            self._post(Probed(run.instance, run.generation, verdict))
        is_first = finding.ok and not self._ready
        self._ready = self._ready or finding.ok
        delay = next_delay(self._watch.health, ready=self._ready, elapsed=now - self._since)
        if is_first:
            delay = max(SHORTEST, delay * self._phase)
        self._next = self._reactor.after(delay, self.begin)
