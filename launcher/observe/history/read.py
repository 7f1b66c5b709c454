"""What a history tells: the changes, the spells in which a service was down, and how well each did.

Pure. Lengths of time come from the monotonic clock, so a wall clock that jumps shortens and lengthens nothing; the
wall's times are only shown. Records go by one after the other, and only what is asked for is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from launcher.observe.history.record import Mode, Record, Session, mode_after
from launcher.orchestrator.snapshot import State


class Spell(Struct, frozen=True, kw_only=True):
    """A time in which an instance was down: from `unhealthy`, `backoff` or `failed` until it was ready again."""

    instance: str
    service: str
    label: str
    #: How it began: the state, the reason for it and, where a process had ended, its exit code.
    state: State
    cause: str
    exit_code: int | None
    began: float
    #: None: it goes on.
    ended: float | None
    seconds: float
    #: `recovered`, `given up` (stopped or skipped), `launcher ended`, or `goes on`.
    outcome: str


class Course(Struct, frozen=True, kw_only=True):
    """How one service did. Times are seconds, of all its instances together; None: there is nothing to say."""

    service: str
    up: float
    down: float
    #: The share of the time in which it was meant to be up, from its first being ready or down.
    uptime: float | None
    restarts: int
    unhealthy: int
    spells: int
    #: The mean length of the spells that it recovered from.
    recovery: float | None


class Report(Struct, frozen=True, kw_only=True):
    """What is told. `more`: how many earlier changes were left out of `changes`."""

    since: float | None
    at: float
    changes: tuple[Record, ...]
    more: int
    spells: tuple[Spell, ...]
    services: tuple[Course, ...]


class Moment(Struct, frozen=True, kw_only=True):
    """Now, on both clocks, and of which boot; `live` is the launcher that still runs."""

    at: float
    now: float
    boot: str
    live: str = ""


def report(
    records: Iterable[Record],
    sessions: Sequence[Session],
    moment: Moment,
    *,
    since: float | None = None,
    lines: int | None = None,
) -> Report:
    """Tell what happened, in the last `since` seconds (None: ever); no more than the last `lines` changes."""
    teller = _Teller(sessions, moment, since)
    changes: deque[Record] = deque(maxlen=lines)
    count = 0
    for record in records:
        if teller.take(record):
            changes.append(record)
            count += 1
    spells, services = teller.end()
    return Report(
        since=since,
        at=moment.at,
        changes=tuple(changes),
        more=count - len(changes),
        spells=tuple(spells),
        services=tuple(services),
    )


class _Tally:
    """What has been counted for one service."""

    __slots__ = ("down", "recovered", "restarts", "spells", "unhealthy", "up")

    def __init__(self) -> None:
        self.up = self.down = 0.0
        self.restarts = self.unhealthy = self.spells = 0
        self.recovered: list[float] = []


class _Life:
    """One instance within one session: the mode it is in, since when, and what brought it down."""

    __slots__ = ("fall", "first", "last", "mode", "since")

    def __init__(self, mode: Mode, since: float, first: Record) -> None:
        self.mode = mode
        self.since = since
        #: None: it is not down, or the change that brought it down has been let go.
        self.fall: Record | None = None
        self.first = self.last = first


class _Teller:
    def __init__(self, sessions: Sequence[Session], moment: Moment, since: float | None) -> None:
        self._sessions = {session.id: session for session in sessions}
        self._moment = moment
        self._cutoff = {session.id: _cutoff(session, moment, since) for session in sessions}
        self._lives: dict[tuple[str, str], _Life] = {}
        self._tallies: dict[str, _Tally] = {}
        self._spells: list[Spell] = []

    def take(self, record: Record) -> bool:
        """Count a change; whether it lies within the time asked for."""
        cutoff = self._cutoff.get(record.session, 0.0)
        key = (record.session, record.instance)
        life = self._lives.get(key)
        if life is None:  # what came before has been let go, or there was nothing
            session = self._sessions.get(record.session)
            began = session.began_now if session is not None else record.now
            life = self._lives[key] = _Life(mode_after(Mode.AWAY, record.before), began, record)
        mode = mode_after(life.mode, record.state)
        within = record.now >= cutoff
        tally = self._tallies.setdefault(record.service, _Tally()) if within else None
        if tally is not None:
            tally.restarts += record.state is State.STARTING and life.mode is Mode.DOWN
            tally.unhealthy += record.state is State.UNHEALTHY
        if mode is not life.mode:
            recovered = record.state in {State.READY, State.COMPLETED}
            self._pass(life, record.now, cutoff, "recovered" if recovered else "given up", at=record.at)
            life.mode, life.since = mode, record.now
            life.fall = record if mode is Mode.DOWN else None
        life.last = record
        return within

    def end(self) -> tuple[list[Spell], list[Course]]:
        """Count up to now, or to where a launcher ended; what there is to tell."""
        for (name, _), life in self._lives.items():
            session = self._sessions.get(name)
            cutoff = self._cutoff.get(name, 0.0)
            if session is not None and name == self._moment.live and session.boot == self._moment.boot:
                self._pass(life, self._moment.now, cutoff, "goes on", at=None)
            elif session is not None:
                self._pass(life, max(session.seen_now, life.last.now), cutoff, "launcher ended", at=session.seen)
            else:
                self._pass(life, life.last.now, cutoff, "launcher ended", at=life.last.at)
        self._spells.sort(key=lambda spell: spell.began)
        return self._spells, [_course(name, tally) for name, tally in self._tallies.items()]

    def _pass(self, life: _Life, now: float, cutoff: float, outcome: str, *, at: float | None) -> None:
        """A mode has ended: its time counts as far as it lies within the time asked for."""
        if life.mode is Mode.AWAY or now < cutoff:
            return
        tally = self._tallies.setdefault(life.last.service, _Tally())
        seconds = max(0.0, now - max(life.since, cutoff))
        if life.mode is Mode.UP:
            tally.up += seconds
            return
        tally.down += seconds
        tally.spells += 1
        length = max(0.0, now - life.since)
        if outcome == "recovered":
            tally.recovered.append(length)
        fall, first = life.fall, life.first
        self._spells.append(
            Spell(
                instance=first.instance,
                service=first.service,
                label=first.label,
                state=fall.state if fall is not None else first.before,
                cause=fall.reason if fall is not None else "(no longer kept)",
                exit_code=fall.exit_code if fall is not None else None,
                began=fall.at if fall is not None else first.at - (first.now - life.since),
                ended=at,
                seconds=length,
                outcome=outcome,
            )
        )


def _cutoff(session: Session, moment: Moment, since: float | None) -> float:
    """Where on a session's monotonic clock the time asked for begins."""
    if since is None:
        return float("-inf")
    if session.boot and session.boot == moment.boot:
        return moment.now - since
    return session.began_now + (moment.at - since) - session.began


def _course(service: str, tally: _Tally) -> Course:
    whole = tally.up + tally.down
    return Course(
        service=service,
        up=tally.up,
        down=tally.down,
        uptime=tally.up / whole if whole else None,
        restarts=tally.restarts,
        unhealthy=tally.unhealthy,
        spells=tally.spells,
        recovery=sum(tally.recovered) / len(tally.recovered) if tally.recovered else None,
    )
