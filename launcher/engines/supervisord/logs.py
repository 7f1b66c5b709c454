"""Keeps a full disk from harming more than logs: supervisord's log files, mended where supervisor is known.

When a log file cannot be rolled over, supervisor's handler raises into whoever wrote, then and at every later write:
what a program prints is lost to the agent too. And every line that cannot be written is told with a traceback. Here,
supervisord goes on without that log, and tells it once for each file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from supervisor.loggers import FileHandler, RotatingFileHandler

#: Where it stands on a handler that a failure was told, and on all of them whom to tell.
_TOLD, _SAY = "launcher_told", "launcher_say"


def mend_logs(say: Callable[[str], None]) -> None:
    """Have failures to write a log told to `say`, and nothing else come of them."""
    setattr(FileHandler, _SAY, staticmethod(say))
    roll, fail = RotatingFileHandler.doRollover, FileHandler.handleError
    if getattr(roll, "is_ours", False):
        return

    def rolling(self: Any) -> None:
        try:
            roll(self)
        except OSError:
            self.handleError()
            _open_again(self)

    def failing(self: Any) -> None:
        problem = sys.exc_info()[1]
        if not isinstance(problem, OSError):
            fail(self)
        elif not getattr(self, _TOLD, False):
            setattr(self, _TOLD, True)
            text = f"cannot write {self.baseFilename}: {problem.strerror}; going on without"
            with suppress(OSError, ValueError):  # there may be nobody
                sys.stderr.write(f"launcher: {text}\n")
            getattr(FileHandler, _SAY)(text)

    rolling.is_ours = True  # type: ignore[attr-defined]
    RotatingFileHandler.doRollover = rolling
    FileHandler.handleError = failing


def _open_again(handler: Any) -> None:
    """What was in its buffer is lost with the stream that could not be closed."""
    for path in (handler.baseFilename, os.devnull):
        with suppress(OSError):
            handler.stream = open(path, "ab")  # noqa: PTH123, SIM115  (as supervisor does)
            return
