"""A start as one line for `sh`: what targets run that have a command line and little else.

The line holds no line break and no control character, whatever its words hold: every reader of lines has its own idea
of where one ends (Python's `splitlines` knows ten), so those are written as `printf`'s octals. It is POSIX: dash, bash
and busybox read it alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from launcher.errors import NotExportable
from launcher.exporters.variables import Outside, Value, Variable, literal, mapped

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
#: Controls, and what Python or Unicode take for the end of a line.
_BREAKS = re.compile(r"[\x01-\x1f\x7f-\x9f\u2028\u2029]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What a shell treats in its own way when it is set: given to `env` instead, which treats it as any other.
_OF_THE_SHELL = frozenset(
    "_ _nl ENV EUID IFS LINENO OLDPWD OPTARG OPTIND PPID PS1 PS2 PS4 PWD SHELLOPTS BASHOPTS UID".split()  # noqa: SIM905  (sixteen quotes less to read)
)
#: Not exported, so no process sees it. `$(…)` drops newlines at its end, hence the x.
_NEWLINE = "_nl=$(printf '\\nx') _nl=${_nl%x}"


def passes(name: str) -> bool:
    """Whether a variable comes through a shell as it went in: one with a name of another form is dropped by some."""
    return bool(_IDENTIFIER.fullmatch(name)) and name not in _OF_THE_SHELL


class Start(Struct, frozen=True, kw_only=True):
    """What a shell has to do: go somewhere, set variables, become the program."""

    argv: tuple[Value, ...] = ()
    #: Instead of argv: a command for the shell, verbatim.
    command: str = ""
    directory: Value = ()
    variables: Sequence[Variable] = ()
    before: tuple[str, ...] = ()


def line(start: Start) -> str:
    """The whole start as one line."""
    steps = [*start.before]
    steps += [f': "${{{one.name}?is secret, and not in the export}}"' for one in start.variables if one.withheld]
    if start.directory:
        steps.append(f"cd {word(start.directory, directory=True)} || exit")
    given = [one for one in start.variables if not one.withheld]
    exported = [one for one in given if passes(one.name)]
    if exported:
        steps.append("export " + " ".join(f"{one.name}={word(one.value)}" for one in exported))
    others = [word((f"{one.name}=", *one.value)) for one in given if one not in exported]
    steps.append(_program(start, others))
    # A command that stands there verbatim may hold the same letters, and means something else by them.
    spelt = steps[:-1] if _is_verbatim(start, others) else steps
    if any('"$_nl"' in step for step in spelt):
        steps.insert(0, _NEWLINE)
    return "; ".join(steps)


def _is_verbatim(start: Start, others: list[str]) -> bool:
    return bool(start.command) and not others and not _BREAKS.search(start.command)


def _program(start: Start, others: list[str]) -> str:
    before = ["exec", "env", *others] if others else ["exec"]
    if start.command:
        if _is_verbatim(start, others):
            return start.command.strip()
        return " ".join([*before, "/bin/sh", "-c", word((start.command,))])
    words = [word(one) for one in start.argv]
    name = literal(start.argv[0]) or ""
    if name.startswith("-"):
        raise NotExportable(f"{name!r} is no program that a shell could start", remedy="Write ./ before it.")
    if "=" in name:  # env, and a shell at the start of a line, would take it for a variable
        words = ["/bin/sh", "-c", "'exec \"$@\"'", "sh", *words]
    return " ".join([*before, *words])


def word(value: Value | str, *, directory: bool = False) -> str:
    """A text as one word of the shell."""
    value = (value,) if isinstance(value, str) else value
    text = literal(value)
    if directory and (text or "").startswith("-"):
        value = ("./", *value)
    if text == "" or not value:
        return "''"
    return mapped(value, _quoted, _expanded)


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    done, at = "", 0
    for found in _BREAKS.finditer(text):
        done += _single(text[at : found.start()]) + _octal(found[0])
        at = found.end()
    return done + _single(text[at:])


def _single(text: str) -> str:
    """In single quotes. Foreman puts values in place of `$NAME` wherever it stands, so that is never in one piece."""
    if not text or _PLAIN.fullmatch(text):
        return text
    text = text.replace("'", "'\"'\"'")
    return "'" + re.sub(r"\$(?=[A-Za-z_])", "$''", text) + "'"


def _octal(letter: str) -> str:
    if letter == "\n":
        return '"$_nl"'
    return f"\"$(printf '{''.join(f'{chr(92)}{byte:03o}' for byte in letter.encode())}')\""


def _expanded(outside: Outside) -> str:
    return f'"{_braced(outside)}"'


def _braced(outside: Outside) -> str:
    if outside.default is not None:
        return f"${{{outside.name}:-{mapped(outside.default, _inner, _braced)}}}"
    if outside.message is not None:
        return f"${{{outside.name}:?{_inner(outside.message)}}}"
    if outside.name == "PORT":
        return "${PORT}"
    return f"${{{outside.name}?is not set}}"


def _inner(text: str) -> str:
    """A text inside `"${NAME:-…}"`."""
    if _BREAKS.search(text):
        raise NotExportable(f"{text!r} is a default with a control character, which no shell line can hold")
    return re.sub(r'([\\"$`}])', r"\\\1", text)
