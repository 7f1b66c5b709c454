"""Why a service is in its state: the chain of causes in a snapshot, down to what is not waiting for anything else.

Pure. What stands at the bottom of the chain is told whole: how its process ended, the last check's answer, and, where
the caller has gathered it (`Evidence`), the last lines it printed and who holds its port.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from launcher.orchestrator.snapshot import InstanceView, Snapshot, State

INDENT = "  "

#: How much of a check's answer is shown, in characters.
MOST_ANSWER = 4096

#: States that need no evidence: nothing is wrong, or the process has not been there yet.
WELL = frozenset({State.READY, State.COMPLETED, State.PENDING, State.WAITING, State.SKIPPED})


class Evidence(Struct, frozen=True, kw_only=True):
    """What a snapshot does not have: the last lines in the logs by instance, and who listens on ports."""

    lines: Mapping[str, Iterable[str]] = {}
    holders: Mapping[int, str] = {}


NOTHING = Evidence()


def chain(snapshot: Snapshot, service: str, evidence: Evidence = NOTHING) -> list[str]:
    """Lines about a service's instances, and below each, indented, about the instances that caused its state."""
    lines: list[str] = []
    for view, depth, is_new in _walk(snapshot, snapshot.of(service)):
        lines.append(f"{INDENT * depth}{view.label} is {view.state}: {view.reason.text}")
        if is_new:
            lines += [f"{INDENT * (depth + 1)}{fact}" for fact in _facts(snapshot, view, evidence)]
    return lines


def suspects(snapshot: Snapshot, service: str) -> list[InstanceView]:
    """The instances of the chain about which there is more to find out: those that are not well."""
    found = (view for view, _, is_new in _walk(snapshot, snapshot.of(service)) if is_new)
    return [view for view in found if view.state not in WELL]


def _walk(snapshot: Snapshot, first: list[InstanceView]) -> Iterator[tuple[InstanceView, int, bool]]:
    """Every instance of the chain: its depth, causes after what they caused, and whether it is met for the first time.

    An instance that many wait for is explained once. No recursion: a chain may be as long as the plan.
    """
    seen: set[str] = set()
    ahead = [(view, 0) for view in reversed(first)]
    while ahead:
        view, depth = ahead.pop()
        is_new = view.name not in seen
        yield view, depth, is_new
        if is_new:
            seen.add(view.name)
            causes = [one for cause in view.reason.causes for one in snapshot.of(cause)]
            ahead += [(one, depth + 1) for one in reversed(causes)]


def _facts(snapshot: Snapshot, view: InstanceView, evidence: Evidence) -> Iterator[str]:
    if view.state is State.STARTING and view.started is not None:
        yield f"started {snapshot.at - view.started:.1f} s ago (pid {view.pid})"
    if view.exit_code is not None and view.state not in {State.COMPLETED, State.FAILED, State.BACKOFF}:
        yield f"its last process ended with {_code(view.exit_code)}"
    if view.health is not None:
        yield from _check(snapshot, view)
    elif view.state is State.STARTING:
        yield f"its check ({view.check}) has not answered yet" if view.check else "no check has answered yet"
    if view.restarts:
        yield f"restarted {view.restarts} {'time' if view.restarts == 1 else 'times'}"
    holder = evidence.holders.get(view.port) if view.port is not None else None
    if holder:
        yield f"port {view.port} is held by {holder}"
    lines = list(evidence.lines.get(view.name, ()))
    if lines:
        yield "its last lines:"
        yield from (f"{INDENT}{line}" for line in lines)


def _check(snapshot: Snapshot, view: InstanceView) -> Iterator[str]:
    """The last check, and every line of its answer, as far as it is shown."""
    assert view.health is not None
    ago = max(0.0, snapshot.at - view.health.at)
    verdict = "passed" if view.health.ok else "failed"
    first, *more = view.health.answer[:MOST_ANSWER].splitlines() or [""]
    if view.health.failures > 1:
        verdict = f"{verdict} (the {view.health.failures} latest have)"
    check = f" ({view.check})" if view.check else ""
    yield f"last check{check} {verdict} {ago:.1f} s ago: {first}"
    yield from (f"{INDENT}{line}" for line in more)


def _code(code: int) -> str:
    return f"code {code}" if code >= 0 else f"signal {-code}"
