"""What is kept: one record for each change of state, and the session of the launcher that saw it.

Frozen values that every store writes and reads as they are; they know no store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from launcher.observe.journal import Entry
from launcher.orchestrator.snapshot import Changed, State

#: A reason may quote a service's answer; no record is longer than this, in characters.
LONGEST = 1000


class Session(Struct, frozen=True, kw_only=True):
    """One launcher, from its start to its end. `…_now` is the machine's monotonic clock, of the boot named."""

    id: str
    began: float
    began_now: float
    boot: str
    pid: int
    #: When it was last known to be there; renewed every minute, so that a launcher killed with -9 has an end too.
    seen: float
    seen_now: float
    ended: bool = False


class Record(Struct, frozen=True, kw_only=True):
    """One change of state. `number` is the journal's, unique within the session; a gap in it is no loss."""

    session: str
    number: int
    at: float
    now: float
    instance: str
    service: str
    label: str
    generation: int
    before: State
    state: State
    reason: str
    exit_code: int | None = None
    pid: int | None = None


class StoreTrouble(Exception):
    """A store that cannot be used now, in words; `lasting`: and trying again is of no use."""

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting


class Store(Protocol):
    """Where records are kept, within the bounds it was made with. Every method may raise StoreTrouble."""

    def write(self, session: Session, records: Sequence[Record]) -> None:
        """Keep these, and what is known of the session, all or nothing."""
        ...

    def sessions(self) -> list[Session]:
        """Every launcher of which something is kept, oldest first."""
        ...

    def records(self, services: Sequence[str]) -> Iterator[Record]:
        """What is kept of these services or instances (none: of all), in the order in which it happened."""
        ...

    def close(self) -> None:
        """Let go; what was written stays."""
        ...


class Mode(StrEnum):
    """What a state means for whoever relies on the service: it is up, it is down, or nobody wants it up."""

    UP = "up"
    DOWN = "down"
    AWAY = "away"


_MODES = {
    State.READY: Mode.UP,
    State.UNHEALTHY: Mode.DOWN,
    State.BACKOFF: Mode.DOWN,
    State.FAILED: Mode.DOWN,
    State.STOPPED: Mode.AWAY,
    State.COMPLETED: Mode.AWAY,
    State.SKIPPED: Mode.AWAY,
    State.PENDING: Mode.AWAY,
}


def mode_after(mode: Mode, state: State) -> Mode:
    """What follows a change. On the way from down to up it stays down; a start or stop asked for is no outage."""
    return _MODES.get(state, Mode.DOWN if mode is Mode.DOWN else Mode.AWAY)


def record_of(entry: Entry, session: str, redact: Callable[[str], str]) -> Record | None:
    """An entry of the journal as it is kept; None: it is no change of state."""
    news = entry.news
    if not (isinstance(news, Changed) and news.is_move):
        return None
    return Record(
        session=session,
        number=entry.number,
        at=news.at,
        now=news.at_monotonic,
        instance=news.instance,
        service=news.service,
        label=news.label,
        generation=news.generation,
        before=news.before,
        state=news.state,
        reason=redact(news.reason.text)[:LONGEST],
        exit_code=news.exit_code,
        pid=news.pid,
    )
