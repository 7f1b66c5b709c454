"""`status` as a table: fitted to the terminal, coloured by state. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from launcher.control.wire import Component, Use
from launcher.orchestrator.snapshot import InstanceView, Snapshot, State

HEADINGS = (
    *("name", "state", "why", "pid", "address", "health", "restarts", "up", "cpu", "memory"),
    *("requests", "errors", "latency", "lag"),  # of components of a shared process
)
_WHY = HEADINGS.index("why")
_ADDRESS = HEADINGS.index("address")
#: The column of reasons is never made narrower than this.
NARROWEST = 12
COLOURS = {
    State.READY: "\033[32m",
    State.COMPLETED: "\033[32m",
    State.STARTING: "\033[36m",
    State.WAITING: "\033[36m",
    State.UNHEALTHY: "\033[33m",
    State.BACKOFF: "\033[33m",
    State.STOPPING: "\033[33m",
    State.FAILED: "\033[31m",
    State.SKIPPED: "\033[31m",
}


def table(snapshot: Snapshot, usage: Mapping[str, Use], *, width: int, colour: bool = False) -> str:
    """The table, no wider than `width` where addresses and reasons can be shortened so far."""
    views = [view for view in snapshot.instances if view.state is not State.PENDING]
    rows = [_row(view, snapshot.at, usage) for view in views]
    shown = [column for column in range(len(HEADINGS)) if column <= _WHY or any(row[column] for row in rows)]
    headings = [HEADINGS[column] for column in shown]

    def draw() -> str:
        return plain([[row[i] for i in shown] for row in rows], headings)

    if _width(draw()) > width:
        for row in rows:
            row[_ADDRESS] = row[_ADDRESS].removeprefix("http://127.0.0.1")
    excess = _width(draw()) - width
    if excess > 0:
        room = max(NARROWEST, max((len(row[_WHY]) for row in rows), default=0) - excess)
        for row in rows:
            row[_WHY] = row[_WHY] if len(row[_WHY]) <= room else row[_WHY][: room - 1] + "…"
    lines = draw().splitlines()
    if not colour:
        return "\n".join(line.rstrip() for line in lines)
    painted = [f"{COLOURS.get(view.state, '')}{line}\033[0m" for view, line in zip(views, lines[1:], strict=True)]
    return "\n".join([lines[0], *painted])


def _row(view: InstanceView, now: float, usage: Mapping[str, Use]) -> list[str]:
    used = usage.get(view.name)
    age = max(0.1, now - view.started) if view.started is not None else 0.0
    health = (
        ""
        if view.health is None
        else "ok"
        if view.health.ok
        else f"fails ({view.health.failures})"
        if view.health.failures
        else "fails"
    )
    address = view.url or (f":{view.port}" if view.port else "")
    up = duration(now - view.started) if view.pid is not None and view.started is not None else ""
    return [
        view.label,
        view.state.value,
        view.reason.text.replace("\n", " "),
        str(view.pid or ""),
        address,
        health,
        str(view.restarts or ""),
        up,
        f"{100 * used.cpu / age:.0f}%" if used and age else "",
        f"{used.memory / 1e6:.0f} MB" if used and used.memory is not None else "",
        *_done(used.component if used else None),
    ]


def _done(component: Component | None) -> tuple[str, str, str, str]:
    """What a component has done."""
    if component is None:
        return ("", "", "", "")
    latency = "" if component.latency is None else f"{component.latency * 1000:.1f} ms"
    return (str(component.requests), str(component.errors or ""), latency, f"{component.lag * 1000:.0f} ms")


def duration(seconds: float) -> str:
    """A length of time for people, in its two largest units."""
    whole = int(max(0.0, seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {whole % 60}s" if minutes else f"{whole}s"


def plain(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> str:
    """What `tabulate` makes of texts with tablefmt="plain", without the 30 ms of a processor that its import takes."""
    widths = [len(heading) + 2 for heading in headings]
    for row in rows:
        widths = [max(width, len(cell)) for width, cell in zip(widths, row, strict=True)]
    lines = [headings, *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _width(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)
