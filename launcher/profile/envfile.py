"""Env files in honcho's dialect, which a bare Procfile keeps: one that is not there says nothing.

A profile's env files are python-dotenv's, which the world reads. Knows text and files; what is set besides, it doesn't.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from honcho.environ import parse  # type: ignore[import-untyped]  # honcho ships no types

from launcher.errors import EnvFileMissing
from launcher.profile.files import read_text

#: What honcho reads when nothing else is asked for.
DEFAULT = ".env"


def split_names(flag: str | None) -> tuple[str, ...]:
    """The files of `-e FILE,FILE`."""
    return tuple(name for part in (flag or DEFAULT).split(",") if (name := part.strip()))


def read_env_files(files: Iterable[Path]) -> dict[str, str]:
    """All values of these files, a later one's before an earlier one's; raises EnvFileMissing for a broken line."""
    found: dict[str, str] = {}
    for file in files:
        if file.is_file():
            found.update(parse_env(read_text(file, str(file)), str(file)))
    return found


def parse_env(text: str, place: str) -> dict[str, str]:
    """The values of an env file as honcho reads it: shell-like words, nothing interpolated, odd lines passed over."""
    try:
        return dict(parse(text))
    except ValueError:
        for number, line in enumerate(text.splitlines(), start=1):
            _refuse_open_quote(line, f"{place}:{number}")
        raise


def _refuse_open_quote(line: str, where: str) -> None:
    try:
        parse(line)
    except ValueError as error:
        reason = str(error).lower()
        raise EnvFileMissing(
            f"{where}: {reason}: {line.strip()}", remedy="Close the quote, or put a \\ before it."
        ) from None
