"""One program of a supervisord.conf: each option becomes a key of the profile, or is noted as lost.

Several processes are replicas where they are alike, and services of their own where a number tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from launcher.importers.base import Notes, Source, below
from launcher.importers.ini import Option, Section, Unexpandable, as_text, environment, expand, literal_values
from launcher.importers.values import signal_name
from launcher.importers.words import Unsplittable, command_of, split

_TRUE, _FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_NUMBERS = ("%(process_num)", "%(numprocs)")
#: What a value with one of these would be the same for all processes without.
_PER_PROCESS = ("command", "environment", "directory")
_MOST_PROCESSES = 1000


class Program(Struct, kw_only=True):
    """A program while it is being read, or one of its processes."""

    name: str
    section: Section
    source: Source
    notes: Notes
    known: dict[str, str | int]
    values: dict[str, Any] = field(default_factory=dict)
    can_run: bool = True
    is_selected: bool = True

    def where(self, key: str) -> str:
        return f"[{self.section.name}] {key}"

    def lose(self, key: str, option: Option, why: str = "has no counterpart in a profile") -> None:
        self.notes.lose(option.line, f"{self.where(key)}: {why}")

    def inner(self, key: str) -> dict[str, Any]:
        """A table within the service, made when it is first needed."""
        table: dict[str, Any] = self.values.setdefault(key, {})
        return table

    def truth(self, key: str, option: Option) -> bool:
        if option.text.lower() not in (*_TRUE, *_FALSE):
            raise self.notes.wrong(option.line, f"{self.where(key)}: expected true or false, got {option.text}")
        return option.text.lower() in _TRUE

    def number(self, key: str, option: Option) -> int:
        if not option.text.isdecimal():
            raise self.notes.wrong(option.line, f"{self.where(key)}: expected a whole number, got {option.text}")
        return int(option.text)


def read_program(
    section: Section, source: Source, notes: Notes, *, kind: str, known: Mapping[str, str | int]
) -> list[Program]:
    """The services that a program becomes: one, or one for each process that a number tells apart.

    `known` are the expansions whose values can be told, `program_name` among them.
    """
    name, known = str(known["program_name"]), dict(known)
    options = section.options
    first = Program(name=name, section=section, source=source, notes=notes, known=known)
    count = first.number("numprocs", options["numprocs"]) if "numprocs" in options else 1
    start = first.number("numprocs_start", options["numprocs_start"]) if "numprocs_start" in options else 0
    if count > _MOST_PROCESSES:
        raise notes.wrong(options["numprocs"].line, f"{first.where('numprocs')}: more than {_MOST_PROCESSES}")
    known |= {"process_num": start, "numprocs": count}
    is_apart = count > 1 and any(
        mark in options[key].text for key in _PER_PROCESS if key in options for mark in _NUMBERS
    )
    if not is_apart:
        _fill(first, kind)
        if count > 1:
            first.values["replicas"] = count
        if count == 0:
            first.is_selected = False
        return [first]
    pattern = options.get("process_name", Option("%(program_name)s_%(process_num)s", section.line))
    programs = []
    for number in range(start, start + count):
        own = known | {"process_num": number}
        silent = notes if number == start else Notes(source.place)  # what is lost is told once
        program = Program(name=name, section=section, source=source, notes=silent, known=own)
        try:
            program.name = as_text(expand(pattern.text, own))
        except Unexpandable as error:
            raise notes.wrong(pattern.line, f"{first.where('process_name')}: {error}") from None
        _fill(program, kind)
        programs.append(program)
    notes.change(
        section.line, f"[{section.name}]: its {count} processes are services of their own, told apart by number"
    )
    return programs


def _fill(program: Program, kind: str) -> None:
    if kind != "program":
        why = (
            "a socket of supervisord's own on its standard input" if kind == "fcgi-program" else "supervisord's events"
        )
        _leave_out(program, program.section.line, f"[{program.section.name}]: needs {why}; left out")
    if "command" not in program.section.options:
        raise program.notes.wrong(program.section.line, f"[{program.section.name}] has no command")
    options = program.section.options
    # A command may use what the program's own environment sets, wherever in the section that stands.
    for key, option in sorted(options.items(), key=lambda pair: pair[0] != "environment"):
        read = READERS.get(key)
        try:
            if read is not None:
                read(program, key, option)
            elif key not in _READ_ELSEWHERE:
                program.lose(key, option, _LOST.get(key, _output_lost(key)))
        except (Unexpandable, Unsplittable) as error:
            if key == "command":
                _leave_out(program, option.line, f"{program.where(key)}: {error}; left out")
            else:
                program.lose(key, option, str(error))
    startsecs, restart = options.get("startsecs"), program.values.get("restart", {})
    if startsecs and startsecs.text == "0" and restart.get("policy") == "no":
        program.values["kind"] = "task"
        del program.values["restart"]
        program.notes.change(
            startsecs.line, f"[{program.section.name}]: startsecs=0 without a restart is read as a task"
        )
    elif startsecs:
        program.lose("startsecs", startsecs, "a service is ready when its health check says so; it has none yet")


def folder_of(text: str, known: dict[str, str | int], source: Source) -> str:
    """A folder as a profile says it; the file's own is where its relative paths start from anyway."""
    path = as_text(expand(text, known | {"here": source.folder}))
    return below("." if text.startswith("%(here)") else source.folder, path)


