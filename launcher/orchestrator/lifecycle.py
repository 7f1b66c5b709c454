"""The life of an instance as a pure table: (phase, trigger) → phase and effects. Nowhere else does a phase change.

A phase is a `State` as people see it, or a finer kind of one: of `ready`, `renewing` (its next generation begins beside
it); of `stopping`, `replacing` (stopping, to start again) and `aborting` (stopping, because its start failed); so no
flag beside the phase says what follows. A pair that
is not in the table changes nothing: a late timer, a verdict about a process that is being stopped. The three commands
stand in every row, with the answer they give.

The module knows no time, process, service or dependency: the loop classifies what happened into a trigger (an exit
becomes DONE, RETRY, BREAK or GIVE_UP by `orchestrator/restart`) and performs the effects. `docs/lifecycle.md` is
generated from the table, and a test holds it against the same machine in python-statemachine.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from launcher.orchestrator.effects import Arm, Do, Effect
from launcher.orchestrator.events import TimerKind
from launcher.orchestrator.snapshot import State


class Phase(StrEnum):
    """The state variable of an instance."""

    PENDING = "pending"
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RENEWING = "renewing"
    UNHEALTHY = "unhealthy"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    REPLACING = "replacing"
    ABORTING = "aborting"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def state(self) -> State:
        """The phase as people see it."""
        return _STATES[self]


class Trigger(StrEnum):
    """What can move an instance: three commands, and what happened, classified."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"

    #: Every gate is open.
    GATES_OPEN = "gates open"
    #: A gate can never open, before the first start of this wish.
    GATE_SHUT = "gate shut"
    #: A gate can no longer open, before a restart.
    GATE_LOST = "gate lost"
    #: A process runs that this launcher did not start: an earlier one did, or an operator.
    ADOPTED = "adopted"
    #: The check succeeded; without one: the process exists.
    PASSED = "passed"
    #: The next generation shall begin beside the one that runs.
    RENEW = "renew"
    #: It has come in its place.
    RENEWED = "renewed"
    #: It has not; what ran goes on.
    KEPT = "kept"
    #: As many failures as `retries`, one after the other.
    FELL = "fell"
    #: It ended with a success code and its policy has it stay so.
    DONE = "done"
    #: It failed (or could not be started) and will be started again.
    RETRY = "retry"
    #: It cannot be where it was started, and has been placed elsewhere.
    MOVED = "moved"
    #: It failed too often: the circuit opens.
    BREAK = "break"
    #: It failed, and nothing is left to try.
    GIVE_UP = "give up"
    #: It has ended, as was asked for.
    GONE = "gone"
    #: Not ready within `ready_timeout`.
    DEADLINE = "deadline"
    #: It did not end within `grace`.
    GRACE_OVER = "grace over"
    BACKOFF_OVER = "backoff over"
    COOLDOWN_OVER = "cooldown over"


#: A process exists, or is on its way out.
ALIVE = frozenset(
    {
        Phase.STARTING,
        Phase.READY,
        Phase.RENEWING,
        Phase.UNHEALTHY,
        Phase.STOPPING,
        Phase.REPLACING,
        Phase.ABORTING,
    },
)
#: A process exists and nobody has asked it to end.
RUNS = frozenset({Phase.STARTING, Phase.READY, Phase.RENEWING, Phase.UNHEALTHY})
#: It does what it is there for.
SERVES = frozenset({Phase.READY, Phase.RENEWING})
#: It has been asked to end.
STOPS = frozenset({Phase.STOPPING, Phase.REPLACING, Phase.ABORTING})
#: Nothing will happen without a command (`failed` may yet have a trial to come).
RESTS = frozenset({Phase.STOPPED, Phase.COMPLETED, Phase.FAILED, Phase.SKIPPED})

_STATES = {
    phase: State.STOPPING if phase in STOPS else State.READY if phase in SERVES else State(phase.value)
    for phase in Phase
}

