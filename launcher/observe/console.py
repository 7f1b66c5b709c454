"""The console: what services print and what the launcher has to say, on its standard output.

A consumer of the hub and an observer of the loop; a `Style` says how it looks. Knows nothing of log files, and decides
nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Protocol

from launcher.errors import LauncherError
from launcher.observe.announced import Announced
from launcher.observe.hub import Batch
from launcher.observe.outlet import Outlet
from launcher.observe.writer import Writer
from launcher.orchestrator.snapshot import Changed, Noted
from launcher.plan.names import service_of

#: How long the terminal is given at the end, in seconds, and how long for the line that says what it didn't take.
PATIENCE = 2.0
LAST_WORDS = 0.2


def wants_colour(descriptor: int, environ: Mapping[str, str], *, refused: bool = False) -> bool:
    """Whether to print colours: on a terminal, unless `--no-colour` (`refused`) or NO_COLOR says no."""
    return not refused and not environ.get("NO_COLOR") and os.isatty(descriptor)


class Style(Protocol):
    """How what is printed is written; each method gives whole lines, or nothing."""

    def output(self, batch: Batch) -> bytes:
        """What a service printed."""
        ...

    def system(self, text: str, at: float) -> bytes:
        """Words of the launcher's own."""
        ...

    def started(self, news: Changed, at: float) -> bytes:
        """That the process of an instance exists now."""
        ...

    def told(self, news: Changed | Noted, at: float) -> bytes:
        """A transition or a note; not that a process was started."""
        ...

    def failed(self, error: LauncherError, at: float) -> bytes:
        """The error that a start-up ended with."""
        ...


class Console:
    """Prints the lines of services and of the launcher itself.

    `quiet` holds the services, or labels, whose lines are not printed. `failed` hears once when standard output can't
    be written any more.
    """

    def __init__(
        self,
        writer: Writer,
        style: Style,
        *,
        descriptor: int = 1,
        quiet: Container[str] = (),
        failed: Callable[[OSError], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._writer = writer
        self._style = style
        self._descriptor = descriptor
        self._outlet = Outlet(descriptor, failed=failed)
        self._quiet = quiet
        self._wall = wall
        self._announced = Announced(self._show)

    def print(self, batch: Batch) -> None:
        """Print a batch of lines (a consumer of the hub)."""
        if batch.label not in self._quiet and service_of(batch.run.instance) not in self._quiet:
            self._announced(batch)

    def system(self, text: str) -> None:
        """Print the launcher's own words; from any thread."""
        self._put(self._style.system(text, self._wall()))

    def last_lines(self, label: str, lines: Sequence[str]) -> None:
        """Print the last things a service said, which stand before the error that names it."""
        for line in (f"the last lines of {label}:", *(f"    {line}" for line in lines)) if lines else ():
            self.system(line)

    def fail(self, error: LauncherError) -> bool:
        """Print an error, where the style has a way to; else False."""
        lines = self._style.failed(error, self._wall())
        self._put(lines)
        return bool(lines)

    def __call__(self, news: Changed | Noted) -> None:
        """Tell of a transition or a note (an observer of the loop)."""
        if isinstance(news, Changed) and news.pid is not None:
            self._announced.announce(
                news.instance, news.generation, lambda: self._put(self._style.started(news, self._wall()))
            )
        self._put(self._style.told(news, self._wall()))

    def hurry(self) -> None:
        """Everything is being stopped: what the terminal can't take in 2 s now stands in the log files only."""
        self._writer.hurry(self._outlet, PATIENCE)

    def close(self) -> int:
        """Let the terminal take what waits, 2 s at most, and say how many lines it wasn't shown; give that number."""
        self._announced.finish()
        given_up = self._writer.dropped(self._outlet) > 0
        settled = self._writer.flush(LAST_WORDS if given_up else PATIENCE, self._outlet)
        if not settled:
            self._writer.hurry(self._outlet, 0)
            settled = self._writer.flush(LAST_WORDS, self._outlet)
        dropped = self._writer.dropped(self._outlet)
        if dropped and settled and not self._outlet.broken:
            # Through an outlet of its own, since the first one takes nothing any more.
            self._outlet = Outlet(self._descriptor, failed=lambda _: None)
            self.system(f"{dropped} lines not shown, since the terminal did not take them: see the log files")
            self._writer.flush(LAST_WORDS, self._outlet)
        return dropped

    def _show(self, batch: Batch) -> None:
        self._put(self._style.output(batch))

    def _put(self, lines: bytes) -> None:
        if lines:
            self._writer.put(self._outlet, lines)
