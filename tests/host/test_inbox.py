"""Frames and descriptors arrive whole and in order, however they were cut on the way."""

from __future__ import annotations

import os
import socket

import pytest

from launcher.host.frames import pack
from launcher.host.inbox import HungUp, Inbox


@pytest.fixture
def ends():
    here, there = socket.socketpair()
    here.setblocking(False)
    yield here, there
    here.close()
    there.close()


def test_a_frame_comes_when_it_is_whole_and_its_descriptors_with_it(ends):
    here, there = ends
    inbox = Inbox(here)
    reading, writing = os.pipe()
    frame = pack("start", b"payload", fds=1)
    socket.send_fds(there, [frame[:10]], [writing])
    os.close(writing)
    assert list(inbox.take()) == []
    there.sendall(frame[10:] + pack("stop"))
    assert [(head["kind"], payload) for head, payload in inbox.take()] == [("start", b"payload"), ("stop", b"")]
    taken = inbox.descriptor()
    assert os.get_inheritable(taken) is not hasattr(socket, "MSG_CMSG_CLOEXEC")
    os.write(taken, b"x")
    os.close(taken)
    assert os.read(reading, 2) == b"x"
    os.close(reading)


def test_nothing_is_waited_for(ends):
    assert list(Inbox(ends[0]).take()) == []


def test_the_end_is_told_after_all_that_was_said(ends):
    here, there = ends
    inbox = Inbox(here)
    there.sendall(pack("stop"))
    there.close()
    assert len(list(inbox.take())) == 1
    with pytest.raises(HungUp):
        inbox.take()


def test_what_nobody_has_taken_is_closed(ends):
    here, there = ends
    inbox = Inbox(here)
    reading, writing = os.pipe()
    socket.send_fds(there, [b"{"], [writing])
    os.close(writing)
    list(inbox.take())
    inbox.close()
    assert os.read(reading, 1) == b""
    os.close(reading)