#: The timers that mean something in a phase; entering it disarms all others.
TIMERS: dict[Phase, frozenset[TimerKind]] = {
    Phase.WAITING: frozenset({TimerKind.READY}),
    Phase.STARTING: frozenset({TimerKind.READY}),
    Phase.READY: frozenset({TimerKind.STABLE, TimerKind.OUTLIVE}),
    Phase.RENEWING: frozenset({TimerKind.STABLE, TimerKind.OUTLIVE}),
    Phase.BACKOFF: frozenset({TimerKind.BACKOFF, TimerKind.READY}),
    Phase.STOPPING: frozenset({TimerKind.GRACE}),
    Phase.REPLACING: frozenset({TimerKind.GRACE}),
    Phase.ABORTING: frozenset({TimerKind.GRACE}),
    Phase.FAILED: frozenset({TimerKind.COOLDOWN}),
}


class Move(Struct, frozen=True, kw_only=True):
    """Where a trigger leads, what has to be done, and, for a command, the answer: `web` + answer is a sentence."""

    phase: Phase
    effects: tuple[Effect, ...] = ()
    answer: str = ""


def move(phase: Phase, trigger: Trigger) -> Move | None:
    """The move that `trigger` makes in `phase`; None: it changes nothing."""
    return TABLE.get((phase, trigger))


def moves() -> Iterator[tuple[Phase, Trigger, Move]]:
    """Every entry of the table, by phase and then trigger."""
    for phase in Phase:
        for trigger in Trigger:
            entry = TABLE.get((phase, trigger))
            if entry is not None:
                yield phase, trigger, entry


_LAUNCH = (Do.LAUNCH, Arm(TimerKind.READY))
_ASK = (Do.UNWATCH, Do.ASK, Arm(TimerKind.GRACE))
_SETTLED = (Arm(TimerKind.STABLE), Arm(TimerKind.OUTLIVE))


def _to(phase: Phase, *effects: Effect, answer: str = "") -> Move:
    return Move(phase=phase, effects=effects, answer=answer)


