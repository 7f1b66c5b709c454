"""Bytes into lines: whatever the batches, the lines are those that honcho would print."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.observe.lines import LONGEST_LINE, Joiner, prefixed, valid_utf8

JOINED = [
    # (what it shows, batches, lines given after each batch, lines given at the end)
    ("a whole line passes at once", [b"one\n"], [b"one\n"], b""),
    ("a batch may end in the middle of a line", [b"one\ntw", b"o\n"], [b"one\n", b"two\n"], b""),
    ("a line may take many batches", [b"o", b"n", b"e\n"], [b"", b"", b"one\n"], b""),
    ("what is left without newline comes at the end", [b"one\ntwo"], [b"one\n"], b"two\n"),
    ("an empty line is a line", [b"\n\n"], [b"\n\n"], b""),
    ("CRLF is one newline", [b"one\r\ntwo\r", b"\n"], [b"one\n", b"two\n"], b""),
    ("a lone CR ends a line, as with honcho", [b"10%\r20%\r\n"], [b"10%\n20%\n"], b""),
    ("CR alone waits for the newline", [b"10%\r20%\r", b"done\n"], [b"", b"10%\n20%\ndone\n"], b""),
    ("NUL and invalid UTF-8 are bytes like others", [b"\0\xff\n"], [b"\0\xff\n"], b""),
    ("nothing gives nothing", [b""], [b""], b""),
]


@pytest.mark.parametrize(("batches", "expected", "rest"), [row[1:] for row in JOINED], ids=[row[0] for row in JOINED])
def test_batches_become_whole_lines(batches, expected, rest):
    joiner = Joiner()
    assert [joiner.take(batch) for batch in batches] == expected
    assert joiner.finish() == rest


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.text("ab\r\n").map(str.encode), st.lists(st.integers(0, 1000)))
def test_any_batching_gives_honchos_lines(data, places):
    """honcho reads up to each newline and prints `splitlines()` of that."""
    joiner = Joiner()
    ours = b"".join([joiner.take(batch) for batch in cut(data, places)]) + joiner.finish()
    honchos = [line for raw in data.split(b"\n") for line in (raw.splitlines() or [b""])]
    if data.endswith(b"\n") or not data:
        honchos.pop()
    assert ours == b"".join(line + b"\n" for line in honchos)


@pytest.mark.parametrize("batch", [4096, 65536, 100_000, 1_000_003])
def test_a_line_too_long_is_broken_at_the_bound(batch):
    """The pieces don't depend on the batches, only the last may be shorter, and what follows is untouched."""
    data = b"before\n" + b"x" * (3 * LONGEST_LINE + 5) + b"\nafter\n"
    joiner = Joiner()
    given = b"".join(joiner.take(data[at : at + batch]) for at in range(0, len(data), batch))
    assert [len(line) for line in given.splitlines()] == [6, LONGEST_LINE, LONGEST_LINE, LONGEST_LINE, 5, 5]


def test_a_line_of_just_the_bound_stays_whole():
    joiner = Joiner()
    line = b"x" * LONGEST_LINE + b"\n"
    assert joiner.take(line[:-1]) == b""
    assert joiner.take(b"\n" + line) == line + line


def test_ten_megabytes_without_newline_are_never_held():
    """What a line may hold back is bounded, and no byte is lost by that."""
    joiner = Joiner()
    given = 0
    for count in range(1, 161):
        given += joiner.take(b"y" * 65536).count(b"y")
        assert count * 65536 - given <= LONGEST_LINE
    assert given + joiner.finish().count(b"y") == 160 * 65536


def test_a_line_is_not_broken_within_a_character():
    joiner = Joiner()
    lines = joiner.take(b"x" + "€".encode() * LONGEST_LINE + b"\n")
    assert "�" not in lines.decode()
    assert lines.replace(b"\n", b"") == b"x" + "€".encode() * LONGEST_LINE


def test_each_line_gets_the_prefix():
    assert prefixed(b"one\n\ntwo\n", b"> ") == b"> one\n> \n> two\n"


@given(st.binary())
def test_output_is_valid_utf8_as_honcho_makes_it(data):
    assert valid_utf8(data) == data.decode("utf-8", "replace").encode()
