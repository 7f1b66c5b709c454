"""Reads the files that people write, and says in a sentence why one cannot be read. A rim.

Knows files and TOML's complaints; nothing of what the files mean.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import ProfileUnreadable, TomlSyntax

if TYPE_CHECKING:
    import tomllib

#: tomllib says where in its message only (attributes came with 3.14).
_WHERE = r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)\Z"


def read_text(path: Path, place: str) -> str:
    """The text of a file; raises ProfileUnreadable, named as `place`."""
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except IsADirectoryError:
        reason, line = "is a folder, not a file", 0
    except UnicodeDecodeError as error:
        reason, line = "is not UTF-8", error.object[: error.start].count(b"\n") + 1
    except OSError as error:
        reason, line = f"cannot be read: {(error.strerror or 'unknown reason').lower()}", 0
    where = f"{place}:{line}" if line else place
    raise ProfileUnreadable(f"{place} {reason}", where=where)


def syntax_error(error: tomllib.TOMLDecodeError, text: str, place: str) -> TomlSyntax:
    """What tomllib complains of, with the line it complains of."""
    message = str(error)
    lines = text.split("\n")
    found = re.search(_WHERE, message)
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    else:  # at the end: the last line with anything on it
        line = max((number for number, content in enumerate(lines, start=1) if content.strip()), default=1)
        column = len(lines[line - 1]) + 1
    complaint = re.sub(_WHERE, "", message)
    complaint = complaint[:1].lower() + complaint[1:]
    return TomlSyntax(f"column {column}: {complaint}: {lines[line - 1].strip()}", where=f"{place}:{line}")
