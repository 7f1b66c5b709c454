"""The tail: the end of what each run printed, bounded."""

from launcher.observe.hub import Batch
from launcher.observe.tail import Tail
from launcher.orchestrator.orders import Run

API = Run("api.1", 1)


def feed(tail, run, *batches):
    for lines in batches:
        tail(Batch(run, "api", lines, 0.0))


def test_the_last_twenty_lines_are_kept():
    tail = Tail()
    feed(tail, API, b"".join(b"%d\n" % number for number in range(15)), b"15\n16\n", b"17\n18\n19\n20\n")
    assert tail.lines(API) == [str(number) for number in range(1, 21)]
    assert tail.latest("api.1") == tail.lines(API)


def test_four_kilobytes_are_kept_and_the_first_line_is_whole():
    tail = Tail()
    feed(tail, API, b"x" * 999 + b"\n", b"y" * 2999 + b"\n", b"z" * 999 + b"\n")
    assert [(line[0], len(line)) for line in tail.lines(API)] == [("y", 2999), ("z", 999)]


def test_lines_that_fill_just_what_is_kept_are_all_shown():
    tail = Tail()
    feed(tail, API, b"gone\n", b"a" * 2047 + b"\n" + b"b" * 2047 + b"\n")
    assert [line[0] for line in tail.lines(API)] == ["a", "b"]


def test_a_single_line_longer_than_that_is_shown_by_its_end():
    tail = Tail()
    feed(tail, API, b"x" * 10_000 + b"end\n")
    (line,) = tail.lines(API)
    assert line.endswith("xend")
    assert len(line) == 4095


def test_the_run_that_failed_is_kept_beside_the_one_that_followed():
    tail = Tail()
    for generation in (1, 2, 3):
        feed(tail, Run("api.1", generation), b"generation %d\n" % generation)
    assert [tail.lines(Run("api.1", generation)) for generation in (1, 2, 3)] == [
        [],
        ["generation 2"],
        ["generation 3"],
    ]
    assert tail.latest("api.1") == ["generation 3"]


def test_who_printed_nothing_has_no_lines():
    assert Tail().lines(API) == Tail().latest("api.1") == []
