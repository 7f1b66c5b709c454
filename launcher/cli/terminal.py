"""How wide the terminal is."""

from __future__ import annotations

import os
import sys


def columns(fallback: int) -> int:
    """What shutil.get_terminal_size tells, without its import (bz2 and lzma with it, for every command).

    `fallback` is for an output that is no terminal, and for a terminal that does not know its width.
    """
    try:
        told = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        told = 0
    if told <= 0:
        try:
            told = os.get_terminal_size(sys.__stdout__.fileno()).columns  # type: ignore[union-attr]
        except (AttributeError, ValueError, OSError):
            told = 0
    return told if told > 0 else fallback
