"""Keeps what a component does to the process, at its import and at its start, from its neighbours.

A component that cannot share the process is refused: before its import by what is known of it, or right after it by
what it did. What it changed of the process is put back as it was before any component came, and said in its own log and
to whoever commands the host. Two may be at it at once, one imported on the main thread, others starting in the loop's:
each is charged with what changed meanwhile, and nothing half done is ever taken for the state to go back to.

Knows the order of these steps; nothing of how an app is imported or begun. Only the loop's thread changes what is known
here.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from .folders import Folders
from .process_state import SIGNALS, compare, restore, settled, snapshot
from .target import CannotServe, Unshareable
from .unshareable import before_import, watched

if TYPE_CHECKING:
    from .description import Description
    from .process_state import State
    from .unshareable import Problem

T = TypeVar("T")


class Isolation:
    """The components of one process, each kept from what another does to it.

    `tell(name, text)` passes on what a component did, to be read after its name; it is called in the loop's thread.
    """

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._described: dict[str, Description] = {}
        self._is_ending = False
        self.folders = Folders()

    def open(self) -> None:
        """Take the process as it is now for what it has to be; called in the loop's thread, as the next two are."""
        self._loop = asyncio.get_running_loop()
        self._well = snapshot()

    def admit(self, described: Description) -> None:
        """Count a component among the neighbours; its folders come first on the module path of all."""
        self._described = {**self._described, described.name: described}
        self.folders.add(described)
        new = [folder for folder in described.folders if folder not in sys.path]
        sys.path[:0] = new
        self._well = {**self._well, "sys.path": [*new, *self._well["sys.path"]]}

    def forget(self, name: str) -> None:
        """Count a component among the neighbours no more."""
        self._described = {other: described for other, described in self._described.items() if other != name}
        self.folders.forget(name)

    def neighbours_of(self, name: str) -> list[Description]:
        """What is known of the other components."""
        return [one for other, one in self._described.items() if other != name]

    def end(self) -> None:
        """Put nothing back any more: the process ends, and how it hears signals is no component's doing."""
        self._is_ending = True

    def imported(self, name: str, load: Callable[[], T]) -> T:
        """Import a component with `load`, on the main thread; raises Unshareable where it cannot share the process."""
        known = self._described
        neighbours = [one for one in known.values() if one.name != name]
        _refuse(one for one in before_import([*neighbours, known[name]]) if one.component == name)
        begun = snapshot()
        problems: list[Problem] = []
        try:
            with watched(known[name], neighbours) as problems:
                loaded = load()
        except CannotServe as error:
            _refuse(problems, error.origin)
            raise
        finally:
            self._put_back(name, begun)
        _refuse(problems)
        return loaded

    @contextmanager
    def starting(self, name: str) -> Iterator[None]:
        """Have the block begin the lifespan of a component, in the loop's thread."""
        begun = snapshot()
        try:
            yield
        finally:
            self._put_back(name, begun)

    def _put_back(self, name: str, begun: State) -> None:
        """Put back what has changed since `begun` and is not as it has to be, and say so."""
        if self._is_ending:
            return
        now = snapshot()
        changed = {one.item.name for one in compare(begun, now)}
        if threading.current_thread() is not threading.main_thread():
            changed.discard(SIGNALS)  # an import's, which puts them back itself: no other thread can set one
        wanted = {**now, **{item: self._well[item] for item in changed}}
        left = {one.item.name: one.sentence for one in restore(wanted, now)}
        for one in compare(wanted, now):
            self._say(name, left.get(one.item.name, f"{one.sentence}: put back"))
        self._loop.call_soon_threadsafe(self._settle, snapshot(), left)

    def _say(self, name: str, text: str) -> None:
        sys.stderr.write(f"{name} {text}\n")
        self._loop.call_soon_threadsafe(self._tell, name, text)

    def _settle(self, now: State, left: Collection[str]) -> None:
        self._well = settled(self._well, now, left)


def _refuse(problems: Iterable[Problem], origin: BaseException | None = None) -> None:
    """Raise the first of them; one reason is enough."""
    for problem in problems:
        raise Unshareable(problem.sentence, problem.reason, is_spoilt=not problem.is_restorable, origin=origin)
