"""What a process has once and every library may change: noted before a component's code runs, put back after it.

A table of what there is (`ITEMS`), each with how it is looked at and how it is put back. It is always the process's own
that is looked at, never a component's view of it. Signal handlers and the like can be put back on the main thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .current import entered
from .process_items import ITEMS, SIGNALS, Item, NotRestorable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    #: By the name of the item, what it was.
    State = Mapping[str, Any]


__all__ = ["SIGNALS", "Difference", "compare", "restore", "settled", "snapshot"]


class Difference(NamedTuple):
    """One thing that is no longer as it was."""

    item: Item
    before: Any
    after: Any
    #: What was done, to be read after the name of who did it: "changed the working directory from /a to /b".
    sentence: str
    is_restorable: bool


def snapshot() -> State:
    """Note how everything is now."""
    with entered(None):
        return {item.name: item.look() for item in ITEMS}


def compare(before: State, after: State) -> list[Difference]:
    """Tell what is different, in the order of the table."""
    found = []
    for item in ITEMS:
        was, is_now = before[item.name], after[item.name]
        if item.is_same(was, is_now):
            continue
        found.append(Difference(item, was, is_now, item.tell(was, is_now), item.can_restore(was)))
    return found


def restore(before: State, after: State | None = None) -> list[Difference]:
    """Put back what differs from `before`, and return what could not be put back.

    With `after`, a snapshot taken meanwhile, only what had changed by then is put back.
    """
    left = []
    with entered(None):
        for difference in compare(before, snapshot() if after is None else after):
            try:
                difference.item.put_back(difference.before)
            except NotRestorable as reason:
                left.append(
                    difference._replace(sentence=f"{difference.sentence} ({reason})", is_restorable=False),
                )
    return left


def settled(before: State, now: State, left: Collection[str]) -> State:
    """Take over from `now` what is the same as before in another form (more loggers), and the items that are `left`."""
    return {
        name: now[name] if name in left or item.is_same(before[name], now[name]) else before[name]
        for name, item in ((item.name, item) for item in ITEMS)
    }
