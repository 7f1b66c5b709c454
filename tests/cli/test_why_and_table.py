"""What `why` and `status` make of a snapshot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tabulate import tabulate

from launcher.cli.table import duration, plain, table
from launcher.control.wire import Use
from launcher.observe.why import Evidence, chain, suspects
from launcher.testing import Rehearsal

CHECKED = {"health": {"http": "/", "start_period": 0.0}, "port": 8000}


def waiting():
    """The worker waits for orders, orders for catalog, and catalog's check fails."""
    rehearsal = Rehearsal(
        {
            "catalog": {**CHECKED},
            "orders": {**CHECKED, "port": 8001, "depends_on": {"catalog": {}}},
            "worker": {"depends_on": {"orders": {}}},
        }
    )
    rehearsal.start()
    rehearsal.fails("catalog", "HTTP 503 Service Unavailable")
    return rehearsal


def test_why_walks_the_chain_down_to_the_check_that_fails():
    """Each line is indented below what it explains."""
    assert chain(waiting().loop.snapshot, "worker") == [
        "worker is waiting: waits for orders (healthy)",
        "  orders is waiting: waits for catalog (healthy)",
        "    catalog is starting: asked for",
        "      started 0.0 s ago (pid 1000)",
        "      last check (http /) failed 0.0 s ago: HTTP 503 Service Unavailable",
    ]


def test_why_of_a_failure_tells_how_it_ended():
    """The exit code, and what the restart rule made of it."""
    rehearsal = Rehearsal({"api": {"restart": {"burst": 0, "cooldown": "never"}}, "keep": {}})
    rehearsal.start()
    rehearsal.advance(1.0)
    rehearsal.exits("api", 3)
    (line,) = chain(rehearsal.loop.snapshot, "api")
    assert line == ("api is failed: exited with code 3; circuit open after 1 failures within 60 s, no trial start")


def test_why_tells_what_the_log_and_the_machine_know():
    """Below the one that is not well: every line of the check's answer, the port's holder, its last lines."""
    rehearsal = waiting()
    rehearsal.fails("catalog", "HTTP 500\nno such table: products")
    evidence = Evidence(
        lines={"catalog.1": ["opening shop.db", "Traceback"]},
        holders={8000: "pid 812 (python manage.py)"},
    )
    assert chain(rehearsal.loop.snapshot, "orders", evidence) == [
        "orders is waiting: waits for catalog (healthy)",
        "  catalog is starting: asked for",
        "    started 0.0 s ago (pid 1000)",
        "    last check (http /) failed 0.0 s ago: HTTP 500",
        "      no such table: products",
        "    port 8000 is held by pid 812 (python manage.py)",
        "    its last lines:",
        "      opening shop.db",
        "      Traceback",
    ]


def test_evidence_is_gathered_about_those_that_are_not_well():
    """Whoever waits is explained by whom it waits for."""
    assert [view.label for view in suspects(waiting().loop.snapshot, "worker")] == ["catalog"]


def test_why_shows_the_first_4_kb_of_an_answer():
    rehearsal = waiting()
    rehearsal.fails("catalog", "x" * 5000)
    line = next(line for line in chain(rehearsal.loop.snapshot, "catalog") if "last check" in line)
    assert line.count("x") == 4096


def test_why_explains_whom_many_wait_for_once():
    """In a diamond of ten layers the lines don't double with each."""
    services = {"s0": {**CHECKED}}
    for number in range(1, 11):
        needs = {"depends_on": {name: {} for name in ([f"a{number - 1}", f"b{number - 1}"] if number > 1 else ["s0"])}}
        services |= {f"a{number}": needs, f"b{number}": needs}
    rehearsal = Rehearsal(services)
    rehearsal.start()
    lines = chain(rehearsal.loop.snapshot, "a10")
    assert len(lines) < 60
    assert sum("its check (http /) has not answered yet" in line for line in lines) == 1


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_fits_the_terminal(width):
    """Reasons are shortened first."""
    text = table(waiting().loop.snapshot, {"catalog.1": Use(cpu=0.0123, memory=50_000_000)}, width=width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert "catalog" in lines[1]
    assert "50 MB" in lines[1]
    assert "12%" in lines[1]


def test_what_was_never_asked_for_is_not_shown():
    """Pending instances are left out."""
    rehearsal = Rehearsal({"a": {}, "b": {}})
    rehearsal.start("a")
    assert "b" not in table(rehearsal.loop.snapshot, {}, width=200).split()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59, "59s"), (61, "1m 1s"), (3600 * 5 + 120, "5h 2m"), (86400 * 3 + 3700, "3d 1h")],
)
def test_durations_show_their_two_largest_units(seconds, text):
    """As people say them."""
    assert duration(seconds) == text


@given(st.lists(st.tuples(*[st.text("abé…", min_size=1, max_size=9)] * 3), min_size=1, max_size=4))
def test_the_table_is_tabulate_s(rows):
    """Texts in columns, as its plain format has them."""
    wanted = tabulate(rows, ("one", "two", "three"), tablefmt="plain", disable_numparse=True)
    made = plain(rows, ("one", "two", "three"))
    assert [line.rstrip() for line in made.splitlines()] == [line.rstrip() for line in wanted.splitlines()]
