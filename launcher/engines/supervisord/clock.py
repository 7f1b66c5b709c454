"""Keeps supervisord's deadlines where they are when the wall clock jumps ahead; supervisord itself sees to jumps back.

It compares wall-clock times at each turn of its loop: without this, an hour ahead ends every grace period at once, and
what was being stopped is killed.
"""

from __future__ import annotations

import time
from typing import Any

from supervisor.process import Subprocess

#: Where the difference of the two clocks at the last look stands on a process.
_DRIFT = "launcher_drift"
#: A turn of the loop, in seconds: what is less is no jump.
_JUMP = 1.0


def mend_clock() -> None:
    """Have each process's deadline jump along; once, for all that come."""
    adjust = Subprocess._check_and_adjust_for_system_clock_rollback  # noqa: SLF001  (there is no other place)
    if getattr(adjust, "is_ours", False):
        return

    def adjusting(self: Any, now: float) -> None:
        drift = now - time.monotonic()
        jump = drift - getattr(self, _DRIFT, drift)
        setattr(self, _DRIFT, drift)
        if jump > _JUMP and self.delay > 0:
            self.delay += jump
        adjust(self, now)

    adjusting.is_ours = True  # type: ignore[attr-defined]
    Subprocess._check_and_adjust_for_system_clock_rollback = adjusting  # noqa: SLF001
