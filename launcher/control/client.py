"""Ask a running launcher: one connection for each request, its answers as they come.

Knows the wire and where the socket lies; prints nothing and decides nothing.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from launcher.control import wire
from launcher.control.address import reachable
from launcher.errors import LauncherGone, NothingRunning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: A launcher that runs answers a look at it in milliseconds; one that is stopped (SIGSTOP) or hangs never does.
PATIENCE: Final = 10.0


class Client:
    """Speaks to the launcher of one run folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, request: wire.AnyRequest) -> Iterator[wire.AnyAnswer]:
        """Send `request` and yield every answer up to the last one; closing the iterator leaves the conversation.

        Raises NothingRunning when nobody listens (a socket that a crash left behind included), LauncherGone when the
        launcher ends, or does not answer a plain question, before the last answer.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            self._connect(connection)
            patient = not isinstance(request, wire.Ping | wire.Status | wire.LastStart)
            try:
                connection.sendall(wire.encode(request))
                if patient:
                    connection.settimeout(None)
                with connection.makefile("rb") as lines:
                    for line in lines:
                        if not line.endswith(b"\n"):
                            break
                        answer = wire.decode_answer(line)
                        yield answer
                        if wire.is_last(request, answer):
                            return
            except TimeoutError as problem:
                raise LauncherGone(
                    f"the launcher in {self._folder} has not answered for {PATIENCE:g} s",
                    remedy="It may be stopped (SIGSTOP) or hang; see what its process does.",
                ) from problem
            except (ConnectionError, BrokenPipeError) as problem:
                raise self._gone() from problem
            raise self._gone()

    def tell(self, request: wire.AnyRequest) -> wire.AnyAnswer:
        """Send `request` and return its last answer alone."""
        last: wire.AnyAnswer | None = None
        for answer in self.ask(request):
            last = answer
        if last is None:
            raise self._gone()
        return last

    def _connect(self, connection: socket.socket) -> None:
        try:
            with reachable(self._folder) as address:
                connection.connect(address)
        except TimeoutError as problem:
            raise LauncherGone(f"the launcher in {self._folder} takes no connection") from problem
        except OSError as problem:
            raise NothingRunning(f"no launcher listens in {self._folder} ({problem.strerror})") from problem

    def _gone(self) -> LauncherGone:
        return LauncherGone(f"the launcher in {self._folder} ended before it had answered")
