"""Records the last start-up: when each instance was asked for, what it waited for, when it was up.

`Recorder` is an observer: it notes, in the loop's thread, a handful of times for each instance, and forgets them when
the next start-up begins. `timeline` makes a frozen `Timeline` of them in any thread. Knows the plan's edges; decides
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from msgspec.structs import replace

from launcher.observe.timeline import UP, Gate, Row, Timeline
from launcher.orchestrator.restart import TRIAL
from launcher.orchestrator.snapshot import Changed, Noted, State
from launcher.plan.model import Edge, Plan
from launcher.profile.model import Condition

#: Entering `waiting` from one of these is a start that somebody asked for (or a trial, which is none).
RESTING = frozenset({State.PENDING, State.STOPPED, State.COMPLETED, State.FAILED, State.SKIPPED})
#: A start has ended when the instance is in one of these.
ENDED = frozenset({State.READY, State.COMPLETED, State.STOPPED, State.FAILED, State.SKIPPED})


class Recorder:
    """Notes the times of the last start-up: at most one row for each instance of the plan, whatever goes on."""

    def __init__(self, plan: Plan, *, now: Callable[[], float]) -> None:
        self._plan = plan
        self._now = now
        self._began = 0.0
        self._began_wall = 0.0
        # Rows are replaced, never changed, so that another thread may read them while the loop goes on.
        self._rows: dict[str, Row] = {}
        self._open: set[str] = set()

    def __call__(self, news: Changed | Noted) -> None:
        """Note what belongs to a start; in the loop's thread."""
        if isinstance(news, Noted):
            return
        if news.state is State.WAITING and news.before is not State.WAITING:
            self._asked(news)
        elif news.instance in self._open:
            self._moved(news)

    def timeline(self) -> Timeline:
        """What is known up to now; callable from any thread."""
        from launcher.observe.critical import explain  # noqa: PLC0415  (for those who ask)

        rows = dict(self._rows)
        edges: dict[str, list[Edge]] = {}
        for edge in self._plan.edges:
            edges.setdefault(edge.dependent, []).append(edge)
        labels: dict[str, dict[str, str]] = {}
        for instance in self._plan.instances.values():
            labels.setdefault(instance.service, {})[instance.name] = instance.label
        layer_of = {service: layer for layer, services in enumerate(self._plan.layers) for service in services}
        finished = [_with_gates(row, edges.get(row.service, []), labels, rows) for row in rows.values()]
        # Whoever is launched in the same instant comes after what it depends on.
        finished.sort(key=lambda row: (inf if row.launched is None else row.launched, layer_of[row.service]))
        ends = [row.ended for row in finished if row.ended is not None]
        over = len(ends) == len(finished)
        took = max(ends, default=0.0) if over else self._since_beginning(self._now())
        made = Timeline(profile=self._plan.profile, began=self._began_wall, took=took, over=over, rows=tuple(finished))
        return explain(made)

    def _since_beginning(self, at: float) -> float:
        return round(at - self._began, 6)

    def _asked(self, news: Changed) -> None:
        is_start = news.before in RESTING and news.reason.text != TRIAL
        if not self._open:
            if not is_start:
                return
            self._began, self._began_wall = news.at_monotonic, news.at
            self._rows = {}
        elif news.instance in self._rows and not is_start:
            return
        self._open.add(news.instance)
        self._rows[news.instance] = Row(
            instance=news.instance,
            service=news.service,
            label=news.label,
            state=news.state,
            asked=self._since_beginning(news.at_monotonic),
        )

    def _moved(self, news: Changed) -> None:
        at = self._since_beginning(news.at_monotonic)
        row = replace(self._rows[news.instance], state=news.state, imported=news.imported)
        if news.state is State.STARTING and news.before is not State.STARTING:
            launched = at if row.launched is None else row.launched
            row = replace(row, launched=launched, attempts=row.attempts + 1)
        if news.pid is not None and row.spawned is None:
            row = replace(row, spawned=at)
        if news.state in ENDED:
            row = replace(row, ended=at)
            self._open.discard(news.instance)
        self._rows[news.instance] = row


def _with_gates(row: Row, edges: list[Edge], labels: dict[str, dict[str, str]], rows: dict[str, Row]) -> Row:
    """A row with the gates it stood before, and the one that it waited for last."""
    gates = tuple(
        Gate(dependency=label, condition=edge.condition, opened=opened(edge, rows.get(name), row))
        for edge in edges
        for name, label in labels[edge.dependency].items()
    )
    known = [(gate.opened, gate.dependency) for gate in gates if gate.opened is not None]
    last = max(known, default=(row.asked, ""), key=lambda gate: gate[0])
    waited_for = last[1] if last[0] > row.asked and row.launched is not None else ""
    return replace(row, gates=gates, waited_for=waited_for)


def opened(edge: Edge, dependency: Row | None, row: Row) -> float | None:
    """When the condition of an edge was met, or given up where it is not required; None: it was not.

    What is not part of the start-up stood as it should before: such a gate was open when the instance was asked for.
    """
    if dependency is None:
        return row.asked
    end = dependency.ended
    match edge.condition:
        case Condition.STARTED if dependency.spawned is not None:
            return max(row.asked, dependency.spawned)
        case Condition.EXITED if dependency.state in {State.COMPLETED, State.FAILED}:
            is_met = True
        case Condition.COMPLETED:
            is_met = dependency.state is State.COMPLETED
        case _:
            is_met = dependency.state is State.READY
    if end is None or not (is_met or (not edge.required and dependency.state not in UP)):
        return None
    return max(row.asked, end)
