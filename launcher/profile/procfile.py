"""A bare Procfile as a profile: honcho's grammar, ports and endings.

Knows text only; `load` reads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from honcho.environ import PROCFILE_LINE  # type: ignore[import-untyped]  # honcho ships no types
from msgspec import Struct

from launcher.errors import ProcfileSyntax
from launcher.profile.layers import plain_layer
from launcher.profile.origins import Origin, Path, Problems, Table

#: Where honcho counts from when $PORT says nothing, and the distance between two names.
BASE_PORT = 5000
PORT_STEP = 100


#: How long honcho waits before it kills, in seconds.
GRACE = 5


class Expansion(Struct, frozen=True, kw_only=True):
    """What honcho's flags make of a Procfile."""

    #: Files of NAME=value lines, relative to the project or absolute; one that is not there is passed over.
    env_files: tuple[str, ...] = (".env",)
    #: `-p`; None: $PORT, else 5000. PORT in an env file goes before either, as with honcho.
    port: str | None = None
    #: How many of each; one where nothing is said.
    concurrency: Mapping[str, int] = MappingProxyType({})
    #: The processes named on the command line.
    first: tuple[str, ...] = ()
    #: Where they run, if not in the project.
    directory: str = ""


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


def in_order(entries: list[Entry], first: tuple[str, ...]) -> list[Entry]:
    """The entries in the order in which honcho numbers their ports: those named, as they are named, then the others."""
    rank = {name: place for place, name in enumerate(dict.fromkeys(first))}
    return sorted(entries, key=lambda entry: rank.get(entry.name, len(rank)))


def procfile_layer(entries: list[Entry], place: str, *, base_port: int, how: Expansion) -> Table:
    """The layer that makes a profile behave as honcho does: one's end stops all, no restarts, ports 100 apart."""
    services: dict[str, Any] = {}
    origins: dict[Path, Origin] = {}
    for index, entry in enumerate(in_order(entries, how.first)):
        count = how.concurrency.get(entry.name, 1)
        if count < 1:
            continue  # its ports stay its own, as with honcho
        services[entry.name] = {
            "command": entry.command,
            "port": base_port + index * PORT_STEP,
            "replicas": count,
            "restart": {"policy": "no"},
            "stop": {"grace": GRACE},
            **({"directory": how.directory.replace("$", "$$")} if how.directory else {}),
        }
        origins["services", entry.name] = Origin(place, entry.line, 1, ("services", entry.name))
    launcher = {"on_exit": "stop", "env_file": list(how.env_files)}
    return plain_layer({"launcher": launcher, "services": services}, Origin(place, 1, 1), origins)
