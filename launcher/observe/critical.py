"""What decided how long a start-up took: its critical path, and what would have made it shorter.

Pure. The path goes back from the instance that was up last, over the gate that each waited for last. What a quicker
start would gain is told by playing the start-up again with that one start taking no time: somebody else may be next.
"""

from __future__ import annotations

from itertools import pairwise

from msgspec.structs import replace

from launcher.observe.timeline import UP, Row, Timeline
from launcher.orchestrator.snapshot import State

#: The condition that a process meets by being there.
STARTED = "started"
#: A gain below this share of the whole, or this many seconds, is not worth a sentence.
SHARE, LEAST = 0.03, 0.02
#: How many instances are spoken of.
MOST = 5


def explain(timeline: Timeline) -> Timeline:
    """The timeline with its critical path and the sentences about it."""
    path = critical_path(timeline)
    return replace(timeline, critical=tuple(row.label for row in path), advice=tuple(advice(timeline, path)))


def critical_path(timeline: Timeline) -> list[Row]:
    """The instances that had to wait for each other, first to last, ending with the one that was up last.

    Where a start failed, with that: nothing after it is part of the start-up.
    """
    by_label = {row.label: row for row in timeline.rows}
    ended = [row for row in timeline.rows if row.launched is not None and row.ended is not None]
    failed = [row for row in ended if row.state is State.FAILED]
    candidates = failed or [row for row in ended if row.state in UP]
    if not candidates:
        return []
    # Of those that were up in the same instant the last one: it may have waited for the others.
    candidates.sort(key=lambda one: one.ended or 0.0)
    row: Row | None = candidates[0 if failed else -1]
    path: list[Row] = []
    while row is not None:
        path.append(row)
        row = by_label.get(row.waited_for)
    path.reverse()
    return path


def advice(timeline: Timeline, path: list[Row]) -> list[str]:
    """What those on the path cost, the greatest possible gain first."""
    if path and path[-1].state is State.FAILED:
        last = path[-1]
        costs = [_cost(row, follower) for row, follower in pairwise(path)]
        return [_failure(last), *costs[-MOST:]]
    whole = replayed(timeline)
    least = max(LEAST, SHARE * whole)
    followers = dict(pairwise(path))
    found: list[tuple[float, str]] = []
    # None can gain more than its own start took: the longest come first, and most need not be played.
    for row in sorted(path, key=_length, reverse=True):
        gains = sorted((gain for gain, _ in found), reverse=True)
        if _length(row) < least or (len(gains) >= MOST and _length(row) <= gains[MOST - 1]):
            break
        shorter = replayed(timeline, without=row.label)
        gain = whole - shorter
        if gain >= least:
            found.append((gain, f"{_cost(row, followers.get(row))}; {_gain(row, shorter, whole)}"))
    found.sort(key=lambda each: -each[0])
    return [sentence for _, sentence in found[:MOST]]


def _length(row: Row) -> float:
    return (row.ended or 0.0) - (row.launched or 0.0)


def replayed(timeline: Timeline, *, without: str = "") -> float:
    """How long the start-up would take if the instance `without` were up as soon as it was launched."""
    #: When each has a process, and when it is up. Rows come after those that they waited for.
    known: dict[str, tuple[float, float]] = {}
    for row in timeline.rows:
        if row.launched is None:
            continue
        opened = gate = row.asked
        for one in row.gates:
            if one.opened is not None:
                process, up = known.get(one.dependency, (one.opened, one.opened))
                gate = max(gate, process if one.condition == STARTED else up)
                opened = max(opened, one.opened)
        begun = gate + max(0.0, row.launched - opened)
        times = (row.spawned, row.ended)
        process, up = (begun + (0.0 if at is None else max(0.0, at - row.launched)) for at in times)
        known[row.label] = (begun, begun) if row.label == without else (process, up)
    return max((up for _, up in known.values()), default=0.0)


def _cost(row: Row, follower: Row | None) -> str:
    """Tell whom the start of `row` held up, for how long, and what took the time."""
    launched, ended = row.launched or 0.0, row.ended or 0.0
    imported = row.imported or 0.0
    if follower is None:
        own = f"{row.label} took {ended - launched:.2f} s to be {_up(row)}"
        return f"{own}, of which {imported:.2f} s was its import" if imported >= LEAST else own
    gate = next((gate.opened for gate in follower.gates if gate.dependency == row.label), None)
    waited = max(0.0, (follower.launched or 0.0) - follower.asked)
    share, what = max(0.0, (ended if gate is None else gate) - launched), "its start"
    if row.state is State.COMPLETED:
        what = "its run"
    if imported >= share / 2:
        share, what = min(share, imported), "its import"
    return f"{follower.label} waited {waited:.2f} s for {row.label}, of which {share:.2f} s was {what}"


def _failure(row: Row) -> str:
    tries = f", after {row.attempts} attempts" if row.attempts > 1 else ""
    return f"{row.label} failed {_length(row):.2f} s after it was launched{tries}"


def _gain(row: Row, shorter: float, whole: float) -> str:
    tries = f" (it took {row.attempts} attempts)" if row.attempts > 1 else ""
    return f"were {row.label} {_up(row)} at once{tries}, all would take {shorter:.2f} s instead of {whole:.2f} s"


def _up(row: Row) -> str:
    return "completed" if row.state is State.COMPLETED else "ready"
