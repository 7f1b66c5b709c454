"""What two processes of ours say to each other over a Unix socket: a line of JSON, then as many bytes as it says.

    {"kind": "out", "name": "web", "pid": 812, "size": 6}
    hello

Knows the form, not the words. It also runs inside apps and inside supervisord: standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Frame = tuple[dict[str, Any], bytes]


def pack(kind: str, payload: bytes = b"", /, **about: object) -> bytes:
    """The bytes of a frame."""
    head = {"kind": kind, **about, **({"size": len(payload)} if payload else {})}
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + payload


class Unpacker:
    """Gives the frames in what arrives, however it was cut on the way."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Every frame that is whole now; raises ValueError at what is none."""
        self._rest += data
        at = 0
        while (end := self._rest.find(b"\n", at)) >= 0:
            head = json.loads(self._rest[at:end])
            size = head.get("size", 0)
            if len(self._rest) - end - 1 < size:
                break
            at = end + 1 + size
            yield head, bytes(self._rest[end + 1 : at])
        del self._rest[:at]
