"""Writers that end with the test, and pipes that nobody has read yet."""

import os
import signal
from contextlib import suppress

import pytest

from launcher.observe.writer import Writer


@pytest.fixture(autouse=True)
def bounded():
    """Whatever waits for bytes that never come fails after 20 s."""

    def too_long(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def writer():
    """A writer with a buffer small enough to be filled in a test."""
    made = Writer(most_waiting=64 * 1024)
    yield made
    made.close(1)


@pytest.fixture
def pipe():
    """A pipe's two ends; it holds 64 KiB until somebody reads."""
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        with suppress(OSError):  # the test has closed it
            os.close(end)


@pytest.fixture
def read_all():
    """Read a descriptor to its end; its last writer must close."""

    def read(descriptor):
        parts = []
        while part := os.read(descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)

    return read
