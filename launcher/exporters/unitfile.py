"""How a unit file is written, by systemd.syntax(7), systemd.service(5) and the parser of systemd 252.

`%` is doubled everywhere, `$` in commands; a word in double quotes takes C's escapes; nothing is unquoted in a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
#: What can stand first in a command as it is: no prefix, no quote, and not looked for in systemd's own folders.
_PROGRAM = re.compile(r"/[A-Za-z0-9_+./-]+")
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")

Lines = Iterator[tuple[str, str]]


def written(sections: Mapping[str, Lines]) -> str:
    """The whole file."""
    return "\n".join(
        "".join([f"[{name}]\n", *(f"{key}={value}\n" for key, value in lines)]) for name, lines in sections.items()
    )


def escaped(text: str) -> str:
    """A text in which systemd replaces nothing."""
    return text.replace("%", "%%")


def quoted(text: str) -> str:
    """One word of a list, in quotes."""
    text = escaped(text.replace("\\", "\\\\").replace('"', '\\"'))
    return '"' + _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text) + '"'


def word(text: str) -> str:
    """One word of a command."""
    return text if PLAIN.fullmatch(text) else quoted(text).replace("$", "$$")


def command(words: Sequence[str]) -> str:
    """A command; a shell starts a program whose name systemd would take for something else."""
    if _PROGRAM.fullmatch(words[0]):
        return " ".join(map(word, words))
    return " ".join(["/bin/sh", "-c", word('exec "$@"'), "sh", *map(word, words)])


def seconds(value: float) -> str:
    """A time span."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"
