"""Sizes ("512MB") and ranges of ports ("8000-8099") as people write them.

Knows text and numbers only.
"""

from __future__ import annotations

import re

from launcher.errors import WrongType

#: Units are powers of 1024 with or without the `i`, as in Compose and systemd.
_SIZE = r"(\d+(?:\.\d+)?)\s*(?:([kmgt])i?)?b?"
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_PORTS = r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?"

#: The same grammar for the JSON Schema.
PATTERN = r"^\s*\d+(\.\d+)?\s*([kKmMgGtT]i?)?[bB]?\s*$"
LAST_PORT = 65535


def parse_size(value: object) -> int:
    """Bytes from a number or a text such as "512MB"; raises WrongType for anything else, and for 0 and less."""
    size: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (match := re.fullmatch(_SIZE, value.strip(), re.ASCII | re.IGNORECASE)):
        size = int(float(match[1]) * 1024 ** _POWER[(match[2] or "").lower()])
    if size is None or size <= 0:
        shown = f'"{value}"' if isinstance(value, str) else value
        raise WrongType(
            f"expected a size, got {shown}",
            remedy='Write bytes as a number above 0, or a text such as "512MB" or "2GB".',
        )
    return size


def parse_ports(text: str) -> range:
    """The ports of "8000-8099" (both ends belong to it) or "8000"; raises WrongType."""
    match = re.fullmatch(_PORTS, text.strip(), re.ASCII)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 0 < first <= last <= LAST_PORT:
        raise WrongType(
            f'expected a range of ports, got "{text}"', remedy='Write the first and the last port, as in "8000-8099".'
        )
    return range(first, last + 1)
