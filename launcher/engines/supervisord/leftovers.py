"""What programs leave behind when they end: the rest of their group, and descendants in sessions of their own.

Supervisord signals groups and reaps its own children; whoever left is nobody's. The plugin gives each process a mark
that its descendants inherit, `<supervisord's identity>:<program>:<process>`, and here they are found by it. Lives in
the reader's thread; ends in bursts are answered by one census.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from launcher.engines.descent import Census, marks_of, take_census

if TYPE_CHECKING:
    from launcher.engines.reader import Reader


class _Rest:
    """What is left of a program's process that has ended."""

    def __init__(self, number: int, lingers: Callable[[int], None], gone: Callable[[], None]) -> None:
        #: The signal that they get; who has got it; and who is not ours to signal.
        self.number = number
        self.reached: set[int] = set()
        self.beyond: set[int] = set()
        self.lingers = lingers
        self.gone = gone
        #: The one whose end is awaited: when it is gone, the others are looked at again.
        self.watching = 0


class Leftovers:
    """Of the programs of one supervisord, by the process they belonged to."""

    def __init__(self, reader: Reader, identity: str) -> None:
        self._reader = reader
        self._identity = identity
        self._rests: dict[int, _Rest] = {}

    def end(self, main: int, number: int, *, lingers: Callable[[int], None], gone: Callable[[], None]) -> None:
        """Send a signal to what a process that has ended left behind; `gone` is called once nothing is left.

        `lingers` is called with how many there are, if there are any.
        """
        self._rests[main] = _Rest(number, lingers, gone)
        self._reader.when_quiet(self._reckon)

    def kill(self, main: int) -> None:
        """Kill them, where they have not gone."""
        rest = self._rests.get(main)
        if rest is not None and rest.number != signal.SIGKILL:
            rest.number = signal.SIGKILL
            rest.reached.clear()
            self._reader.when_quiet(self._reckon)

    def strays(self, mains: Collection[int]) -> set[int]:
        """The processes that have left somebody behind; `mains` are those that run."""
        found = set()
        for pid in take_census():
            main = self._main_of(pid)
            if main is not None and main not in mains:
                found.add(main)
        return found

    def _reckon(self) -> None:
        families = self._families()
        for main, rest in list(self._rests.items()):
            family = families.get(main, set()) - rest.beyond
            if not family:
                del self._rests[main]
                rest.gone()
                continue
            if rest.watching not in family:
                is_first, rest.watching = not rest.watching, min(family)
                self._reader.watch(rest.watching, lambda _code: self._reader.when_quiet(self._reckon))
                if is_first:
                    rest.lingers(len(family))
            self._reach(rest, family - rest.reached)

    def _reach(self, rest: _Rest, family: set[int]) -> None:
        for pid in family:
            try:
                os.kill(pid, rest.number)
            except ProcessLookupError:
                pass
            except PermissionError:
                rest.beyond.add(pid)
                self._reader.when_quiet(self._reckon)
        rest.reached |= family

    def _families(self) -> dict[int, set[int]]:
        census = take_census()
        families: dict[int, set[int]] = {}
        for pid, process in census.items():
            if process.dead or pid in self._rests:
                continue
            # Of a group whose number a new process has, nobody is left.
            main = process.group if process.group in self._rests and process.group not in census else None
            main = main or self._main_of(pid)
            if main in self._rests:
                families.setdefault(main, set()).update(_line_of(pid, census))
        return families

    def _main_of(self, pid: int) -> int | None:
        """The process that a program was, of which this one descends; None: of none of this supervisord's."""
        for mark in marks_of(pid):
            identity, _, rest = mark.partition(":")
            number = rest.partition(":")[2].partition(":")[0]
            if identity == self._identity and number.isdecimal():
                return int(number)
        return None


def _line_of(pid: int, census: Census) -> set[int]:
    """A process and its living descendants: one may have cleared its environment."""
    found, ahead = {pid}, [pid]
    while ahead:
        parent = ahead.pop()
        for child, process in census.items():
            if process.parent == parent and child not in found and not process.dead:
                found.add(child)
                ahead.append(child)
    return found
