"""What a history tells: spells with cause and length, and how well each service did."""

# ruff: noqa: E501  (a history is a line)

import pytest

from launcher.observe.history.read import Moment, report
from tests.observe.changes import NOW, WALL, records, session

UP = ((0, "waiting"), (1, "starting"), (2, "ready"))

#: What happened -> the states, and then uptime, restarts, unhealthy; the spells: state, seconds, outcome. The session
#: ends after 100 seconds.
HISTORIES = {
    "nothing but well": (UP, (1.0, 0, 0), []),
    "never ready, stopped": (((0, "waiting"), (1, "starting"), (5, "stopping"), (6, "stopped")), (None, 0, 0), []),
    "a crash": (
        (*UP, (12, "backoff"), (13, "waiting"), (13, "starting"), (22, "ready")),
        ((10 + 78) / 98, 1, 0),
        [("backoff", 10, "recovered")],
    ),
    "unhealthy and well again": ((*UP, (50, "unhealthy"), (51, "ready")), (97 / 98, 0, 1), [("unhealthy", 1, "recovered")]),
    "unhealthy, restarted for it: one spell": (
        (*UP, (50, "unhealthy"), (50, "stopping"), (52, "waiting"), (52, "starting"), (60, "ready")),
        (88 / 98, 1, 1),
        [("unhealthy", 10, "recovered")],
    ),
    "a restart by command is no outage": (
        (*UP, (50, "stopping"), (51, "waiting"), (51, "starting"), (60, "ready")),
        (1.0, 0, 0),
        [],
    ),
    "stopped by command": ((*UP, (50, "stopping"), (51, "stopped")), (1.0, 0, 0), []),
    "failed for good, then stopped": ((*UP, (50, "failed"), (90, "stopped")), (48 / 88, 0, 0), [("failed", 40, "given up")]),
    "still down when the launcher ended": ((*UP, (60, "backoff")), (58 / 98, 0, 0), [("backoff", 40, "launcher ended")]),
    "never came up": (((0, "waiting"), (1, "starting"), (10, "failed")), (0.0, 0, 0), [("failed", 90, "launcher ended")]),
    "a task": (((0, "waiting"), (1, "starting"), (5, "completed")), (None, 0, 0), []),
    "a task at the second try": (
        ((0, "waiting"), (1, "starting"), (5, "backoff"), (6, "starting"), (8, "completed")),
        (0.0, 1, 0),
        [("backoff", 3, "recovered")],
    ),
}  # fmt: skip


def told(found):
    (service,) = found.services
    spells = [(spell.state, spell.seconds, spell.outcome) for spell in found.spells]
    return (service.uptime, service.restarts, service.unhealthy), spells


@pytest.mark.parametrize("jump", [0.0, 86400.0, -86400.0])
@pytest.mark.parametrize("what", HISTORIES)
def test_what_is_told(what, jump):
    """The same, however the wall clock jumps meanwhile."""
    states, course, spells = HISTORIES[what]
    found = report(records(*states, jump=jump), [session()], Moment(at=WALL + 5000, now=NOW + 5000, boot="this"))
    assert told(found) == (pytest.approx(course), spells)
    assert len(found.changes) == len(states)


def test_a_spell_has_its_cause_and_its_times():
    """Those of the change that began it."""
    found = report(
        records(*UP, (12, "backoff"), (13, "starting"), (22, "ready")),
        [session()],
        Moment(at=WALL, now=NOW, boot="this"),
    )
    (spell,) = found.spells
    assert (spell.cause, spell.exit_code, spell.began, spell.ended) == ("why backoff", 137, WALL + 12, WALL + 22)
    assert found.services[0].recovery == 10


def test_the_launcher_that_runs_counts_up_to_now():
    """Its spell goes on."""
    moment = Moment(at=WALL + 200, now=NOW + 200, boot="this", live="one")
    found = report(records(*UP, (60, "unhealthy")), [session(ended=False, seen=60)], moment)
    assert told(found) == ((58 / 198, 0, 1), [("unhealthy", 140, "goes on")])
    assert found.spells[0].ended is None


def test_a_launcher_that_was_killed_ends_where_it_was_last_seen():
    """Nothing is known of what came after."""
    moment = Moment(at=WALL + 9000, now=NOW + 9000, boot="this")
    found = report(records(*UP), [session(ended=False, seen=62)], moment)
    assert found.services[0].up == 60


@pytest.mark.parametrize(("boot", "wall"), [("this", 0.0), ("this", 86400.0), ("another", 0.0)])
def test_only_the_time_asked_for_counts(boot, wall):
    """By the monotonic clock within one boot, whatever the wall clock says; by the wall's for what came before."""
    moment = Moment(at=WALL + 100 + wall, now=NOW + 100, boot=boot, live="one")
    states = (*UP, (12, "unhealthy"), (22, "ready"), (80, "unhealthy"), (90, "ready"))
    found = report(records(*states), [session()], moment, since=30.0)
    assert told(found) == ((20 / 30, 0, 1), [("unhealthy", 10, "recovered")])
    assert [record.state for record in found.changes] == ["unhealthy", "ready"]


def test_a_spell_that_began_before_counts_with_its_part_and_shows_its_length():
    """It would be a lie to say that it was short."""
    moment = Moment(at=WALL + 100, now=NOW + 100, boot="this")
    found = report(records(*UP, (12, "unhealthy"), (80, "ready")), [session()], moment, since=30.0)
    assert told(found) == ((20 / 30, 0, 0), [("unhealthy", 68, "recovered")])


def test_what_was_let_go_is_not_made_up():
    """The first change that is left says what was before it; earlier times begin with the session."""
    left = records(*UP, (12, "unhealthy"), (22, "ready"))[-1:]
    found = report(left, [session()], Moment(at=WALL, now=NOW, boot="this"))
    assert told(found) == ((78 / 100, 0, 0), [("unhealthy", 22, "recovered")])


def test_sessions_and_services_are_told_apart():
    """A service that was up in one session is not up between two."""
    found = report(
        [*records(*UP), *records(*UP, service="db"), *records(*UP, name="two")],
        [session(), session("two")],
        Moment(at=WALL, now=NOW, boot="this"),
    )
    assert [(course.service, course.up) for course in found.services] == [("api", 196), ("db", 98)]


def test_only_so_many_lines():
    """The last ones, and how many came before."""
    found = report(records(*UP), [session()], Moment(at=WALL, now=NOW, boot="this"), lines=2)
    assert [record.state for record in found.changes] == ["starting", "ready"]
    assert found.more == 1
