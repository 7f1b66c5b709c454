"""Durations, sizes and ranges of ports, as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import WrongType
from launcher.profile import durations, sizes
from launcher.profile.durations import parse_duration
from launcher.profile.sizes import parse_ports, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (0, 0.0),
        (2, 2.0),
        (0.5, 0.5),
        ("2", 2.0),
        ("500ms", 0.5),
        ("2s", 2.0),
        ("1.5s", 1.5),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("1d2h3m4s5ms", 93784.005),
        (" 5s ", 5.0),
    ],
)
def test_durations(text, seconds):
    """A number is seconds; parts with units go from the largest to the smallest."""
    assert parse_duration(text) == seconds
    if isinstance(text, str):
        assert re.search(durations.PATTERN, text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "-1s", "5 s", "1s1m", "1m1m", "5x", "\u0661s", True, None, [], -1, float("nan"), float("inf")],
)
def test_what_is_no_duration(text):
    """It is refused, with the forms that are taken."""
    with pytest.raises(WrongType):
        parse_duration(text)
    if isinstance(text, str) and text.isascii():
        assert not re.search(durations.PATTERN, text)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(minutes, seconds, milliseconds):
    """Whatever the parts."""
    expected = minutes * 60 + seconds + milliseconds / 1000
    assert parse_duration(f"{minutes}m{seconds}s{milliseconds}ms") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "size"),
    [(4096, 4096), ("4096", 4096), ("1k", 1024), ("512MB", 2**29), ("2 GiB", 2**31), ("1.5g", 3 * 2**29), ("7b", 7)],
)
def test_sizes(text, size):
    """Units are powers of 1024."""
    assert parse_size(text) == size
    if isinstance(text, str):
        assert re.search(sizes.PATTERN, text)


@pytest.mark.parametrize("text", ["", "MB", "-1", "5XB", 0, -1, 1.5, True, None])
def test_what_is_no_size(text):
    """It is refused."""
    with pytest.raises(WrongType):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "ports"), [("8000-8099", range(8000, 8100)), ("1 - 65535", range(1, 65536)), ("80", range(80, 81))]
)
def test_ranges_of_ports(text, ports):
    """Both ends belong to it."""
    assert parse_ports(text) == ports


@pytest.mark.parametrize("text", ["", "0-5", "9-8", "1-65536", "a-b", "-5", "8000-", "123456", "1-2-3", "٣-٤"])
def test_what_is_no_range_of_ports(text):
    """It is refused."""
    with pytest.raises(WrongType):
        parse_ports(text)
