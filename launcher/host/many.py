"""A process of many components: the main thread imports and hears signals, the event loop turns in a second one.

Ends on SIGTERM or SIGINT when all components have ended, at the deadline all the same, and at the second signal at
once; and in the same way when the process that started it has gone, for whoever comes then begins with a host of its
own. Knows threads and signals; what is started and when is said over the channel.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import environment, last_words, root_logger
from .address import beside
from .blame import Blame
from .channel import Channel
from .hosting import Host
from .importing import SWITCH_INTERVAL, MainThread
from .listener import configure_logging, loop_factory
from .notify import notify
from .output import Output
from .patches import CannotReplace
from .target import CannotServe

if TYPE_CHECKING:
    from types import FrameType


def serve_many(path: str, *, group: str, grace: float, is_beside: bool = False) -> int:
    """Serve what is asked for on the channel at `path`, until told to end; `grace` is how long that may take.

    `is_beside`: another process listens there, until this one is told to take its place.
    """
    blame = Blame(beside(path) if is_beside else path)
    try:
        environment.install()
        root_logger.install()
    except CannotReplace as error:
        raise CannotServe(str(error)) from None
    output = Output()
    output.install()
    last_words.install(blame)
    configure_logging()
    sys.setswitchinterval(SWITCH_INTERVAL)
    channel = Channel(path, output, blame, group=group, is_beside=is_beside)
    main = MainThread()
    host = Host(
        main,
        output,
        blame,
        ended=channel.ended,
        noted=channel.noted,
        renewed=channel.renewed,
        risen=channel.risen,
        taken=channel.taken,
    )
    loop = loop_factory()()
    loop.set_task_factory(host.boundary.make_task)

    def cut_off() -> None:
        last_words.cut_off(host.importing, main.place())

    _obey_signals(loop, host, blame, grace, cut_off)
    thread = threading.Thread(target=_turn, args=(loop, host, channel, main, cut_off), name="loop", daemon=True)
    thread.start()
    main.serve()
    thread.join()
    output.close()
    blame.close()
    return 0


def _turn(
    loop: asyncio.AbstractEventLoop, host: Host, channel: Channel, main: MainThread, cut_off: Callable[[], None]
) -> None:
    asyncio.set_event_loop(loop)
    try:
        task = loop.create_task(_run(host, channel))
        task.add_done_callback(lambda _: loop.stop())
        host.boundary.turn(loop)
        task.result()
    except BaseException:  # noqa: BLE001  (a bug of ours; the main thread would wait for ever)
        import traceback  # noqa: PLC0415  (never, one hopes)

        traceback.print_exc()
        sys.stderr.flush()
        os._exit(70)  # EX_SOFTWARE of sysexits.h
    main.close()
    if host.importing:  # past the time that its end may take, and all else has ended
        cut_off()


async def _run(host: Host, channel: Channel) -> None:
    channel.open(host)
    _end_with_parent()
    try:
        notify("READY=1")
    except OSError as error:
        sys.stderr.write(f"the host is ready, but $NOTIFY_SOCKET could not be told: {error}\n")
    await host.run()
    channel.close()


def _end_with_parent() -> None:
    """Have SIGTERM sent to this process when its parent ends, where the system tells."""
    if not hasattr(os, "pidfd_open"):
        return
    loop = asyncio.get_running_loop()
    try:
        parent = os.pidfd_open(os.getppid())
    except OSError:
        return

    def ended() -> None:
        loop.remove_reader(parent)
        os.close(parent)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(parent, ended)


def _obey_signals(
    loop: asyncio.AbstractEventLoop, host: Host, blame: Blame, grace: float, cut_off: Callable[[], None]
) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        host.isolation.end()
        blame.settle("", "")  # whoever does not end now is not why the process does
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        deadline = threading.Timer(grace, cut_off)
        deadline.daemon = True
        deadline.start()
        loop.call_soon_threadsafe(host.end)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
