"""When memory has run out: what the frames of an exception hold is let go, for whoever tells of it needs some.

A traceback keeps all that the code had at hand which took too much. Without this the answer 500, and the word that a
component has failed, would fail for want of memory, too. Knows exceptions and modules alone.
"""

from __future__ import annotations

import sys
from contextlib import suppress


def let_go(error: BaseException) -> None:
    """Empty the frames that an exception comes from, where it is for want of memory.

    So is a module whose import has failed by it, which nobody can get any more; frames that run are left.
    """
    cause: BaseException | None = error
    while isinstance(cause, MemoryError):
        step = cause.__traceback__
        while step is not None:
            with suppress(RuntimeError):  # it runs
                step.tb_frame.clear()
            if step.tb_frame.f_globals.get("__name__") not in sys.modules:
                step.tb_frame.f_globals.clear()
            step = step.tb_next
        cause = cause.__context__
