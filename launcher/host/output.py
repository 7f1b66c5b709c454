"""Standard output and error by component: what one prints goes to its own pipe, all else where it always went.

`print` and logging alike, since both write to `sys.stdout` and `sys.stderr` as they stand when an app is imported. The
process keeps both ends of each pipe, so that what one launcher has not read is the next one's.
"""

from __future__ import annotations

import fcntl
import io
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from .current import component

if TYPE_CHECKING:
    import socket

#: So many bytes fit where there is room at all.
_AT_ONCE = select.PIPE_BUF
#: What a pipe may hold that nobody reads for the time being: as much as Linux lets anybody have.
_MOST = 1 << 20
_BATCH = 1 << 16


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
    """The pipes of all components. Whoever reads them is at the other end of a socket, and gone when that is."""

    def __init__(self) -> None:
        self._pipes: dict[str, TextIO] = {}
        self._reading: dict[str, int] = {}
        self._reader: _Reader | None = None
        self._own = sys.stdout

    def install(self) -> None:
        """Stand in for `sys.stdout` and `sys.stderr` from now on."""
        self._own = sys.stdout
        sys.stdout = Stream(sys.stdout, self._pipes)
        sys.stderr = Stream(sys.stderr, self._pipes)

    def give(self, name: str, writing: int, reading: int) -> None:
        """What the component prints goes to this pipe, both of whose ends are ours from now on."""
        self.take_away(name)
        self.forget(name)
        os.set_inheritable(writing, False)
        os.set_inheritable(reading, False)
        raw = _Pipe(writing, is_read=lambda: self._reader, aside=self._put_aside)
        self._reading[name] = reading
        self._pipes[name] = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )

    def take_away(self, name: str) -> None:
        """Write out what is left of a line, and close the component's pipe; what nobody has read is kept."""
        pipe = self._pipes.pop(name, None)
        if pipe is not None:
            with suppress(OSError):
                pipe.close()

    def reading_of(self, name: str) -> int:
        """The end from which the component's pipe is read; -1: there is none."""
        return self._reading.get(name, -1)

    def forget(self, name: str) -> None:
        """What the component has printed is read elsewhere, or never."""
        reading = self._reading.pop(name, -1)
        if reading >= 0:
            os.close(reading)

    def is_read_by(self, peer: socket.socket | None) -> None:
        """Whoever is at the other end reads all pipes from now on; None: nobody does."""
        self._reader = None if peer is None else _Reader(peer)

    def close(self) -> None:
        """What nobody has read goes where the process's own words go: it ends, and the pipes with it."""
        for name in list(self._reading):
            self.take_away(name)
        for reading in self._reading.values() if self._reader is None else ():
            os.set_blocking(reading, False)
            with suppress(OSError):
                while batch := os.read(reading, _BATCH):
                    self._put_aside(batch)

    def _put_aside(self, data: bytes) -> None:
        self._own.write(data.decode("utf-8", "backslashreplace"))
        self._own.flush()


class _Reader:
    """Who reads: a descriptor that has hung up when he has gone. Closed with the last who looks at it."""

    def __init__(self, peer: socket.socket) -> None:
        self.descriptor = os.dup(peer.fileno())

    def __del__(self) -> None:
        os.close(self.descriptor)


class _Pipe(io.RawIOBase):
    """The end of a pipe to which one component writes. Where it is full, who writes waits for who reads.

    Is there nobody, or does he go meanwhile, the pipe is made larger; what does not fit even then is put `aside`: a
    component may not hang, and all others with it, because nobody listens.
    """

    def __init__(
        self, descriptor: int, *, is_read: Callable[[], _Reader | None], aside: Callable[[bytes], None]
    ) -> None:
        self._descriptor = descriptor
        self._is_read = is_read
        self._aside = aside
        self._is_large = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        """Write all of it, wherever to."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            if self._has_room():
                left = left[os.write(self._descriptor, left[:_AT_ONCE]) :]
            elif self._is_large:
                self._aside(bytes(left))
                break
            else:
                self._enlarge()
        return size

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)

    def _has_room(self) -> bool:
        """Wait until there is room; False: nobody reads, and there is none."""
        reader = self._is_read()
        look = select.poll()
        look.register(self._descriptor, select.POLLOUT)
        if reader is not None:
            look.register(reader.descriptor, 0)  # that it has hung up is told unasked
        found = dict(look.poll(None if reader is not None else 0))
        return self._descriptor in found

    def _enlarge(self) -> None:
        self._is_large = True
        if sys.platform == "linux":
            with suppress(OSError):  # its user has enough of them
                fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, _MOST)
