"""Nothing that is secret can be found in what consumers of output get, however it arrives."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from launcher.observe import lines
from launcher.observe.hub import Hub
from launcher.observe.lines import Joiner
from launcher.observe.redact import Redactor
from launcher.orchestrator.orders import Run

API = Run("api.1", 1)


class Room:
    full = False

    def on_room(self, wake):
        pass


def knowing(*secrets: str) -> Redactor:
    redactor = Redactor()
    redactor.learn(secrets)
    return redactor


def shown(redactor: Redactor, reads: list[bytes]) -> bytes:
    """What a consumer of the hub gets of these reads."""
    hub, seen = Hub(Room(), label_of=str, redact=redactor), []
    hub.follow(lambda batch: seen.append(batch.lines))
    for read in reads:
        hub.write(API, read)
    hub.end(API)
    return b"".join(seen)


TEXTS = [
    # (what, the secrets, a text, what is shown of it)
    ("nothing known", [], "hunter2", "hunter2"),
    ("alone", ["hunter2"], "hunter2", "***"),
    ("within words", ["hunter2"], "xhunter2x and hunter2", "x***x and ***"),
    ("the longest first", ["hunter2", "hunter2-long"], "hunter2-long hunter2", "*** ***"),
    ("overlapping", ["abcdef", "defghi"], "abcdefghi", "***ghi"),
    ("each line of several", ["first line\nsecond\r\nx"], "a second, and a first line", "a ***, and a ***"),
    ("as JSON writes it", ['say "hi" \\o/'], '{"a": "say \\"hi\\" \\\\o/"}', '{"a": "***"}'),
    ("not ASCII", ["pässwörd"], "der pässwörd!", "der ***!"),
    ("what is no UTF-8", ["ab\udcffcd"], "ab�cd", "***"),
    ("the user part of any URL", [], "redis://u:pw@host", "redis://***@host"),
    ("too short", ["abc", ""], "abc", "abc"),
    ("a common word", ["postgres", "True"], "postgres True", "postgres True"),
    ("a small number", ["3600"], "3600", "3600"),
    ("a number that may be one", ["360036"], "360036", "***"),
    ("the mask itself", ["***", "****"], "****", "***"),
]


@pytest.mark.parametrize(("secrets", "text", "expected"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_texts(secrets, text, expected):
    """A secret is `***`; what cannot be told from other words stays."""
    assert knowing(*secrets).text(text) == expected


@pytest.mark.parametrize(
    ("secrets", "text", "expected"),
    [row[1:] for row in TEXTS if not {"�", "@"} & set(row[2])],
    ids=[row[0] for row in TEXTS if not {"�", "@"} & set(row[2])],
)
def test_lines(secrets, text, expected):
    """The same in bytes; there a URL's password is known from the environment."""
    assert knowing(*secrets)(text.encode()) == expected.encode()


def test_bytes_that_are_no_utf8():
    assert knowing("ab\udcffcd")(b"ab\xffcd") == b"***"


def test_what_is_learnt_adds_up():
    """An env file read again brings a new value; the old one was printed before."""
    redactor = knowing("old-value")
    redactor.learn(["new-value"])
    assert redactor(b"old-value new-value\n") == b"*** ***\n"


def test_many_may_teach_at_once():
    """Nothing that one thread taught is lost to another."""
    redactor = Redactor()
    gate = threading.Barrier(8)

    def teach(number: int) -> None:
        gate.wait(10)
        for each in range(20):
            redactor.learn([f"secret-{number}-{each};"])

    threads = [threading.Thread(target=teach, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(redactor.text(f"secret-{number}-{each};") == "***" for number in range(8) for each in range(20))


LETTERS = st.sampled_from("abc1 ")
SECRETS = st.lists(
    st.text(LETTERS, min_size=4, max_size=12).filter(lambda text: text.strip() == text), min_size=1, max_size=3
)
STREAMS = st.lists(st.one_of(st.text(st.sampled_from("abc1 \n\r"), max_size=40), st.integers(0, 2)), max_size=12)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(at)]


@given(SECRETS, STREAMS, st.lists(st.integers(0, 500), max_size=20), st.sampled_from([16, 23, 64]))
@example(["abcabcabc1"], ["a" * 12, 0, 0], [13, 20], 16)
def test_no_split_of_any_stream_shows_a_secret(secrets, parts, places, longest):
    """Neither within a line, nor across reads, nor where an over-long line was cut."""
    redactor = knowing(*secrets)
    known = [secret for secret in secrets if redactor.text(secret) == "***"]
    text = "".join(part if isinstance(part, str) else secrets[part % len(secrets)] for part in parts)
    before = lines.LONGEST_LINE
    lines.LONGEST_LINE = longest
    try:
        seen = shown(redactor, cut(text.encode(), places))
    finally:
        lines.LONGEST_LINE = before
    for secret in known:
        assert secret.encode() not in seen
    whole = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not any(secret in line for secret in known for line in whole):
        assert seen.replace(b"\n", b"") == text.replace("\r", "").replace("\n", "").encode()
    if len(whole) == 1:  # then every newline is a cut
        for secret in known:
            assert secret.encode() not in seen.replace(b"\n", b"")


@pytest.mark.parametrize("before", range(64 * 1024 - 8, 64 * 1024 + 1))
def test_a_secret_across_the_longest_line_is_not_cut_in_two(before):
    """At the real length, whichever of its bytes falls on the cut, and in one byte's read."""
    redactor = knowing("hunter2!")
    seen = shown(redactor, [b"." * before + b"hunte", b"r", b"2!" + b"." * 100])
    assert seen.replace(b"\n", b"") == b"." * before + b"***" + b"." * 100


def test_a_line_is_held_no_longer_than_needed():
    """Once as much as the longest secret has come after the cut, it goes out."""
    joiner = Joiner(knowing("x" * 40))
    assert joiner.take(b"." * (64 * 1024 + 39)) == b""
    assert joiner.take(b".") == b"." * 64 * 1024 + b"\n"
