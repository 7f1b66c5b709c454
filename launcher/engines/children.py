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
Cancel = Callable[[], None]


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
        told: bytes = b"",
    ) -> Cancel:
        """Run argv; `done(code, last 4096 bytes of output)` is called in the reader's thread, code None at time-out.

        `told` is what it finds on its standard input, less than a pipe holds.
        What is returned kills the command, from any thread, unless it has ended; `done` is then not called any more,
        other than by an end that is just being told.
        """
        command = _Command(self._reader, timeout=timeout, done=done, told=told)
        env = {**env, MARK: marked(env, self._mark)}
        self._reader.call(partial(command.begin, argv, env, directory))
        return partial(self._reader.call, command.cancel)


class _Command:
    """One command, from its being asked for; all methods are for the reader's thread."""

    def __init__(self, reader: Reader, *, timeout: float, done: Done, told: bytes) -> None:
        self._reader = reader
        self._timeout = timeout
        self._done: Done | None = done
        self._told = told
        self._tail = b""
        self._pid: int
        self._output: IO[bytes]

    def begin(self, argv: tuple[str, ...], env: Mapping[str, str], directory: str) -> None:
        stdin = subprocess.DEVNULL
        try:
            stdin = _pipe_of(self._told) if self._told else stdin
            self._pid, self._output = self._reader.beget(
                lambda: subprocess.Popen(
                    argv,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=env,
                    cwd=directory,
                    bufsize=0,
                    start_new_session=True,
                )
            )
        except FileNotFoundError as error:
            self._tell(127, f"{error.filename}: no such file or directory".encode())
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._tell(126, str(error).encode())
        else:
            self._reader.watch(self._pid, self._end)
            self._reader.read(self._output.fileno(), self._took)
            self._reader.after(self._timeout, partial(self._end, None))
        finally:
            if stdin >= 0:
                os.close(stdin)

    def cancel(self) -> None:
        """End it and tell nobody; of one that has ended: nothing happens, for its number may be another's by now."""
        if self._done is not None:
            self._done = _to_nobody
            self._end(None)

    def _took(self, batch: bytes) -> bool:
        self._tail = (self._tail + batch)[-TAIL:]
        return True

    def _end(self, code: int | None) -> None:
        """It has ended, or has to (None); the first of the reasons counts."""
        if self._done is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        self._reader.finish(self._output.fileno())
        self._output.close()
        self._tell(code, self._tail)

    def _tell(self, code: int | None, output: bytes) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(code, output)


def _pipe_of(data: bytes) -> int:
    """A pipe to read `data` from. Nobody reads yet, so what does not fit is cut off rather than waited for."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        os.write(writing, data)
    os.close(writing)
    return reading


def _to_nobody(_code: int | None, _output: bytes) -> None:
    """Its end is of no interest any more."""
