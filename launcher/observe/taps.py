"""Log probes look at lines here: `Tapping` shows them the lines of their run until the first that matches.

A tap is set by the probes' thread while the reader's thread already hands over what the service prints, so the ready
line may be there before the tap. The lines of instances that will be tapped (`awaited`) are therefore held from the
run's first byte until the tap comes. A run that nobody taps, or that has matched, costs one look into a frozenset per
batch.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Container

from launcher.orchestrator.orders import Run

#: The most that is held for a tap yet to come; the oldest goes first.
MOST_HELD = 256 * 1024


class _View:
    """What is known of one run: the lines held for its tap, then the tap, then that it has matched."""

    __slots__ = ("held", "matched", "pattern", "run")

    def __init__(self, run: Run) -> None:
        self.run = run
        self.held = b""
        self.pattern: re.Pattern[str] | None = None
        self.matched: Callable[[str], None] | None = None


class Tapping:
    """The taps of all runs; of an instance only its latest run counts."""

    def __init__(self, awaited: Container[str] = ()) -> None:
        self._awaited = awaited
        self._views: dict[str, _View] = {}
        self._lock = threading.Lock()
        #: The instances whose lines somebody wants to see now, or soon.
        self.live: frozenset[str] = frozenset()

    def begin(self, run: Run) -> None:
        """Hear that a run prints for the first time."""
        with self._lock:
            view = self._views.get(run.instance)
            if run.instance in self._awaited and (view is None or view.run.generation < run.generation):
                self._views[run.instance] = _View(run)
                self.live |= {run.instance}

    def see(self, run: Run, lines: bytes) -> None:
        """Show whole lines to the run's tap, or hold them for it."""
        with self._lock:
            view = self._views.get(run.instance)
            if view is None or view.run != run:
                return
            if view.pattern is None:
                view.held = (view.held + lines)[-MOST_HELD:]
                return
        self._look(view, lines)

    def tap(self, run: Run, pattern: str, matched: Callable[[str], None]) -> None:
        """Call `matched(line)` once, at the first line, of those already printed too, in which the pattern is found."""
        expression = re.compile(pattern)
        with self._lock:
            view = self._views.get(run.instance)
            if view is None or view.run.generation < run.generation:
                view = self._views[run.instance] = _View(run)
            elif view.run != run:
                return
            view.pattern = expression
            view.matched = matched
            held, view.held = view.held, b""
            self.live |= {run.instance}
        self._look(view, held)

    def untap(self, run: Run) -> None:
        """Look at this run's lines no more."""
        with self._lock:
            view = self._views.get(run.instance)
            if view is not None and view.run == run:
                self._done(view)

    def _look(self, view: _View, lines: bytes) -> None:
        pattern = view.pattern
        if pattern is None:
            return
        for raw in lines.split(b"\n")[:-1]:
            line = raw.decode("utf-8", "replace")
            if pattern.search(line):
                # The held lines are searched in the tapping thread, new ones in the reader's: one of them is first.
                with self._lock:
                    matched = view.matched
                    self._done(view)
                if matched is not None:
                    matched(line)
                return

    def _done(self, view: _View) -> None:
        view.matched = None
        view.held = b""
        if self._views.get(view.run.instance) is view:
            self.live -= {view.run.instance}
