"""The longest step of the last while is told, and forgotten after it."""

from __future__ import annotations

import pytest

from launcher.orchestrator.events import StartAsked
from launcher.orchestrator.steps import SPAN, Steps
from launcher.testing import Rehearsal

HISTORIES = [
    # (what, steps as (began, took), now, the longest)
    ("none", [], 5.0, 0.0),
    ("the longest counts", [(1.0, 0.1), (2.0, 0.5), (3.0, 0.2)], 4.0, 0.5),
    ("of the span before too", [(1.0, 0.5), (SPAN + 2, 0.1)], SPAN + 3, 0.5),
    ("not of one before that", [(1.0, 0.5), (SPAN + 2, 0.1), (2 * SPAN + 3, 0.2)], 2 * SPAN + 4, 0.2),
    ("not after a long silence", [(1.0, 0.5)], 5 * SPAN, 0.0),
    ("after a short one", [(1.0, 0.5)], SPAN + 2, 0.5),
]


@pytest.mark.parametrize(("steps", "now", "longest"), [row[1:] for row in HISTORIES], ids=[row[0] for row in HISTORIES])
def test_the_longest_step(steps, now, longest):
    """Of the last 10 s at least, of the last 20 s at most."""
    noted = Steps()
    for began, took in steps:
        noted.note(began, began + took)
    assert noted.longest(now) == pytest.approx(longest)


class SlowInbox:
    """A queue in which every event is waited for."""

    def __init__(self, clock, inbox):
        self.clock = clock
        self.inbox = inbox

    def get(self, *_):
        self.clock.time += 3.0
        return self.inbox.get(block=False)


def test_a_snapshot_tells_it_and_waiting_is_no_step():
    """Time that passes in a step counts, here in an observer; that in which an event is awaited does not."""
    rehearsal = Rehearsal({"api": {}})

    def dawdle(_news):
        rehearsal.clock.time += 0.25

    rehearsal.loop.subscribe(dawdle)
    rehearsal.loop.post(StartAsked(by="asked for", reply=lambda _: None))
    inbox = rehearsal.loop._inbox
    rehearsal.loop._inbox = SlowInbox(rehearsal.clock, inbox)
    rehearsal.loop.step(block=True)
    rehearsal.loop._inbox = inbox
    rehearsal.settle()
    assert 0.25 <= rehearsal.loop.snapshot.longest_step < 3.0
