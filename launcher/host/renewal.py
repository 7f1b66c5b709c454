"""One component in the place of another of its name: what it has of that place until it has come in.

The old one serves, and the new one begins beside it; when it is ready the gate opens to it between two requests. Knows
gates and doors; nothing of how either is imported or ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from .gate import Gate, Tenure

    class Space(Protocol):
        """A place: a gate, and a door for requests."""

        @property
        def gate(self) -> Gate: ...

        @property
        def listener(self) -> Any: ...


class Renewal(NamedTuple):
    """What came of it. Not done: why not, and whether a new process could do what this one cannot."""

    why: str
    is_done: bool = True
    needs_process: bool = False


class Beside:
    """A gate and a door that are a component's only once it has come in; before, it has nothing to shut or to close."""

    def __init__(self, space: Space, come_in: Callable[[Tenure], None]) -> None:
        self._space = space
        self._come_in = come_in
        self.is_in = False

    def open(self, tenure: Tenure) -> None:
        """Let the next request in to this one."""
        self.is_in = True
        self._come_in(tenure)

    def shut(self, why: str) -> None:
        """As the gate has it."""
        if self.is_in:
            self._space.gate.shut(why)

    async def close(self) -> None:
        """As the door has it."""
        if self.is_in:
            await self._space.listener.close()
