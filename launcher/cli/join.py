"""`launcher start` while it runs already: start what is missing, and follow the output.

Its Ctrl-C leaves; the launcher goes on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from launcher.cli.target import Target

#: How long another launcher may take from its lock to its socket, in seconds; it is a fraction of one.
PATIENCE = 10.0


def join(target: Target, args: Namespace) -> int:
    """Have the running launcher start what is missing; the exit status of that start."""
    from launcher.cli.run import show_of  # noqa: PLC0415
    from launcher.control import wire  # noqa: PLC0415
    from launcher.control.client import Client  # noqa: PLC0415
    from launcher.observe.console import Console  # noqa: PLC0415
    from launcher.observe.hub import Batch  # noqa: PLC0415
    from launcher.observe.styles import style_of  # noqa: PLC0415
    from launcher.observe.writer import Writer  # noqa: PLC0415
    from launcher.orchestrator.orders import Run  # noqa: PLC0415

    plan = target.plan()
    follows = not args.detach
    writer = Writer()
    show = show_of(args, plan, None, target.services)
    console = Console(writer, style_of(plan, show), quiet=show.quiet)
    console.system(f"{target.profile} runs already: joining it" + (" (Ctrl-C leaves it running)" if follows else ""))
    status = 0
    try:
        _await_socket(target.folder)
        asking = Client(folder=target.folder).start(target.services, named=target.named, output=follows)
        for answer in asking:
            match answer:
                case wire.Moved(news=news) | wire.Told(news=news):
                    console(news)
                case wire.Output():
                    run = Run(answer.instance, 0)
                    console.print(Batch(run, answer.label, answer.text.encode(), answer.at))
                case wire.Missed(lines=lines):
                    console.system(f"{lines} lines came too fast: see the log files")
                case wire.Done():
                    status = answer.status
                    error = wire.error_of(answer.faults)
                    if error is not None:
                        raise error
                    for line in answer.lines:
                        console.system(line)
                case _:
                    pass
    except KeyboardInterrupt:
        console.system("left; the launcher goes on (`launcher stop` ends it)")
        status = 130
    finally:
        console.close()
        writer.close(1.0)
    return status


def _await_socket(folder: Path) -> None:
    """The other launcher holds the lock before it can be spoken to: give it the moment that this takes.

    Nothing tells when a name appears in a folder that both Linux and macOS would know, so it is looked for.
    """
    from launcher.control.address import SOCKET_NAME  # noqa: PLC0415
    from launcher.control.running import holder  # noqa: PLC0415

    deadline = time.monotonic() + PATIENCE
    while not (folder / SOCKET_NAME).exists() and holder(folder) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