def _table() -> dict[tuple[Phase, Trigger], Move]:
    """Row by row: first the three commands, which every phase has, then what can happen in it."""
    p, t = Phase, Trigger
    again = _to(p.REPLACING, answer="starts again once it has stopped")
    wanted = _to(p.WAITING, answer="starts")
    adopted = _to(p.STARTING, Do.WATCH, Arm(TimerKind.READY))
    rows: dict[Phase, dict[Trigger, Move]] = {
        p.PENDING: {
            t.START: wanted,
            t.RESTART: wanted,
            # Its socket may have been held for it by an earlier launcher.
            t.STOP: _to(p.STOPPED, Do.RELEASE, answer="was not running"),
            t.ADOPTED: adopted,
        },
        p.WAITING: {
            t.START: _to(p.WAITING, answer="is waiting already"),
            t.RESTART: _to(p.WAITING, answer="is waiting already"),
            t.STOP: _to(p.STOPPED, Do.RELEASE, answer="no longer waits"),
            t.GATES_OPEN: _to(p.STARTING, *_LAUNCH),
            t.GATE_SHUT: _to(p.SKIPPED, Do.RELEASE),
            t.GATE_LOST: _to(p.FAILED, Do.RELEASE),
            t.DEADLINE: _to(p.FAILED, Do.RELEASE),
            t.ADOPTED: adopted,
        },
        p.STARTING: {
            t.START: _to(p.STARTING, answer="is starting already"),
            t.RESTART: _to(p.REPLACING, *_ASK, answer="restarts"),
            t.STOP: _to(p.STOPPING, *_ASK, answer="stops"),
            t.PASSED: _to(p.READY, *_SETTLED),
            t.DONE: _to(p.COMPLETED, Do.UNWATCH, Do.RELEASE),
            t.DEADLINE: _to(p.ABORTING, *_ASK),
            t.MOVED: _to(p.WAITING, Do.UNWATCH),
        },
        p.READY: {
            t.START: _to(p.READY, answer="is ready already"),
            t.RESTART: _to(p.REPLACING, *_ASK, answer="restarts"),
            t.STOP: _to(p.STOPPING, *_ASK, answer="stops"),
            t.FELL: _to(p.UNHEALTHY),
            t.RENEW: _to(p.RENEWING, Do.RENEW, answer="starts anew beside itself"),
            t.DONE: _to(p.COMPLETED, Do.UNWATCH, Do.RELEASE),
        },
        p.RENEWING: {
            t.START: _to(p.RENEWING, answer="is starting anew already"),
            t.RESTART: _to(p.REPLACING, *_ASK, answer="restarts"),
            t.STOP: _to(p.STOPPING, *_ASK, answer="stops"),
            t.RENEWED: _to(p.READY, *_SETTLED),
            t.KEPT: _to(p.READY),
            t.DONE: _to(p.COMPLETED, Do.UNWATCH, Do.RELEASE),
        },
        p.UNHEALTHY: {
            t.START: _to(p.UNHEALTHY, answer="runs already, but is unhealthy: a restart may help"),
            t.RESTART: _to(p.REPLACING, *_ASK, answer="restarts"),
            t.STOP: _to(p.STOPPING, *_ASK, answer="stops"),
            t.PASSED: _to(p.READY, Arm(TimerKind.STABLE)),
            t.DONE: _to(p.COMPLETED, Do.UNWATCH, Do.RELEASE),
        },
        p.BACKOFF: {
            t.START: _to(p.WAITING, answer="starts now, without the rest of its back-off"),
            t.RESTART: _to(p.WAITING, answer="starts now, without the rest of its back-off"),
            t.STOP: _to(p.STOPPED, Do.RELEASE, answer="is no longer restarted"),
            t.BACKOFF_OVER: _to(p.WAITING),
            t.DEADLINE: _to(p.FAILED, Do.RELEASE),
            t.ADOPTED: adopted,
        },
        p.STOPPING: {
            t.START: again,
            t.RESTART: again,
            t.STOP: _to(p.STOPPING, answer="is stopping already"),
            t.GRACE_OVER: _to(p.STOPPING, Do.KILL),
            t.GONE: _to(p.STOPPED, Do.RELEASE),
        },
        p.REPLACING: {
            t.START: _to(p.REPLACING, answer="is restarting already"),
            t.RESTART: _to(p.REPLACING, answer="is restarting already"),
            t.STOP: _to(p.STOPPING, answer="stops, and is not started again"),
            t.GRACE_OVER: _to(p.REPLACING, Do.KILL),
            t.GONE: _to(p.WAITING),
        },
        p.ABORTING: {
            t.START: again,
            t.RESTART: again,
            t.STOP: _to(p.STOPPING, answer="is stopping already, for its start failed"),
            t.GRACE_OVER: _to(p.ABORTING, Do.KILL),
        },
        p.STOPPED: {
            t.START: wanted,
            t.RESTART: wanted,
            t.STOP: _to(p.STOPPED, answer="is stopped already"),
            t.ADOPTED: adopted,
        },
        p.COMPLETED: {
            t.START: wanted,
            t.RESTART: wanted,
            t.STOP: _to(p.COMPLETED, answer="has completed already"),
            t.ADOPTED: adopted,
        },
        p.FAILED: {
            t.START: wanted,
            t.RESTART: wanted,
            t.STOP: _to(p.STOPPED, Do.RELEASE, answer="had failed, and is not tried again"),
            t.COOLDOWN_OVER: _to(p.WAITING),
            t.ADOPTED: adopted,
        },
        p.SKIPPED: {
            t.START: wanted,
            t.RESTART: wanted,
            t.STOP: _to(p.STOPPED, answer="was not running"),
            t.ADOPTED: adopted,
        },
    }
    failures: dict[Trigger, Move] = {
        t.RETRY: _to(p.BACKOFF, Do.UNWATCH, Arm(TimerKind.BACKOFF)),
        t.BREAK: _to(p.FAILED, Do.UNWATCH, Do.RELEASE, Arm(TimerKind.COOLDOWN)),
        t.GIVE_UP: _to(p.FAILED, Do.UNWATCH, Do.RELEASE),
    }
    for phase in (p.STARTING, p.READY, p.RENEWING, p.UNHEALTHY, p.ABORTING):
        rows[phase] |= failures
    for phase in RUNS:  # it ended while it waited for its turn to be stopped
        rows[phase][t.GONE] = _to(p.STOPPED, Do.UNWATCH, Do.RELEASE)
    return {(phase, trigger): entry for phase, row in rows.items() for trigger, entry in row.items()}


TABLE = _table()
