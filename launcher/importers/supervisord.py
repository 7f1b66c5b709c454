"""A supervisord.conf as a profile: each program a service, by supervisord's own rules of reading.

This module reads the file as a whole; `supervisord_program` reads one program. What is supervisord's own (its sockets,
logs and events) has no place in a profile and is noted.
"""

from __future__ import annotations

import re
from typing import Any

from launcher.importers.base import Imported, Notes, Source, comment_above, comment_at_head, named
from launcher.importers.ini import Section, Unexpandable, environment, expand, literal_values, read_ini
from launcher.importers.supervisord_program import Program, folder_of, read_program

_PROGRAM = re.compile(r"^\[(?:program|fcgi-program):", re.MULTILINE)
_SUFFIXES = (".conf", ".ini")

_OWN_SECTIONS = {
    "include": "the included files are not read; import each by itself",
    "supervisorctl": "launcher has commands of its own",
    "unix_http_server": "launcher has a control socket of its own",
    "inet_http_server": "launcher has a control socket of its own",
}


def recognises(name: str, text: str) -> bool:
    """`*.conf` and `*.ini` with a program in it."""
    return name.endswith(_SUFFIXES) and _PROGRAM.search(text) is not None


def read(source: Source) -> Imported:
    """Every program; those of other kinds are left out."""
    notes = Notes(source.place)
    sections = read_ini(source.text, notes)
    groups = _groups(sections, notes)
    settings: dict[str, Any] = {}
    env, defaults = _supervisord(sections.get("supervisord"), source, notes)
    lines = source.text.splitlines()
    programs: list[tuple[str, Program]] = []
    for section in sections.values():
        kind, _, name = section.name.partition(":")
        if kind in ("program", "fcgi-program", "eventlistener"):
            name = name.strip()
            known = {"here": source.here, "program_name": name, "group_name": groups.get(name, name)}
            found = read_program(section, source, notes, kind=kind, known=known | literal_values(env))
            programs += [(section.name, program) for program in found]
        elif kind in _OWN_SECTIONS or kind in ("rpcinterface", "ctlplugin"):
            notes.lose(section.line, f"[{section.name}]: {_OWN_SECTIONS.get(kind, 'a plugin of supervisord')}")
        elif kind not in ("group", "supervisord"):
            notes.lose(section.line, f"[{section.name}]: is nothing that supervisord itself reads")
    names = named(program.name for _, program in programs)
    services: dict[str, dict[str, Any]] = {}
    left_out: dict[str, dict[str, Any]] = {}
    above: dict[str, tuple[str, ...]] = {}
    for place, program in programs:
        name = names[program.name]
        line = sections[place].line
        if name != program.name:
            notes.change(line, f'the program "{program.name}" is called "{name}" here')
        if name in services or name in left_out:
            raise notes.wrong(line, f'"{program.name}" is the name of two programs')
        (services if program.can_run else left_out)[name] = program.values
        if (remarks := comment_above(lines, line, ";#")) and remarks not in above.values():
            above[name] = remarks
    selected = [names[program.name] for _, program in programs if program.can_run and program.is_selected]
    if len(selected) != len(services):
        settings["select"] = selected
    head = comment_at_head(lines, ";#")
    return Imported(
        settings=settings,
        env=env,
        defaults=defaults,
        services=services,
        left_out=left_out,
        head=() if head in above.values() else head,
        above=above,
        losses=notes.losses,
    )


def _groups(sections: dict[str, Section], notes: Notes) -> dict[str, str]:
    """The group of each program that is in one."""
    found: dict[str, str] = {}
    for section in sections.values():
        if not section.name.startswith("group:"):
            continue
        group = section.name.partition(":")[2].strip()
        members = section.options.get("programs")
        for name in members.text.split(",") if members else ():
            found[name.strip()] = group
            if members and not sections.keys() & {f"program:{name.strip()}", f"fcgi-program:{name.strip()}"}:
                raise notes.wrong(members.line, f"[{section.name}] names a program that is not there: {name.strip()}")
        notes.lose(section.line, f"[{section.name}]: a profile has no groups; its services are named one by one")
        for key, option in section.options.items():
            if key != "programs":
                notes.lose(option.line, f"[{section.name}] {key}: a profile has no groups")
    return found


def _supervisord(section: Section | None, source: Source, notes: Notes) -> tuple[dict[str, str], dict[str, Any]]:
    """`[env]` and `[defaults]`: what supervisord hands to all programs."""
    env: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    for key, option in section.options.items() if section else ():
        try:
            if key == "environment":
                env = environment(expand(option.text, {"here": source.here}))
            elif key == "directory":
                defaults["directory"] = folder_of(option.text, {}, source)
            else:
                notes.lose(option.line, f"[supervisord] {key}: a setting of supervisord itself")
        except Unexpandable as error:
            raise notes.wrong(option.line, f"[supervisord] {key}: {error}") from None
    return env, defaults
