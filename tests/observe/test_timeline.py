"""What is recorded of a start-up, what decided how long it took, and how it is drawn."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from launcher.observe.critical import explain, replayed
from launcher.observe.drawing import svg, trace
from launcher.observe.recorder import Recorder
from launcher.observe.timeline import Gate, Row, Timeline
from launcher.observe.waterfall import ASCII, BLOCKS, waterfall
from launcher.orchestrator.events import Imported
from launcher.orchestrator.snapshot import State
from launcher.testing import Rehearsal

CHECKED = {"health": {"notify": True, "start_period": 0.0}}
SHOP = {
    "migrate": {"kind": "task"},
    "catalog": {**CHECKED, "depends_on": {"migrate": {}}},
    "cache": {**CHECKED},
    "orders": {**CHECKED, "depends_on": {"catalog": {}, "cache": {}}},
    "worker": {"depends_on": {"orders": {}}},
}


def recorded(services, **settings):
    """A rehearsal and the recorder that listens to it."""
    rehearsal = Rehearsal(services, **settings)
    recorder = Recorder(rehearsal.plan, now=rehearsal.clock.now)
    rehearsal.loop.subscribe(recorder)
    return rehearsal, recorder


def shop_up():
    """Migrate runs 0.3 s, catalog takes 1.9 s, of which 1.5 s its import, orders 0.4 s; cache 0.1 s beside them."""
    rehearsal, recorder = recorded(SHOP)
    rehearsal.advance(5.0)
    rehearsal.start()
    rehearsal.advance(0.1)
    rehearsal.passes("cache")
    rehearsal.advance(0.2)
    rehearsal.exits("migrate", 0)
    rehearsal.advance(1.9)
    view = rehearsal.view("catalog")
    rehearsal.loop.post(Imported(view.name, view.generation, 1.5))
    rehearsal.passes("catalog")
    rehearsal.advance(0.4)
    rehearsal.passes("orders")
    rehearsal.advance(0.3)
    return rehearsal, recorder


def times(row):
    return (row.asked, row.launched, row.ended)


def test_every_start_has_its_times_and_what_it_waited_for():
    """Since the start-up began, whatever was before it."""
    made = shop_up()[1].timeline()
    assert {row.label: (*times(row), row.waited_for) for row in made.rows} == {
        "migrate": (0.0, 0.0, 0.3, ""),
        "cache": (0.0, 0.0, 0.1, ""),
        "catalog": (0.0, 0.3, 2.2, "migrate"),
        "orders": (0.0, 2.2, 2.6, "catalog"),
        "worker": (0.0, 2.6, 2.6, "orders"),
    }
    assert (made.took, made.over, made.began) == (2.6, True, 1_000_005.0)
    orders = made.row("orders")
    assert orders is not None
    assert {(gate.dependency, gate.condition, gate.opened) for gate in orders.gates} == {
        ("catalog", "healthy", 2.2),
        ("cache", "healthy", 0.1),
    }


def test_the_critical_path_goes_back_from_the_last_one_up():
    """Over the gates that opened last; cache is on no path."""
    assert shop_up()[1].timeline().critical == ("migrate", "catalog", "orders", "worker")


def test_the_greatest_gain_is_told_first():
    """With what took the time: the import, where the host has told of it."""
    advice = shop_up()[1].timeline().advice
    assert advice[0] == (
        "orders waited 2.20 s for catalog, of which 1.50 s was its import; "
        "were catalog ready at once, all would take 0.70 s instead of 2.60 s"
    )
    assert [re.search(r"were (\w+)", sentence)[1] for sentence in advice] == ["catalog", "orders", "migrate"]


def test_a_start_up_under_way_is_measured_up_to_now():
    """Nothing that has not happened has a time."""
    rehearsal, recorder = recorded(SHOP)
    rehearsal.start()
    rehearsal.advance(0.5)
    made = recorder.timeline()
    assert (made.over, made.took) == (False, 0.5)
    waiting = made.row("worker")
    assert waiting is not None
    assert (waiting.launched, waiting.ended, waiting.state) == (None, None, State.WAITING)
    assert "under way for 0.50 s" in waterfall(made, width=80)


def test_a_failed_start_up_names_the_one_that_failed():
    """Its path ends there, and nothing is promised."""
    rehearsal, recorder = recorded(
        {"db": {**CHECKED}, "api": {**CHECKED, "depends_on": {"db": {}}, "restart": {"burst": 0}}}
    )
    rehearsal.start()
    rehearsal.advance(1.0)
    rehearsal.passes("db")
    rehearsal.advance(0.25)
    rehearsal.exits("api", 3)
    made = recorder.timeline()
    assert made.critical == ("db", "api")
    assert made.advice == (
        "api failed 0.25 s after it was launched",
        "api waited 1.00 s for db, of which 1.00 s was its start",
    )
    assert "without api" in waterfall(made, width=80)


def test_attempts_are_counted_from_the_first_launch():
    """A back-off is part of the start."""
    rehearsal, recorder = recorded({"db": {**CHECKED}})
    rehearsal.start()
    rehearsal.advance(1.0)
    rehearsal.exits("db", 1)
    rehearsal.advance(2.0)
    rehearsal.passes("db")
    (row,) = recorder.timeline().rows
    assert (row.attempts, *times(row)) == (2, 0.0, 0.0, 3.0)
    assert "it took 2 attempts" in recorder.timeline().advice[0]


@pytest.mark.parametrize(
    ("condition", "opens"),
    [("started", 0.0), ("healthy", 1.0)],
)
def test_a_gate_opens_when_its_condition_is_met(condition, opens):
    """`started` does not wait for ready."""
    rehearsal, recorder = recorded(
        {"db": {**CHECKED}, "api": {**CHECKED, "depends_on": {"db": {"condition": condition}}}}
    )
    rehearsal.start()
    rehearsal.advance(1.0)
    rehearsal.passes("db")
    row = recorder.timeline().row("api")
    assert row is not None
    assert (row.launched, row.gates[0].opened) == (opens, opens)


def test_what_is_up_already_is_no_part_of_the_next_start_up():
    """Its gates were open from the beginning."""
    rehearsal, recorder = shop_up()
    rehearsal.stop("orders", "worker")
    rehearsal.advance(60.0)
    rehearsal.start("orders")
    rehearsal.advance(0.4)
    rehearsal.passes("orders")
    made = recorder.timeline()
    assert [(row.label, *times(row)) for row in made.rows] == [("orders", 0.0, 0.0, 0.4)]
    assert made.critical == ("orders",)


def test_restarts_leave_the_last_start_up_as_it_was():
    """By command, after a crash, and the trial start after a cooldown; and nothing grows."""
    services = {"api": {**CHECKED, "restart": {"burst": 1, "cooldown": 5.0}}, "db": {**CHECKED}}
    rehearsal, recorder = recorded(services)
    rehearsal.start()
    rehearsal.advance(1.0)
    rehearsal.passes("api")
    rehearsal.passes("db")
    before = recorder.timeline()
    for _ in range(50):
        rehearsal.restart("db")
        rehearsal.passes("db")
    for _ in range(2):
        rehearsal.exits("api")
        rehearsal.advance(1.0)
    assert rehearsal.state("api") is State.FAILED
    rehearsal.advance(5.0)
    assert rehearsal.state("api") is State.STARTING
    assert recorder.timeline() == before


def test_a_wall_clock_that_jumps_changes_no_length():
    """Only what is printed as a date follows it."""
    rehearsal, recorder = recorded({"db": {**CHECKED}})
    rehearsal.start()
    rehearsal.advance(1.0)
    rehearsal.clock.wall = lambda: 5.0
    rehearsal.passes("db")
    assert recorder.timeline().took == 1.0


def test_the_longest_chain_is_explained():
    """2,000 services one after the other: no recursion."""
    rows = tuple(
        Row(
            instance=f"s{number}.1",
            service=f"s{number}",
            label=f"s{number}",
            state=State.READY,
            asked=0.0,
            waited_for=f"s{number - 1}" if number else "",
            launched=float(number),
            spawned=float(number),
            ended=number + 1.0,
            gates=(Gate(dependency=f"s{number - 1}", condition="healthy", opened=float(number)),) if number else (),
        )
        for number in range(2000)
    )
    made = Timeline(profile="dev", began=0.0, took=2000.0, over=True, rows=rows)
    assert len(explain(made).critical) == 2000
    assert replayed(made) == pytest.approx(2000.0)
    assert replayed(made, without="s7") == pytest.approx(1999.0)


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80, 120, 200])
def test_the_waterfall_fits_the_terminal(width):
    """Down to 20 columns; the figures go first."""
    text = waterfall(shop_up()[1].timeline(), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert ("started" in text) == (width >= 60)


def test_the_waterfall_shows_waiting_and_starting():
    """In proportion, the critical path in its own stroke and with a star."""
    lines = waterfall(shop_up()[1].timeline(), width=80, strokes=ASCII).splitlines()
    assert lines[0] == "start-up of test: 5 services, all up after 2.60 s"
    assert lines[3:8] == [
        "* migrate #####                                         0.00     0.30  completed",
        "  cache   ==                                            0.00     0.10  ready",
        "* catalog .....###############################          0.30     1.90  ready",
        "* orders  ....................................######    2.20     0.40  ready",
        "* worker  .........................................#    2.60     0.00  ready",
    ]
    assert BLOCKS.critical in waterfall(shop_up()[1].timeline(), width=80)


def test_nothing_started_is_said():
    """Before the first start there is no start-up."""
    assert waterfall(recorded(SHOP)[1].timeline(), width=80) == "nothing has been started yet"


def test_the_picture_is_well_formed_and_shows_every_row():
    """With the names of the profile escaped, and one bar for each wait and each start."""
    made = shop_up()[1].timeline()
    root = ET.fromstring(svg(made))
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "catalog started for 1.900 s" in titles
    assert "orders waited for 2.200 s" in titles
    assert len(titles) == 8
    ET.fromstring(svg(recorded(SHOP)[1].timeline()))


def test_the_trace_has_a_track_for_each_instance_and_an_arrow_for_each_gate():
    """Complete events in microseconds; an arrow begins within the span that it comes from."""
    made = json.loads(json.dumps(trace(shop_up()[1].timeline())))
    events = made["traceEvents"]
    tracks = {each["tid"]: each["args"]["name"] for each in events if each["name"] == "thread_name"}
    spans = {each["name"]: (each["ts"], each["dur"]) for each in events if each["ph"] == "X"}
    assert sorted(tracks.values()) == ["cache", "catalog", "migrate", "orders", "worker"]
    assert spans["catalog starts"] == (300_000, 1_900_000)
    assert spans["orders waits"] == (0, 2_200_000)
    for arrow in (each for each in events if each["ph"] == "s"):
        begin, length = spans[f"{tracks[arrow['tid']]} starts"]
        assert begin <= arrow["ts"] <= begin + length
    assert sum(each["ph"] == "f" for each in events) == 3
