"""A process of one app: imported, then served in the main thread, which an app alone in its process may well expect.

Says READY, drains at the first SIGTERM or SIGINT, gives way at the second. Knows signals; must not know where the
sockets come from.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .component import Component
from .gate import Gate
from .importing import load
from .listener import TICK, Listener, log_process, loop_factory
from .notify import notify
from .target import parse_target

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from .component import Ending


def serve_one(
    text: str,
    sockets: list[socket.socket],
    *,
    paths: Iterable[str],
    drain: float,
    mount: tuple[str, bool] = ("", False),
) -> int:
    """Serve one app until SIGTERM or SIGINT; returns the exit code. Raises CannotServe, where it cannot be imported.

    `mount` is its prefix, and whether that is stripped.
    """
    parse_target(text)
    began = time.monotonic()
    loaded = load(text, paths)
    with suppress(OSError):  # for the launcher's timeline: nobody needs to hear it
        notify(f"X_LAUNCHER_IMPORT_SECONDS={time.monotonic() - began:.6f}")
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(text, loaded, sockets, drain, mount)).code


async def _serve(
    text: str, loaded: tuple[Any, bool], sockets: list[socket.socket], drain: float, mount: tuple[str, bool]
) -> Ending:
    gate = Gate(text)
    listener = Listener(_mounted(gate, *mount), drain=drain)

    async def load_it() -> tuple[Any, bool]:
        return loaded

    component = Component(
        text,
        gate=gate,
        listener=listener,
        load=load_it,
        accept=lambda: listener.open(sockets),
        ready=_ready,
        stop_timeout=None,
    )
    _obey_signals(asyncio.get_running_loop(), component)
    ticking = asyncio.create_task(_tick(listener))
    log_process("Started")
    try:
        ending = await component.live()
        if ending.asked:
            log_process("Finished")
        return ending
    finally:
        ticking.cancel()
        _give_way()  # the loop is about to close and could not be woken


def _mounted(gate: Gate, prefix: str, strip: bool) -> Any:  # noqa: FBT001  (of a pair)
    prefix = prefix.rstrip("/")
    if not prefix:
        return gate
    from .mounts import Mount, Mounts  # noqa: PLC0415  (few have a prefix)

    return Mounts([Mount(prefix, gate, strip)])


def _ready() -> None:
    try:
        notify("READY=1")
    except OSError as error:
        sys.stderr.write(f"the app is ready, but $NOTIFY_SOCKET could not be told: {error}\n")


async def _tick(listener: Listener) -> None:
    while True:
        await asyncio.sleep(TICK)
        await listener.on_tick(0)


def _obey_signals(loop: asyncio.AbstractEventLoop, component: Component) -> None:
    """Drain at the first signal; the second ends the process, whatever the app is doing.

    Python's own handlers, not the loop's: those need a loop that turns, and an app may be stuck in a call. A stop that
    was asked for is no failure, so its code is 0.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        _give_way()
        loop.call_soon_threadsafe(component.stop)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _give_way() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
