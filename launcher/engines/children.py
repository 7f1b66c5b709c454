"""Short commands: exec probes and stop commands, run, awaited and cut off at their time-out.

Each runs in a session of its own, and what it leaves behind in its group is killed with it. Made and heard in the
reader's thread; callable from any. Knows nothing of what a command is for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from typing import IO

from launcher.engines.descent import MARK
from launcher.engines.reader import Reader
from launcher.engines.spawn import marked

#: How much of a command's output is kept: its end.
TAIL = 4096

Done = Callable[[int | None, bytes], None]


class LocalChildren:
    """`Children` on this machine. `identity` is the launcher's, so that the guard knows these processes too."""

    def __init__(self, reader: Reader, *, identity: str) -> None:
        self._reader = reader
        self._mark = f"{identity}::"

    def run(
        self,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        directory: str,
        timeout: float,
        done: Done,
    ) -> None:
        """Run argv; `done(code, last 4096 bytes of output)` is called in the reader's thread, code None at time-out."""
        self._reader.call(partial(self._begin, argv, {**env, MARK: marked(env, self._mark)}, directory, timeout, done))

    def _begin(self, argv: tuple[str, ...], env: dict[str, str], directory: str, timeout: float, done: Done) -> None:
        try:
            pid, output = self._reader.beget(
                lambda: subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=env,
                    cwd=directory,
                    bufsize=0,
                    start_new_session=True,
                )
            )
        except FileNotFoundError as error:
            done(127, f"{error.filename}: no such file or directory".encode())
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            done(126, str(error).encode())
        else:
            _Command(self._reader, pid, output, timeout=timeout, done=done)


class _Command:
    """One command under way."""

    def __init__(self, reader: Reader, pid: int, output: IO[bytes], *, timeout: float, done: Done) -> None:
        self._reader = reader
        self._pid = pid
        self._output = output
        self._done: Done | None = done
        self._tail = b""
        reader.watch(pid, self._ended)
        reader.read(self._output.fileno(), self._took)
        reader.after(timeout, self._overdue)

    def _took(self, batch: bytes) -> bool:
        self._tail = (self._tail + batch)[-TAIL:]
        return True

    def _overdue(self) -> None:
        if self._done is not None:
            self._finish(None)

    def _ended(self, code: int | None) -> None:
        if self._done is not None:
            self._finish(code)

    def _finish(self, code: int | None) -> None:
        done, self._done = self._done, None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        self._reader.finish(self._output.fileno())
        self._output.close()
        if done is not None:
            done(code, self._tail)
