"""The two ways to print: text as honcho prints it, or one JSON object a line.

    04:05:06 web.1  | GET / 200
    04:05:06 system | web.1 stopped (rc=0)

The time in text is that of the batch's arrival, in local time. Knows no descriptor, and decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from msgspec import Struct

from launcher.errors import LauncherError
from launcher.observe import entries
from launcher.observe.console import Style
from launcher.observe.hub import Batch
from launcher.observe.lines import prefixed, valid_utf8
from launcher.observe.wording import started, wording
from launcher.orchestrator.snapshot import Changed, Noted, State
from launcher.plan.model import Plan
from launcher.profile.model import Log, LogFormat

#: The name of the launcher's own lines.
SYSTEM = "system"


class Show(Struct, frozen=True, kw_only=True):
    """What appears on the terminal."""

    colour: bool = False
    prefix: bool = True
    #: Services whose lines are not shown.
    quiet: frozenset[str] = frozenset()
    descriptor: int = 1
    #: Who sets the width and the colours; empty: all instances.
    labels: tuple[str, ...] = ()
    format: LogFormat = LogFormat.TEXT


class Text:
    """For people.

    `labels` are all instances in order of definition: they set the width and the colours. `signals` says with what a
    service is stopped, where it isn't TERM; "": with its own command.
    """

    def __init__(
        self,
        labels: Iterable[str],
        *,
        colour: bool = False,
        prefix: bool = True,
        procfile: bool = False,
        signals: Mapping[str, str] | None = None,
    ) -> None:
        self._margin = _Margin(tuple(labels), colour=colour) if prefix else None
        self._procfile = procfile
        self._signals = signals or {}
        #: When each instance began to start.
        self._since: dict[str, float] = {}

    def output(self, batch: Batch) -> bytes:
        return self._with_margin(batch.label, valid_utf8(batch.lines), batch.at)

    def system(self, text: str, at: float) -> bytes:
        return self._with_margin(SYSTEM, text.encode("utf-8", "replace").rstrip(b"\n") + b"\n", at)

    def started(self, news: Changed, at: float) -> bytes:
        return self.system(started(news), at)

    def told(self, news: Changed | Noted, at: float) -> bytes:
        if isinstance(news, Noted):
            signal, since = "", None
        else:
            if news.state is State.STARTING and news.before is not State.STARTING:
                self._since[news.instance] = news.at
            signal, since = self._signals.get(news.service, "TERM"), self._since.get(news.instance)
        lines = wording(news, since=since, signal=signal, procfile=self._procfile)
        return b"".join(self.system(line, at) for line in lines)

    def failed(self, error: LauncherError, at: float) -> bytes:  # noqa: ARG002  (the command closes its output with it)
        return b""

    def _with_margin(self, label: str, lines: bytes, at: float) -> bytes:
        return lines if self._margin is None else prefixed(lines, self._margin.at(label, int(at)))


class Json:
    """For programs: `entries`, of those that the levels in `settings` let pass."""

    def __init__(self, settings: Log) -> None:
        self._settings = settings

    def output(self, batch: Batch) -> bytes:
        return entries.of_output(batch)

    def system(self, text: str, at: float) -> bytes:
        return self.told(Noted(text=text), at)

    def started(self, news: Changed, at: float) -> bytes:  # noqa: ARG002  (the news has its own)
        return self._line(entries.of_start(news))

    def told(self, news: Changed | Noted, at: float) -> bytes:
        if isinstance(news, Noted):
            return self._line(entries.of_note(news, at))
        return b"" if entries.is_start(news) else self._line(entries.of_change(news))

    def failed(self, error: LauncherError, at: float) -> bytes:
        return b"".join(map(entries.encode, entries.of_error(error, at)))

    def _line(self, entry: entries.Entry) -> bytes:
        return entries.encode(entry) if entries.matters(entry, self._settings) else b""


def style_of(plan: Plan, show: Show) -> Style:
    """How what is printed will look."""
    if show.format is LogFormat.JSON:
        return Json(plan.log)
    return Text(
        show.labels or [instance.label for instance in plan.instances.values()],
        colour=show.colour,
        prefix=show.prefix,
        procfile=plan.procfile,
        signals={name: "" if service.stop.command else service.stop.signal for name, service in plan.services.items()},
    )


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
