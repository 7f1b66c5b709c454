"""The client's HTTP/1.1: what a server may answer, whole and cut."""

from __future__ import annotations

import socket

import pytest

from launcher.control import http1


@pytest.fixture
def answer():
    """Makes the answer whose bytes are given, after which the server hangs up."""
    opened = []

    def begin(text: bytes) -> http1.Answer:
        ours, theirs = socket.socketpair()
        opened.append(ours)
        theirs.sendall(text)
        theirs.close()
        made = http1.Answer(ours)
        opened.append(made)
        return made

    yield begin
    for each in reversed(opened):
        each.close()


def test_an_answer_of_known_length(answer):
    found = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more")
    assert (found.status, found.read()) == (200, b"hello")


def test_an_answer_in_parts(answer):
    found = answer(b"HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
    assert (found.status, found.read()) == (503, b"hello")


def test_an_answer_until_the_end(answer):
    assert answer(b"HTTP/1.0 200 OK\r\n\r\nhello").read() == b"hello"


def test_lines_do_not_care_for_parts(answer):
    found = answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na\nb-\r\n4\r\nc\nd\n\r\n0\r\n\r\n")
    assert list(found) == [b"a\n", b"b-c\n", b"d\n"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"220 mail.example.org ready\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: much\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * http1.LONGEST + b"\r\n\r\n",
    ],
)
def test_what_is_no_http(answer, text):
    with pytest.raises(http1.NotHttp):
        answer(text)


@pytest.mark.parametrize(
    "text",
    [
        b"Content-Length: 6\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\nsix\r\nhello\r\n",
    ],
)
def test_an_answer_that_is_cut_is_not_taken_for_a_whole_one(answer, text):
    with pytest.raises(http1.NotHttp):
        answer(b"HTTP/1.1 200 OK\r\n" + text).read()


def test_a_request_says_all_that_is_needed():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        http1.send(ours, "POST", "/stop", {"Accept": "text/event-stream"})
        assert theirs.recv(4096) == (
            b"POST /stop HTTP/1.1\r\nHost: launcher\r\nConnection: close\r\nContent-Length: 0\r\n"
            b"Accept: text/event-stream\r\n\r\n"
        )


@pytest.mark.parametrize("value", ["a\r\nX: y", "ä"])
def test_a_request_cannot_be_smuggled_into_a_header(value):
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(http1.NotHttp):
        http1.send(ours, "GET", "/", {"Last-Event-ID": value})
