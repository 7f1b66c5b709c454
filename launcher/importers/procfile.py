"""A Procfile as a profile that behaves as honcho does, until it is edited: comments stay where they stood.

Knows honcho's grammar, ports and endings; what it needs of the `.env` file is in the source.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from launcher.errors import ImportSyntax, ProblemsFound
from launcher.importers.base import Imported, Notes, Source
from launcher.profile.origins import Problems
from launcher.profile.procfile import BASE_PORT, GRACE, PORT_STEP, Entry, parse_procfile

_NAME = re.compile(r"Procfile(?:$|[._-])|.*\.procfile$", re.IGNORECASE)


def recognises(name: str, text: str) -> bool:  # noqa: ARG001  (the seam's signature)
    """`Procfile`, and `Procfile.dev` and the like."""
    return _NAME.match(name) is not None


def read(source: Source) -> Imported:
    """The Procfile; one's end stops all, nothing is restarted, ports are 100 apart."""
    notes = Notes(source.place)
    problems = Problems()
    entries = parse_procfile(source.text, source.place, problems)
    if problems:
        _refuse(problems)
    base = _base_port(source)
    services: dict[str, dict[str, Any]] = {}
    for index, entry in enumerate(entries):
        command = notes.shell(entry.line, entry.name, entry.command.strip())
        services[entry.name] = {"command": command, "port": base + index * PORT_STEP}
    settings: dict[str, Any] = {"on_exit": "stop"}
    if source.dotenv is not None:
        settings["env_file"] = [".env" if source.folder == "." else f"{source.folder}/.env"]
    defaults: dict[str, Any] = {"restart": "no", "stop": {"grace": GRACE}}
    if source.folder != ".":
        defaults = {"directory": source.folder, **defaults}
    head, above, foot = _comments(source.text.splitlines(), entries)
    return Imported(
        settings=settings,
        defaults=defaults,
        services=services,
        head=head,
        above=above,
        foot=foot,
        losses=notes.losses,
    )


def _refuse(problems: Problems) -> None:
    try:
        problems.raise_all()
    except ProblemsFound as found:
        broken = [ImportSyntax(problem.sentence, where=problem.where) for problem in found.problems]
        raise ProblemsFound([*broken]) from None


def _base_port(source: Source) -> int:
    """Where honcho counts from; the `PORT` of the shell at hand is no part of what is imported."""
    if not source.dotenv:
        return BASE_PORT
    from dotenv import dotenv_values  # noqa: PLC0415  (only where there is a .env)

    text = dotenv_values(stream=StringIO(source.dotenv), interpolate=False).get("PORT") or ""
    return int(text) if text.isdecimal() else BASE_PORT


def _comments(
    lines: list[str], entries: list[Entry]
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The comment lines at the head (what a blank line parts from the first entry), above entries, and at the end."""
    above: dict[str, tuple[str, ...]] = {}
    head: tuple[str, ...] = ()
    start = 0
    for entry in entries:
        block = _block(lines[start : entry.line - 1])
        if start == 0 and "" in block:
            parting = len(block) - block[::-1].index("")
            head, block = block[: parting - 1], block[parting:]
        above[entry.name] = block
        start = entry.line
    return head, above, _block(lines[start:])


def _block(lines: list[str]) -> tuple[str, ...]:
    """Comment lines, and the blank ones between them (one after the last comment too, if there are any)."""
    found: list[str] = []
    for line in lines:
        text = line.strip()
        if text or (found and found[-1]):
            found.append(text)
    return tuple(found)
