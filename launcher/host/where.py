"""Where code is, told to a person: the function, file and line that its author knows, not what that has called.

Knows frames; nothing of components.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from .folders import is_standard

if TYPE_CHECKING:
    from types import FrameType

HERE = os.path.dirname(__file__) + os.sep  # noqa: PTH120  (compared with file names of frames)


def place(frame: FrameType | None) -> str:
    """Tell "work at /srv/shop/api.py:12": the innermost that is neither ours nor the standard library's."""
    innermost = frame
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_standard(file) and not file.startswith(HERE):
            return _told(frame)
        frame = frame.f_back
    return _told(innermost) if innermost is not None else "nowhere"


def place_of_thread(identity: int | None) -> str:
    """Tell where a thread is just now."""
    return place(sys._current_frames().get(identity or 0))  # noqa: SLF001  (made for this)


def _told(frame: FrameType) -> str:
    function = frame.f_code.co_qualname
    at = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return at if function == "<module>" else f"{function} at {at}"
