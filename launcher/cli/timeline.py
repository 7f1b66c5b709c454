"""`launcher timeline`: the last start-up of the running launcher as a waterfall, JSON, a picture or a trace."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.cli.terminal import columns
from launcher.errors import OutputUnwritable
from launcher.files import write_whole

if TYPE_CHECKING:
    from argparse import Namespace


def timeline(args: Namespace) -> int:
    """Show how the last start-up went."""
    from launcher.cli.control import client_of  # noqa: PLC0415

    last = client_of(args).timeline()
    if args.json or args.trace:
        from msgspec import json  # noqa: PLC0415  (for these two)

        if args.json:
            print(json.format(json.encode(last)).decode())
            return 0
        from launcher.observe.drawing import trace  # noqa: PLC0415

        _write(args.trace, json.encode(trace(last)).decode() + "\n")
    elif args.svg:
        from launcher.observe.drawing import svg  # noqa: PLC0415

        _write(args.svg, svg(last))
    else:
        from launcher.observe.waterfall import ASCII, BLOCKS, waterfall  # noqa: PLC0415

        on_terminal = sys.stdout.isatty()
        width = columns(100) if on_terminal else 100
        colour = on_terminal and not os.environ.get("NO_COLOR") and not args.no_colour
        print(waterfall(last, width=width, strokes=BLOCKS if _takes_blocks() else ASCII, colour=colour))
    return 0


def _takes_blocks() -> bool:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(name: str, text: str) -> None:
    """Write a file aside and rename it; `-` is standard output."""
    if name == "-":
        sys.stdout.write(text)
        return
    try:
        write_whole(Path(name), text.encode())
    except OSError as error:
        raise OutputUnwritable(f"cannot write {name}: {error.strerror}") from error
