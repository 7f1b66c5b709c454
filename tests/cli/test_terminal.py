"""The width of the terminal is what shutil tells."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import sys
import termios

import pytest

from launcher.cli.terminal import columns


@pytest.mark.parametrize("told", ["", "0", "-3", "wide", "77"])
@pytest.mark.parametrize("width", [0, 133])
def test_as_shutil_tells(monkeypatch, told, width):
    """A variable that makes sense first, then the terminal, unless it knows no width."""
    monkeypatch.setenv("COLUMNS", told)
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    with open(terminal, "w") as output:  # noqa: PTH123  (a descriptor)
        monkeypatch.setattr(sys, "__stdout__", output)
        assert columns(99) == shutil.get_terminal_size((99, 24)).columns
    os.close(main)
    assert columns(99) == shutil.get_terminal_size((99, 24)).columns  # closed
    monkeypatch.setattr(sys, "__stdout__", None)
    assert columns(99) == shutil.get_terminal_size((99, 24)).columns
