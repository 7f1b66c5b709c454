"""`launcher events`: what happens in a running launcher, as it happens."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace


def events(args: Namespace) -> int:
    """Print every change until the launcher ends, or Ctrl-C."""
    from launcher.cli.control import client_of  # noqa: PLC0415
    from launcher.control import wire  # noqa: PLC0415

    try:
        for sent in client_of(args).events(args.words):
            if args.json:
                sys.stdout.write(wire.encode(sent).decode() + "\n")
                sys.stdout.flush()
            elif line := _line(sent):
                print(line, flush=True)
    except KeyboardInterrupt:
        return 130
    return 0


def _line(sent: object) -> str:
    """A change in a line: when, who, from which state to which, why."""
    from launcher.control import wire  # noqa: PLC0415

    match sent:
        case wire.Moved(news=news) if news.state is not news.before:
            why = f"  {news.reason.text}" if news.reason.text else ""
            return f"{_clock(news.at)} {news.label}: {news.before} → {news.state}{why}"
        case wire.Moved(news=news) if news.pid is not None:
            return f"{_clock(news.at)} {news.label}: pid {news.pid}"
        case wire.Told(news=news):
            return f"{_clock(time.time())} {news.text}"
        case wire.Everything(snapshot=snapshot):
            return "\n".join(f"{_clock(view.since)} {view.label}: {view.state}" for view in snapshot.instances)
        case _:
            return ""


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
