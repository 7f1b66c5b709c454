"""`--detach`: the launcher goes on in the background, and what it has to say until then comes over a pipe.

The foreground process forks, prints what arrives, and ends with the status that closes the report. It knows nothing of
services.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress

from launcher.errors import WaitTimeout

#: What ends the report: never part of a line of text.
END = b"\x00"


class Report:
    """The background's end of the pipe: text goes to `descriptor`, and `close` ends it with an exit status.

    Whoever reads may have gone (`launcher start --detach | head`); that is nothing to the background.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._is_open = True

    def tell(self, text: str) -> None:
        """Let the foreground print this."""
        with suppress(BrokenPipeError):
            os.write(self.descriptor, text.encode())

    def close(self, status: int) -> None:
        """Let the foreground go with this exit status. Only the first call counts."""
        if self._is_open:
            self._is_open = False
            with suppress(BrokenPipeError):
                os.write(self.descriptor, END + str(status).encode())
            os.close(self.descriptor)


def detach(*, timeout: float | None) -> Report | int:
    """Fork. In the background: the report to write to. In the foreground: the exit status, once that is known.

    `timeout`: how many seconds the foreground waits for it before it raises WaitTimeout; the background goes on.
    """
    reading, writing = os.pipe()
    background = os.fork()
    if background:
        os.close(writing)
        return _listen(reading, background, timeout)
    os.close(reading)
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return Report(writing)


def _listen(reading: int, background: int, timeout: float | None) -> int:
    deadline = None if timeout is None else time.monotonic() + timeout
    with open(reading, "rb", buffering=0) as report:
        while True:
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not select.select([report], [], [], left)[0]:
                    raise WaitTimeout(
                        f"not ready within {timeout:g} s; the launcher (pid {background}) goes on in the background"
                    )
                text, end, status = report.read(65536).partition(END)
            except KeyboardInterrupt:
                os.kill(background, signal.SIGINT)  # it stops what it has started, and says so
                continue
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
            if end:
                return int(status)
            if not text:  # it ended without a word
                _, wait_status = os.waitpid(background, 0)
                return os.waitstatus_to_exitcode(wait_status) or 1
