"""Says who holds up the event loop, to the log of whose code it is and to whoever commands the host; but not too often.

A component that blocks does so again and again, with each request. So its log has one line in ten seconds at most, and
so has who commands. Lives in the thread of the watch; knows nothing of how a stall is found.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from .current import entered

if TYPE_CHECKING:
    from collections.abc import Callable

    from .lag import Stall

#: Seconds between two lines about one component.
PAUSE = 10.0


class Stalls:
    """Called with each stall when it is noticed, and when it is over.

    `tell(name, text)` passes on, to be read after the component's name, what is over: only then does the loop turn that
    takes it along.
    """

    def __init__(self, tell: Callable[[str, str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        #: When something was last said, by component, in its log and to who commands.
        self._written: dict[str | None, float] = {}
        self._told: dict[str | None, float] = {}

    def __call__(self, stall: Stall) -> None:
        """Say it where it is due."""
        if self._is_due(self._written, stall.component):
            with entered(stall.component):
                sys.stderr.write(f"{stall.sentence}\n")
        if stall.is_over and stall.component is not None and self._is_due(self._told, stall.component):
            self._tell(stall.component, stall.deed)

    def _is_due(self, said: dict[str | None, float], name: str | None) -> bool:
        now = self._clock()
        if name in said and now - said[name] < PAUSE:
            return False
        said[name] = now
        return True
