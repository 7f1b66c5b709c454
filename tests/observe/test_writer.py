"""The writer: bounded, in order, whole, and alive whatever its targets do."""

import errno
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from launcher.observe.outlet import Outlet
from launcher.observe.writer import Writer

#: Not a divisor of what a pipe holds, so that a full pipe ends in the middle of a line.
LINE = b"x" * 999 + b"\n"


class File:
    """A plain target."""

    block = 256 * 1024
    sip = 0
    watched = False

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.sizes = []
        self.error = None
        self.closed = False

    def prepare(self, size):
        self.sizes.append(size)
        return self.descriptor

    def failed(self, error):
        self.error = error

    def close(self):
        self.closed = True


@pytest.fixture
def file(tmp_path):
    descriptor = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    yield File(descriptor)
    os.close(descriptor)


def outlet(descriptor, failures=None):
    return Outlet(descriptor, failed=(failures if failures is not None else []).append)


def fill(writer, target):
    """Put lines until the writer is full; gives how many."""
    lines = 1
    while writer.put(target, LINE):
        lines += 1
    return lines


def test_what_is_put_is_written_in_order(writer, file):
    for number in range(1000):
        writer.put(file, b"%d\n" % number)
    assert writer.flush(5)
    assert os.pread(file.descriptor, 1 << 20, 0).split() == [b"%d" % number for number in range(1000)]


def test_lines_of_many_threads_stay_whole_and_in_their_order(writer, file):
    def put(name):
        for number in range(500):
            writer.put(file, b"%s %d\n" % (name, number))

    threads = [threading.Thread(target=put, args=(name,)) for name in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush(5)
    lines = os.pread(file.descriptor, 1 << 20, 0).splitlines()
    for name in (b"a", b"b", b"c"):
        assert [line for line in lines if line.startswith(name)] == [b"%s %d" % (name, n) for n in range(500)]
    assert len(lines) == 1500


def test_a_pipe_that_nobody_reads_fills_the_buffer_and_loses_nothing(writer, pipe, read_all):
    """The kernel's 64 KiB and ours are taken; then it is full until the reader has gone on, and then we are told."""
    reading, writing = pipe
    room = threading.Event()
    writer.on_room(room.set)
    target = outlet(writing)
    lines = fill(writer, target)
    assert writer.full
    assert lines < 140
    assert not room.is_set()
    got = os.read(reading, 64 * 1024)
    while not room.is_set():
        got += os.read(reading, 64 * 1024)
    assert not writer.full
    closer = threading.Thread(target=lambda: (writer.flush(5), writer.close(5), os.close(writing)))
    closer.start()
    got += read_all(reading)
    closer.join()
    assert got == LINE * lines


def test_a_stuck_terminal_does_not_hold_the_log_files(writer, pipe, file):
    fill(writer, outlet(pipe[1]))
    writer.put(file, b"logged\n")
    assert writer.flush(5, file)
    assert os.pread(file.descriptor, 100, 0) == b"logged\n"


def test_a_terminal_that_is_held_is_not_waited_for(writer, file):
    """A terminal (a pseudo one here) is opened anew without blocking, and its owner's flags are left alone."""
    master, slave = os.openpty()
    target = outlet(slave)
    lines = fill(writer, target)
    assert os.get_blocking(slave)
    writer.put(file, b"logged\n")
    assert writer.flush(5, file)
    shown = 0
    while shown < lines * 999:
        shown += os.read(master, 1 << 16).count(b"x")
    assert writer.flush(5)
    os.close(master)
    os.close(slave)


def test_a_descriptor_that_blocks_is_written_in_sips(writer, file):
    """A socket can't be opened anew, so no more is written than it surely takes."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        target = outlet(ours.fileno())
        assert target.sip
        lines = fill(writer, target)
        writer.put(file, b"logged\n")
        assert writer.flush(5, file)
        received = b""
        while len(received) < lines * len(LINE):
            received += theirs.recv(1 << 16)
        assert received == LINE * lines
        assert writer.flush(5, target)


def test_in_a_hurry_what_is_not_taken_is_dropped_and_counted(writer, pipe, read_all):
    """The line that is partly written is still completed; what comes later is counted too."""
    reading, writing = pipe
    target = outlet(writing)
    lines = fill(writer, target)
    writer.put(target, b"y" * 70_000 + b"\n")
    writer.hurry(target, 0.01)
    room = threading.Event()
    writer.on_room(room.set)
    assert not writer.full or room.wait(5)
    assert writer.put(target, b"late\n")
    dropped = writer.dropped(target)
    closer = threading.Thread(target=lambda: (writer.flush(5), writer.close(5), os.close(writing)))
    closer.start()
    got = read_all(reading)
    closer.join()
    assert got.endswith(b"\n")
    assert dropped > 1
    assert got.count(b"\n") + dropped == lines + 2


def test_in_a_hurry_who_takes_is_not_shut(writer, file):
    writer.hurry(file, 0.001)
    for number in range(50):
        writer.put(file, b"%d\n" % number)
        assert writer.flush(5, file)
    assert writer.dropped(file) == 0


def test_a_reader_that_has_gone_is_told_once_and_others_go_on(writer, pipe, file):
    reading, writing = pipe
    failures = []
    target = outlet(writing, failures)
    os.close(reading)
    for _ in range(3):
        writer.put(target, b"one\ntwo\n")
        writer.flush(5)
    writer.put(file, b"logged\n")
    assert writer.flush(5)
    assert [error.errno for error in failures] in ([errno.EPIPE], [errno.ENXIO])
    assert target.broken
    assert writer.dropped(target) == 6
    assert os.pread(file.descriptor, 100, 0) == b"logged\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_once(writer, file):
    full = os.open("/dev/full", os.O_WRONLY)
    target = File(full)
    for _ in range(3):
        writer.put(target, LINE)
    writer.put(file, b"logged\n")
    assert writer.flush(5)
    assert target.error.errno == errno.ENOSPC
    assert writer.dropped(target) == 3
    assert os.pread(file.descriptor, 100, 0) == b"logged\n"
    os.close(full)


def test_chunks_go_together_in_blocks(writer, pipe):
    """Blocks are whole chunks; a target that is behind gets many of them in one call."""
    target = File(pipe[1])
    target.block = 2900
    gate = threading.Event()
    first = target.prepare
    target.prepare = lambda size: (gate.wait(5), first(size))[1]
    for _ in range(7):
        writer.put(target, LINE)
    gate.set()
    assert writer.flush(5)
    assert sum(target.sizes) == 7 * len(LINE)
    assert max(target.sizes) == 2 * len(LINE)


def test_closing_writes_the_rest_and_closes_the_targets(file):
    writer = Writer()
    writer.put(file, LINE * 100)
    assert writer.close(5)
    assert writer.close(5)
    assert file.closed
    assert os.fstat(file.descriptor).st_size == 100 * len(LINE)
    writer.put(file, LINE)
    assert writer.dropped(file) == 1


def test_closing_does_not_wait_for_ever(pipe):
    writer = Writer()
    writer.put(outlet(pipe[1]), LINE * 100)
    before = time.monotonic()
    assert not writer.close(0.01)
    assert time.monotonic() - before < 2
