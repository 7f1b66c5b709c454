"""Just enough HTTP/1.1 to ask the launcher's own server over a socket: one request, one answer, the end.

http.client brings `email`, a quarter of what `launcher status` takes, and takes a stream that is cut for one that ends
(docs/decisions/0008). What comes from elsewhere (`--host`) is read by requests. Knows bytes, not what they say.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping

#: A line of a head is no longer; the server's are some 60 bytes.
LONGEST = 8192


class NotHttp(Exception):
    """What is answered is no HTTP, or was cut."""


class Answer:
    """An answer whose head has been read. Reading on raises NotHttp where it is cut."""

    def __init__(self, sock: socket.socket) -> None:
        self._file = sock.makefile("rb")
        self._length: int | None = None
        self._is_chunked = False
        try:
            self.status = self._head()
        except BaseException:
            self.close()
            raise

    def _head(self) -> int:
        version, _, rest = self._line().partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise NotHttp
        while line := self._line():
            name, _, value = line.partition(b":")
            match name.strip().lower():
                case b"content-length":
                    self._length = _number(value, 10)
                case b"transfer-encoding":
                    self._is_chunked = value.strip().lower() == b"chunked"
        return int(rest[:3])

    def read(self) -> bytes:
        """All of it."""
        return b"".join(self._parts())

    def __iter__(self) -> Iterator[bytes]:
        """Line by line, as they come."""
        rest = b""
        for part in self._parts():
            *lines, rest = (rest + part).split(b"\n")
            yield from (line + b"\n" for line in lines)

    def close(self) -> None:
        """Give back what it holds."""
        self._file.close()

    def _parts(self) -> Iterator[bytes]:
        if self._is_chunked:
            while size := _number(self._line().partition(b";")[0], 16):
                yield self._exactly(size)
                self._line()
        elif self._length is not None:
            yield self._exactly(self._length)
        else:
            yield self._file.read()

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise NotHttp
        return data

    def _line(self) -> bytes:
        line = self._file.readline(LONGEST)
        if not line.endswith(b"\n"):
            raise NotHttp
        return line.rstrip(b"\r\n")


def send(sock: socket.socket, method: str, target: str, headers: Mapping[str, str]) -> None:
    """Send a request without a body; raises NotHttp where it would be none."""
    given = {"Host": "launcher", "Connection": "close", "Content-Length": "0", **headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise NotHttp
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))


def _number(text: bytes, base: int) -> int:
    try:
        found = int(text, base)
    except ValueError:
        raise NotHttp from None
    if found < 0:
        raise NotHttp
    return found
