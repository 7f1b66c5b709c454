"""Changes, records and sessions for the tests of the history and of notices, each told in a few words."""

from __future__ import annotations

from launcher.observe.history.record import Record, Session
from launcher.orchestrator.snapshot import Changed, Reason, State

#: When the session of a test began, on the two clocks.
WALL, NOW = 1_000_000.0, 500.0


def changed(before: str, state: str, *, at=0.0, service="api", reason="for a test", exit_code=None) -> Changed:
    """A transition, `at` seconds after the session began."""
    return Changed(
        instance=f"{service}.1",
        service=service,
        label=service,
        generation=1,
        before=State(before),
        state=State(state),
        reason=Reason(text=reason),
        at=WALL + at,
        at_monotonic=NOW + at,
        exit_code=exit_code,
    )


def session(name="one", *, seen=100.0, ended=True, boot="this", pid=1) -> Session:
    return Session(
        id=name,
        began=WALL,
        began_now=NOW,
        boot=boot,
        pid=pid,
        seen=WALL + seen,
        seen_now=NOW + seen,
        ended=ended,
    )


def records(*states: tuple[float, str], service="api", name="one", jump=0.0) -> list[Record]:
    """What is kept of an instance that came into these states, at so many seconds; the wall clock `jump`s at 10."""
    found, before = [], "pending"
    for number, (at, state) in enumerate(states, 1):
        found.append(
            Record(
                session=name,
                number=number,
                at=WALL + at + (jump if at >= 10 else 0.0),
                now=NOW + at,
                instance=f"{service}.1",
                service=service,
                label=service,
                generation=1,
                before=State(before),
                state=State(state),
                reason=f"why {state}",
                exit_code=137 if state == "backoff" else None,
            )
        )
        before = state
    return found
