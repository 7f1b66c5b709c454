"""A bare Procfile as a profile: honcho's grammar, ports and endings.

Knows text only; `load` reads the file.
"""

from __future__ import annotations

from typing import Any

from honcho.environ import PROCFILE_LINE  # type: ignore[import-untyped]  # honcho ships no types
from msgspec import Struct

from launcher.errors import ProcfileSyntax
from launcher.profile.layers import plain_layer
from launcher.profile.origins import Origin, Path, Problems, Table

#: Where honcho counts from when $PORT says nothing, and the distance between two names.
BASE_PORT = 5000
PORT_STEP = 100


class Entry(Struct, frozen=True):
    """One `name: command` of a Procfile and the number of its line."""

    name: str
    command: str
    line: int


def parse_procfile(text: str, place: str, problems: Problems) -> list[Entry]:
    """The entries of a Procfile. What honcho passes over in silence, a line that is none, is noted as a problem."""
    entries: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = PROCFILE_LINE.match(line)
        origin = Origin(place, number, 1)
        if match is None:
            problems.add(ProcfileSyntax, f"not of the form `name: command`: {line.strip()}", origin=origin)
        elif (earlier := entries.get(match[1])) is not None:
            sentence = f"`{match[1]}` stands twice, first in line {earlier.line}: {line.strip()}"
            problems.add(ProcfileSyntax, sentence, origin=origin)
        else:
            entries[match[1]] = Entry(match[1], match[2], number)
    return list(entries.values())


def procfile_layer(
    entries: list[Entry], place: str, *, base_port: int = BASE_PORT, env_files: tuple[str, ...]
) -> Table:
    """The layer that makes a profile behave as honcho does: one's end stops all, no restarts, ports 100 apart."""
    services: dict[str, Any] = {}
    origins: dict[Path, Origin] = {}
    for index, entry in enumerate(entries):
        services[entry.name] = {
            "command": entry.command,
            "port": base_port + index * PORT_STEP,
            "restart": {"policy": "no"},
        }
        origins["services", entry.name] = Origin(place, entry.line, 1, ("services", entry.name))
    launcher = {"on_exit": "stop", "env_file": list(env_files)}
    return plain_layer({"launcher": launcher, "services": services}, Origin(place, 1, 1), origins)
