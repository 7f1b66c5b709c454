"""Standard output and error by component: what one prints goes to its own pipe, all else where it always went.

`print` and logging alike, since both write to `sys.stdout` and `sys.stderr` as they stand when an app is imported. A
pipe that nobody reads any more is left for the process's own stream.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from .current import component


class Stream:
    """Stands in for one of the two: whatever is asked of it, the stream of whose code runs is asked."""

    def __init__(self, own: TextIO, pipes: dict[str, TextIO]) -> None:
        self._own = own
        self._pipes = pipes

    def write(self, text: str) -> int:
        name = component.get()
        pipe = self._pipes.get(name) if name is not None else None
        if pipe is not None:
            try:
                return pipe.write(text)
            except (OSError, ValueError):  # its reader has gone, or it was closed just now
                self._pipes.pop(name or "", None)
        return self._own.write(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._own.flush()

    @property
    def _stream(self) -> TextIO:
        name = component.get()
        return self._own if name is None else self._pipes.get(name, self._own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)


class Output:
    """The pipes of all components."""

    def __init__(self) -> None:
        self._pipes: dict[str, TextIO] = {}

    def install(self) -> None:
        """Stand in for `sys.stdout` and `sys.stderr` from now on."""
        sys.stdout = Stream(sys.stdout, self._pipes)
        sys.stderr = Stream(sys.stderr, self._pipes)

    def give(self, name: str, descriptor: int) -> None:
        """What the component prints goes to this pipe, which is ours from now on."""
        self.take_away(name)
        os.set_inheritable(descriptor, False)
        raw = io.FileIO(descriptor, "wb")
        self._pipes[name] = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )

    def take_away(self, name: str) -> None:
        """Write out what is left of a line, and close the component's pipe."""
        pipe = self._pipes.pop(name, None)
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                pipe.detach().detach().close()  # type: ignore[attr-defined]  # what nobody reads need not be written
