"""The numbers of signals, as profiles name them."""

from __future__ import annotations

import signal

from launcher.errors import EngineCannot


def number_of(name: str) -> int:
    """The number of a signal named `TERM` or `SIGTERM`."""
    try:
        return signal.Signals["SIG" + name.upper().removeprefix("SIG")]
    except KeyError:
        raise EngineCannot(f"this system has no signal {name}") from None
