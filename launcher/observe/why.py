"""Why a service is in its state: the chain of causes in a snapshot, down to what is not waiting for anything else."""

from __future__ import annotations

from launcher.orchestrator.snapshot import InstanceView, Snapshot, State

INDENT = "  "


def chain(snapshot: Snapshot, service: str) -> list[str]:
    """Lines about a service's instances, and below each, indented, about the instances that caused its state."""
    lines: list[str] = []
    for view in snapshot.of(service):
        _walk(snapshot, view, 0, lines, set())
    return lines


def _walk(snapshot: Snapshot, view: InstanceView, depth: int, lines: list[str], seen: set[str]) -> None:
    lines.append(f"{INDENT * depth}{view.label} is {view.state}: {view.reason.text}")
    if view.name in seen:
        return
    seen.add(view.name)
    lines += [f"{INDENT * (depth + 1)}{fact}" for fact in _facts(snapshot, view)]
    for cause in view.reason.causes:
        for one in snapshot.of(cause):
            _walk(snapshot, one, depth + 1, lines, seen)


def _facts(snapshot: Snapshot, view: InstanceView) -> list[str]:
    facts = []
    if view.state is State.STARTING and view.started is not None:
        facts.append(f"started {snapshot.at - view.started:.1f} s ago (pid {view.pid})")
    if view.health is not None:
        ago = max(0.0, snapshot.at - view.health.at)
        verdict = "passed" if view.health.ok else "failed"
        facts.append(f"last check {verdict} {ago:.1f} s ago: {view.health.answer}")
    elif view.state is State.STARTING:
        facts.append("no check has answered yet")
    if view.restarts:
        facts.append(f"restarted {view.restarts} times")
    return facts
