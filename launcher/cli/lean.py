"""Imports without what they would bring along: a command line starts anew for each command."""

from __future__ import annotations

import sys
from importlib import import_module


def import_lean(module: str, *, without: str) -> None:
    """Import a module without another one that it takes where there is one, and that a command need not pay for.

    msgspec needs nothing of typing_extensions from Python 3.11 on, which costs 9 ms and 2 MB, `inspect` and `ast`
    included; http.client over a Unix socket needs no ssl, 5 ms.
    """
    if without in sys.modules:
        return
    sys.modules[without] = None  # type: ignore[assignment]  # how the import system is told that there is none
    try:
        import_module(module)
    finally:
        del sys.modules[without]