def _leave_out(program: Program, line: int, why: str) -> None:
    """With the program all of it is left out, which is told once."""
    program.can_run = False
    program.notes.lose(line, why)
    program.notes = Notes(program.notes.place)


def _command(program: Program, _key: str, option: Option) -> None:
    words = split(expand(option.text, program.known))
    if not words:
        raise Unsplittable("is empty")
    program.values["command"] = command_of(words)
    if "%(here)" in option.text:
        program.notes.change(
            option.line, f"{program.where('command')}: the folder {program.source.here} is written out"
        )


def _environment(program: Program, _key: str, option: Option) -> None:
    found = environment(expand(option.text, program.known))
    for name in [name for name in found if not name or "=" in name or "\0" in name + found[name]]:
        del found[name]
        program.notes.lose(option.line, f"{program.where('environment')}: no process can be given a variable `{name}`")
    if found:
        program.values["env"] = found
        program.known |= literal_values(found)
    if "%(here)" in option.text:
        program.notes.change(
            option.line, f"{program.where('environment')}: the folder {program.source.here} is written out"
        )


def _directory(program: Program, _key: str, option: Option) -> None:
    program.values["directory"] = folder_of(option.text, program.known, program.source)


def _autorestart(program: Program, key: str, option: Option) -> None:
    if option.text.lower() == "unexpected":
        program.inner("restart")["policy"] = "on-failure"
    else:
        program.inner("restart")["policy"] = "always" if program.truth(key, option) else "no"


def _startretries(program: Program, key: str, option: Option) -> None:
    program.inner("restart").update(burst=program.number(key, option), cooldown="never")
    program.notes.change(
        option.line,
        f"{program.where(key)}: counts every failure within 60 s, not only those before startsecs",
    )


def _autostart(program: Program, key: str, option: Option) -> None:
    program.is_selected = program.truth(key, option)


def _exitcodes(program: Program, key: str, option: Option) -> None:
    codes = [code.strip() for code in option.text.split(",") if code.strip()]
    if not all(code.isdecimal() for code in codes):
        raise program.notes.wrong(option.line, f"{program.where(key)}: expected exit codes, got {option.text}")
    program.values["success_exit_codes"] = [int(code) for code in codes]


def _stopsignal(program: Program, _key: str, option: Option) -> None:
    program.inner("stop")["signal"] = signal_name(option.text)


def _stopwaitsecs(program: Program, key: str, option: Option) -> None:
    program.inner("stop")["grace"] = program.number(key, option)


def _asgroup(program: Program, key: str, option: Option) -> None:
    if not program.truth(key, option):
        program.notes.change(option.line, f"{program.where(key)}: a stop reaches the whole process group here")


def _user(program: Program, key: str, option: Option) -> None:
    if option.text.isdecimal():
        program.lose(key, option, f"{option.text}: a service here takes the name of a user")
    else:
        program.values["user"] = as_text(expand(option.text, program.known))


def _redirect_stderr(program: Program, key: str, option: Option) -> None:
    if not program.truth(key, option):
        program.notes.change(option.line, f"{program.where(key)}: both outputs of a service go together here")


def _process_name(program: Program, key: str, option: Option) -> None:
    if option.text != "%(program_name)s" and "%(process_num)" not in option.text:
        program.notes.change(option.line, f'{program.where(key)}: the service is called "{program.name}"')


def _priority(program: Program, key: str, option: Option) -> None:
    program.lose(key, option, "orders starts but waits for nothing; say what it needs with depends_on")


READERS: dict[str, Callable[[Program, str, Option], None]] = {
    "autorestart": _autorestart,
    "autostart": _autostart,
    "command": _command,
    "directory": _directory,
    "environment": _environment,
    "exitcodes": _exitcodes,
    "killasgroup": _asgroup,
    "priority": _priority,
    "process_name": _process_name,
    "redirect_stderr": _redirect_stderr,
    "startretries": _startretries,
    "stopasgroup": _asgroup,
    "stopsignal": _stopsignal,
    "stopwaitsecs": _stopwaitsecs,
    "user": _user,
}

_READ_ELSEWHERE = frozenset({"numprocs", "numprocs_start", "startsecs"})

_LOST = {"umask": "a service has the umask of the launcher", "serverurl": "there is no supervisord to call"}


def _output_lost(key: str) -> str:
    if key.startswith(("stdout_", "stderr_")):
        return "output goes to the terminal and to .launcher/NAME/logs"
    return "has no counterpart in a profile"
