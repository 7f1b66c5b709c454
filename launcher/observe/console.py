"""The console: what services print and what the launcher has to say, on its standard output, as honcho prints it.

    04:05:06 web.1  | GET / 200
    04:05:06 system | web.1 stopped (rc=0)

A consumer of the hub and an observer of the loop. The time is that of the batch's arrival, in local time. Knows nothing
of log files, and decides nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable, Mapping

from launcher.observe.announced import Announced
from launcher.observe.hub import Batch
from launcher.observe.lines import prefixed, valid_utf8
from launcher.observe.outlet import Outlet
from launcher.observe.wording import started, wording
from launcher.observe.writer import Writer
from launcher.orchestrator.snapshot import Changed, Noted, State
from launcher.plan.names import service_of

#: The name of the launcher's own lines.
SYSTEM = "system"
#: How long the terminal is given at the end, in seconds, and how long for the line that says what it didn't take.
PATIENCE = 2.0
LAST_WORDS = 0.2


def wants_colour(descriptor: int, environ: Mapping[str, str], *, refused: bool = False) -> bool:
    """Whether to print colours: on a terminal, unless `--no-colour` (`refused`) or NO_COLOR says no."""
    return not refused and not environ.get("NO_COLOR") and os.isatty(descriptor)


class Console:
    """Prints the lines of services and of the launcher itself.

    `labels` are all instances in order of definition: they set the width and the colours. `quiet` holds the services,
    or labels, whose lines are not printed. `signals` says with what a service is stopped, where it isn't TERM; "": with
    its own command. `failed` hears once when standard output can't be written any more.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        labels: Iterable[str],
        descriptor: int = 1,
        colour: bool = False,
        prefix: bool = True,
        quiet: Container[str] = (),
        procfile: bool = False,
        signals: Mapping[str, str] | None = None,
        failed: Callable[[OSError], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        names = tuple(labels)
        self._writer = writer
        self._descriptor = descriptor
        self._outlet = Outlet(descriptor, failed=failed)
        self._margin = _Margin(names, colour=colour) if prefix else None
        self._quiet = quiet
        self._procfile = procfile
        self._signals = signals or {}
        self._wall = wall
        self._announced = Announced(self._show)
        #: When each instance began to start.
        self._since: dict[str, float] = {}

    def print(self, batch: Batch) -> None:
        """Print a batch of lines (a consumer of the hub)."""
        if batch.label not in self._quiet and service_of(batch.run.instance) not in self._quiet:
            self._announced(batch)

    def system(self, text: str) -> None:
        """Print the launcher's own words; from any thread."""
        self._put(SYSTEM, text.encode("utf-8", "replace").rstrip(b"\n") + b"\n", self._wall())

    def __call__(self, news: Changed | Noted) -> None:
        """Tell of a transition or a note (an observer of the loop)."""
        if isinstance(news, Noted):
            signal, since = "", None
        else:
            name = news.instance
            if news.state is State.STARTING and news.before is not State.STARTING:
                self._since[name] = news.at
            if news.pid is not None:
                self._announced.announce(name, news.generation, lambda: self.system(started(news)))
            signal, since = self._signals.get(news.service, "TERM"), self._since.get(name)
        for line in wording(news, since=since, signal=signal, procfile=self._procfile):
            self.system(line)

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
        self._put(batch.label, valid_utf8(batch.lines), batch.at)

    def _put(self, label: str, lines: bytes, at: float) -> None:
        if self._margin is not None:
            lines = prefixed(lines, self._margin.at(label, int(at)))
        self._writer.put(self._outlet, lines)


class _Margin:
    """What stands before a line: time and name, padded to the widest, coloured as honcho colours them."""

    def __init__(self, labels: tuple[str, ...], *, colour: bool) -> None:
        self._width = max(map(len, (SYSTEM, *labels)))
        self._colours: dict[str, str] = {}
        if colour:
            from honcho.colour import get_colours  # type: ignore[import-untyped]  # noqa: PLC0415  (only for a terminal)

            self._colours = dict(zip(labels, get_colours(), strict=False))
        # Second, clock and what was made for it in one value: the reader's and the loop's thread both come here.
        self._now: tuple[int, str, dict[str, bytes]] = (-1, "", {})

    def at(self, label: str, second: int) -> bytes:
        """Give the prefix of `label` in this second; made once for it."""
        then, clock, made = self._now
        if second != then:
            clock, made = time.strftime("%H:%M:%S", time.localtime(second)), {}
            self._now = second, clock, made
        prefix = made.get(label)
        if prefix is None:
            prefix = made[label] = self._make(label, clock)
        return prefix

    def _make(self, label: str, clock: str) -> bytes:
        text = f"{clock} {label.ljust(self._width)} | "
        colour = self._colours.get(label)
        return (f"\033[0m\033[{colour}m{text}\033[0m" if colour else text).encode()
