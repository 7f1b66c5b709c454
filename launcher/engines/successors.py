"""Processes that are to come in the place of a group's host: begun beside it, filled, and then in its place at once.

Until then nobody is answered there, so one that fails costs nothing: it is forgotten, and what served goes on. Belongs
to the reader's thread; the engine keeps what serves, and is told when that is another.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from launcher.engines.hostline import HostLine
from launcher.engines.line import Lost
from launcher.engines.tracked import Tracked
from launcher.host.address import beside
from launcher.host.blame import read_blame
from launcher.orchestrator.events import Exited, Meddled, NotRenewed, Post, Risen

if TYPE_CHECKING:
    import socket

    from launcher.engines.hostline import Heard
    from launcher.engines.reader import Reader
    from launcher.orchestrator.orders import Launch, Run
    from launcher.orchestrator.protocols import Sink

#: What is said of one that is not there, or takes nothing in.
SILENT = "its new process does not answer"


class Successor:
    """One of them: the line to it, and what has been started in it, each with the launch."""

    def __init__(self, line: HostLine) -> None:
        self.line = line
        self.coming: dict[str, tuple[Tracked, Launch]] = {}
        #: The run of the host whose place it has been told to take.
        self.host: Run | None = None
        #: What of that has ended since.
        self.ended: dict[str, Exited] = {}

    def holds_back(self, told: Exited) -> bool:
        """Whether an end is kept to itself for now: its place is being taken, and nobody need ever hear of it."""
        if self.host is None or told.instance not in self.coming:
            return False
        self.ended.setdefault(told.instance, told)  # its own words go before those that its process has gone
        return True


class Successors:
    """Those under way, by group.

    `channel_of(group)` is where the host of a group listens; `say_start(line, launch, pipe, held)` has a component
    started; `taken(group, successor)` is called when one has come in its place, `lost(successor)` when one is gone
    before it has.
    """

    def __init__(
        self,
        reader: Reader,
        channel_of: Callable[[str], str],
        *,
        post: Post,
        sink: Sink,
        say_start: Callable[[HostLine, Launch, tuple[int, int], socket.socket | None], None],
        taken: Callable[[str, Successor], None],
        lost: Callable[[Successor], None],
    ) -> None:
        self._reader = reader
        self._channel_of = channel_of
        self._post = post
        self._sink = sink
        self._say_start = say_start
        self._taken = taken
        self._lost = lost
        self._of: dict[str, Successor] = {}

    def of(self, group: str) -> Successor | None:
        """The one of a group, if one is under way."""
        return self._of.get(group)

    def start(self, launch: Launch, held: socket.socket | None) -> None:
        """Start a component there, beside the one that serves on the same socket; Risen or NotRenewed follows."""
        assert launch.app is not None
        successor = self._connected(launch.app.group)
        reading, writing = os.pipe()
        line = successor.line if successor is not None else None
        is_told = line is not None and line.is_told(partial(self._say_start, line, launch, (writing, reading), held))
        os.close(writing)
        if successor is None or not is_told:
            os.close(reading)
            self._post(NotRenewed(launch.instance, launch.generation - 1, SILENT))
            return
        tracked = Tracked(launch.run, launch.app.group, successor.line, reading)
        successor.coming[launch.instance] = (tracked, launch)
        tracked.read(self._reader, self._sink)

    def take_place(self, host: Run, group: str) -> Successor | None:
        """Have one come in the place of a run of its host; None: it is not there, and that is posted."""
        successor = self._connected(group)
        if successor is None:
            self._post(NotRenewed(host.instance, host.generation, SILENT))
            return None
        successor.host = host
        return successor

    def drop(self) -> None:
        """Let go of all."""
        for successor in self._of.values():
            self._reader.listen_no_more(successor.line.fileno())
            self._forget(successor)
        self._of.clear()

    def _connected(self, group: str) -> Successor | None:
        found = self._of.get(group)
        if found is None:
            try:
                found = Successor(HostLine(beside(self._channel_of(group))))
            except Lost:
                return None
            self._of[group] = found
            self._listen(group, found)
        return found

    def _listen(self, group: str, successor: Successor) -> None:
        self._reader.when_readable(successor.line.fileno(), partial(self._hear, group, successor))

    def _hear(self, group: str, successor: Successor) -> None:
        try:
            heard = successor.line.hear()
        except Lost:
            self._lose(group, successor)
            return
        for one in heard:
            if one == "taken":
                del self._of[group]
                self._taken(group, successor)
                return
            self._take_in(successor, one)
        self._listen(group, successor)

    def _take_in(self, successor: Successor, heard: Heard) -> None:
        match heard:
            case Risen():
                self._post(heard)
            case Meddled():  # said of the start that the loop knows
                self._post(replace(heard, generation=heard.generation - 1))
            case Exited() if heard.instance in successor.coming:
                tracked, _ = successor.coming.pop(heard.instance)
                tracked.finish(self._reader, self._sink)
                self._post(NotRenewed(heard.instance, heard.generation - 1, heard.why or "it has ended"))

    def _lose(self, group: str, successor: Successor) -> None:
        """It is gone, and with it all that was started in it; what serves goes on, and its ends are told now."""
        del self._of[group]
        self._reader.end_of(successor.line.pid, partial(self._end, group, successor))

    def _end(self, group: str, successor: Successor, code: int | None) -> None:
        cause, when = read_blame(beside(self._channel_of(group)), code)
        if cause in successor.coming:
            run = successor.coming[cause][0].run
            self._post(NotRenewed(cause, run.generation - 1, f"it took its new process along {when}"))
        if successor.host is not None:
            self._post(NotRenewed(successor.host.instance, successor.host.generation, SILENT))
        self._forget(successor)
        self._lost(successor)

    def _forget(self, successor: Successor) -> None:
        for tracked, _ in successor.coming.values():
            tracked.finish(self._reader, self._sink)
        successor.line.close()
