"""How an engine begins that speaks to hosts, where hosts run already: each is asked, and none for long.

A host that does not listen yet is asked once more when the loop has taken in what its own engine told of it: from then
on its READY=1 is heard. So none is missed between the two. Lives in the reader's thread; knows groups, nothing of what
runs in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from launcher.orchestrator.events import Opened, Post, SnapshotAsked

if TYPE_CHECKING:
    from launcher.engines.reader import Reader
    from launcher.profile.model import EngineName

#: How long a host that runs already may take to tell what runs in it, in seconds.
PATIENCE = 2.0


class Adoption:
    """Once for each engine. `connect(group)` asks a group's host; False: nobody listens.

    `told` is called when the loop has taken in all that a host has told, whether it was asked here or later.
    """

    def __init__(
        self,
        engine: EngineName,
        reader: Reader,
        post: Post,
        *,
        connect: Callable[[str], bool],
        told: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._post = post
        self._connect = connect
        self._told = told
        self._asked: set[str] = set()
        self._unopened: set[str] = set()

    def begin(self, groups: Iterable[str]) -> None:
        """Ask all hosts; Opened follows."""
        groups = set(groups)
        self._asked = self._unopened = {group for group in groups if self._connect(group)}
        if self._unopened:
            self._reader.after(PATIENCE, self._open)
        else:
            self._post(Opened(self._engine))
        if silent := groups - self._unopened:
            self._when_taken_in(lambda: self._ask_again(silent))

    def awaits(self, group: str) -> bool:
        """Whether a host was asked here, and has not told yet."""
        return group in self._asked

    def has_told(self, group: str) -> None:
        """A host has told of all that runs in it, or has ended."""
        self._asked = self._asked - {group}
        self._when_taken_in(lambda: self._told(group))
        if group in self._unopened:
            self._unopened = self._unopened - {group}
            if not self._unopened:
                self._post(Opened(self._engine))

    def _open(self) -> None:
        if self._unopened:
            self._unopened = set()
            self._post(Opened(self._engine))

    def _ask_again(self, groups: set[str]) -> None:
        for group in groups:
            if self._connect(group):
                self._asked = self._asked | {group}

    def _when_taken_in(self, action: Callable[[], None]) -> None:
        self._post(SnapshotAsked(lambda _snapshot: self._reader.call(action)))
