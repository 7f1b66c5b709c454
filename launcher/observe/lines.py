r"""Bytes into lines: what a service prints comes in batches that end anywhere, and leaves here as whole lines.

Everything works on whole batches with the C methods of `bytes`; no code here runs once per line, so that a batch of
800 lines costs about what one of 8 does. Knows nothing of services, files or terminals.

A line ends at `\n`, `\r\n` or a lone `\r`, and leaves with `\n`. (honcho cuts with `str.splitlines`, so at `\v`,
`\f`, `\x1c`-`\x1e`, `\x85`, U+2028 and U+2029 too: we leave these in their line, since finding them would mean
looking at every character.) As with honcho a `\r` alone shows nothing before the next `\n` comes.
"""

from __future__ import annotations

from typing import Protocol

#: A longer line is broken into pieces of this many bytes, each a line of its own: nobody's line may fill our memory.
LONGEST_LINE = 64 * 1024


class Redact(Protocol):
    """Takes secrets out of lines."""

    @property
    def longest(self) -> int:
        """How many bytes the longest secret has."""
        ...

    def __call__(self, lines: bytes) -> bytes:
        """Lines without secrets."""
        ...


class Joiner:
    """Joins what one run prints into whole lines; holds at most one unfinished line of `LONGEST_LINE` bytes.

    Where a longer line must be cut, `redact` is asked first, with as many bytes beyond the cut as a secret may have: no
    secret is cut in two. It is given nothing else.
    """

    __slots__ = ("_redact", "_rest")

    def __init__(self, redact: Redact | None = None) -> None:
        self._rest = b""
        self._redact = redact

    def take(self, data: bytes) -> bytes:
        """Add a batch; give all the lines that are whole now, the last one ending in a newline, or nothing."""
        text = self._rest + data if self._rest else data
        start = at = 0
        pieces: list[bytes] = []
        # In strides of the longest line: where a stride holds a newline, every line up to its last one is short enough.
        while len(text) - at > LONGEST_LINE:
            newline = text.rfind(b"\n", at, at + LONGEST_LINE + 1)
            if newline >= 0:
                at = newline + 1
            elif (safe := self._safe_to_cut(text, at)) is None:
                break
            elif safe is not text:
                text = safe
            else:
                at = _character_start(text, at + LONGEST_LINE)
                pieces.append(text[start:at])
                start = at
        end = text.rfind(b"\n", at) + 1 or at
        self._rest = text[end:]
        lines = text[start:end]
        if pieces:
            lines = b"\n".join((*pieces, lines))
        return _with_plain_newlines(lines)

    def _safe_to_cut(self, text: bytes, at: int) -> bytes | None:
        """Give the text without secrets that reach over the cut; None: it cannot be told yet."""
        if self._redact is None:
            return text
        beyond = at + LONGEST_LINE + self._redact.longest
        if len(text) < beyond:
            return None
        seen = text[at:beyond]
        redacted = self._redact(seen)
        return text if redacted == seen else text[:at] + redacted + text[beyond:]

    def finish(self) -> bytes:
        """Nothing more comes: what is left of a line without a newline, as a line."""
        rest, self._rest = _with_plain_newlines(self._rest), b""
        return rest if not rest or rest.endswith(b"\n") else rest + b"\n"


def _character_start(text: bytes, at: int) -> int:
    """Step back from the middle of a UTF-8 character (at most 4 bytes) to its first byte."""
    for back in range(4):
        if text[at - back] & 0xC0 != 0x80:  # noqa: PLR2004  (10xxxxxx is a continuation byte)
            return at - back
    return at


def _with_plain_newlines(lines: bytes) -> bytes:
    if b"\r" in lines:
        return lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return lines


def prefixed(lines: bytes, prefix: bytes) -> bytes:
    """Put `prefix` before each of `lines`, which end in a newline."""
    return b"".join((prefix, lines[:-1].replace(b"\n", b"\n" + prefix), b"\n"))


def valid_utf8(lines: bytes) -> bytes:
    """Replace what is no UTF-8 by U+FFFD, as honcho does; nearly free for ASCII, cheap for valid text."""
    if lines.isascii():
        return lines
    try:
        lines.decode()
    except UnicodeDecodeError:
        return lines.decode("utf-8", "replace").encode()
    return lines
