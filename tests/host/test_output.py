"""What components print, into pipes of which the process keeps both ends: for who reads, for nobody, for the next."""

from __future__ import annotations

import io
import os
import select
import socket
import sys
import threading

import pytest

from launcher.host.current import entered
from launcher.host.output import Output

LINE = "a line of some length, and again " * 3


@pytest.fixture
def own(monkeypatch):
    """What the process itself has for its output."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.fixture
def output(own):
    """With a pipe for the component red."""
    made = Output()
    made.install()
    made.stream = sys.stdout  # pytest puts another in its place
    reading, writing = os.pipe()
    made.give("red", writing, reading)
    yield made
    made.close()


@pytest.fixture
def line(output):
    """Somebody reads: his end of the line to him, by which it is known that he is there."""
    ours, his = socket.socketpair()
    output.is_read_by(ours)
    with ours, his:
        yield his


def says(output, text):
    with entered("red"):
        output.stream.write(f"{text}\n")


def saying(output, text):
    writer = threading.Thread(target=says, args=(output, text), daemon=True)
    writer.start()
    return writer


def unread(output):
    """What is in the pipe."""
    os.set_blocking(output.reading_of("red"), False)
    text = b""
    try:
        while batch := os.read(output.reading_of("red"), 65536):
            text += batch
    except BlockingIOError:
        pass
    return text.decode()


@pytest.mark.usefixtures("line")
def test_what_one_prints_is_in_its_pipe_and_nothing_else_is(output, own):
    says(output, "red")
    output.stream.write("nobody's\n")
    assert unread(output) == "red\n"
    assert own.getvalue() == "nobody's\n"


@pytest.mark.usefixtures("line")
def test_who_writes_waits_for_who_reads(output, own):
    """However much it is, in order; and nothing goes elsewhere."""
    text = "\n".join(f"{number} {LINE}" for number in range(5000))
    writer = saying(output, text)
    found = b""
    while len(found) < len(text) + 1 and select.select([output.reading_of("red")], [], [], 20)[0]:
        found += os.read(output.reading_of("red"), 65536)
    writer.join(20)
    assert found.decode() == f"{text}\n"
    assert own.getvalue() == ""


def test_who_waits_goes_on_when_who_reads_has_gone(output, line, own):
    """What the pipe holds is the next one's; the rest is the process's own word."""
    text = "\n".join(f"{number} {LINE}" for number in range(20000))
    writer = saying(output, text)
    assert select.select([output.reading_of("red")], [], [], 20)[0]
    assert len(os.read(output.reading_of("red"), 1000)) == 1000
    line.close()
    writer.join(20)
    assert not writer.is_alive()
    kept = unread(output)
    assert kept
    assert f"{kept}{own.getvalue()}" == f"{text}\n"[1000:]


def test_with_nobody_to_read_a_line_waits_in_the_pipe(output, own):
    says(output, "for the next")
    assert own.getvalue() == ""
    assert unread(output) == "for the next\n"


@pytest.mark.usefixtures("line")
def test_the_last_words_of_a_component_are_kept(output):
    """Until somebody says that he has them: who reads may be about to die."""
    says(output, "last")
    output.take_away("red")
    assert unread(output) == "last\n"
    output.forget("red")
    assert output.reading_of("red") == -1


def test_what_is_read_elsewhere_is_not_the_process_s_own_word(output, line, own):
    says(output, "last")
    output.close()
    assert own.getvalue() == ""


def test_what_nobody_reads_any_more_is_the_process_s_own_word(output, own):
    """Which ends, and its pipes with it."""
    says(output, "last")
    output.close()
    assert own.getvalue() == "last\n"
