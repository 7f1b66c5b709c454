"""Finds secrets whose values stand in the text of a profile. Pure.

A variable is one by its name or by `[launcher] secret`, a URL by its user part. A value that refers to a variable
(`${DB_PASSWORD}`) tells nothing. What is found is named, never shown.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from launcher.doctor.machine import WrittenSecret
from launcher.profile.origins import Path
from launcher.profile.positions import positions
from launcher.profile.secrets import is_secret

#: A reference to a variable: what stands in its place is not in the file, but for a default.
_REFERENCE = re.compile(r"\$\{[^}:]*(?::-(?P<default>[^}]*)|[^}]*)\}")
#: `scheme://user:password@`; a user alone is no secret worth a warning.
_PASSWORD = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#"'<>:@]*:[^\s/?#"'<>]+@""")


def written_secrets(text: str, place: str) -> list[WrittenSecret]:
    """The secrets in a profile's text, by line; one that is not TOML has none (and `config check` says so)."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return []
    settings = table.get("launcher")
    names = settings.get("secret", ()) if isinstance(settings, dict) else ()
    extra = frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()
    lines = positions(text)
    found: list[WrittenSecret] = []
    for path, value in _texts(table):
        name = str(path[-1]) if "env" in path[:-1] else ""
        told = _REFERENCE.sub(lambda reference: reference["default"] or "", value)
        if (told and name and is_secret(name, extra)) or _PASSWORD.search(told):
            line = next((lines[path[:end]][0] for end in range(len(path), 0, -1) if path[:end] in lines), 0)
            found.append(WrittenSecret(place=f"{place}:{line}", key=".".join(map(str, path))))
    return found


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text of a TOML value and its path."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _texts(below, (*path, key))
    elif isinstance(value, list):
        for place, below in enumerate(value):
            yield from _texts(below, (*path, place))
    elif isinstance(value, str):
        yield path, value
