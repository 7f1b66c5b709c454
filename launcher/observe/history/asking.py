"""A store asked now: what `launcher history` and the API answer. The rim of `read`: it knows the time."""

from __future__ import annotations

import time
from collections.abc import Sequence

from launcher.observe.history.keeper import this_boot
from launcher.observe.history.read import Moment, Report, report
from launcher.observe.history.record import Store


def ask(store: Store, services: Sequence[str], *, since: float | None, lines: int | None, pid: int | None) -> Report:
    """The changes, spells and courses in a store; `pid` is the launcher that runs, whose session goes on."""
    sessions = store.sessions()
    runs = pid is not None and sessions and sessions[-1].pid == pid and not sessions[-1].ended
    moment = Moment(at=time.time(), now=time.monotonic(), boot=this_boot(), live=sessions[-1].id if runs else "")
    return report(store.records(services), sessions, moment, since=since, lines=lines)
