"""Forty awkward services: what goes wrong in exports, by the reader it goes wrong in.

Every one is started as `[PYTHON, RECORDER, NAME, …]` or as a string for the shell, so a record says what arrived.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, convert

from launcher.plan.build import build
from launcher.plan.model import Plan
from launcher.profile.derived import fill
from launcher.profile.model import Profile, Service, Settings

RECORDER = Path(__file__).parent / "recorder.py"
PYTHON = (sys.executable, "-I", "-S")


class Awkward(Struct, frozen=True, kw_only=True):
    """One service: words after the recorder's name, or the rest of a shell line; variables; a folder."""

    words: tuple[str, ...] = ()
    shell: str | None = None
    env: dict[str, str] = {}
    directory: str = "."
    port: int | None = None


CORPUS: dict[str, Awkward] = {
    "plain": Awkward(words=("serve", "--port", "80")),
    "empty-word": Awkward(words=("", "b", "")),
    "spaces": Awkward(words=("hi there", " led", "trailed ", "two  blanks")),
    "quotes": Awkward(words=("it's", 'say "hi"', "'", '"', "''", "both ' and \"")),
    "percent": Awkward(words=("50%", "%s", "%(here)s", "%(ENV_HOME)s", "%%", "%h%i%n")),
    "dollar": Awkward(words=("$HOME", "${HOME}", "$$", "$(date)", "$", "$PORT", "a$", "${x:-y}")),
    "backslash": Awkward(words=("\\", "a\\nb", "\\\\", "C:\\dir", "\\$HOME", "tail\\")),
    "comments": Awkward(words=("a #b", "#c", "a ;b", ";", "; rm", "a;b", "a\t;b", "a\t#b")),
    "operators": Awkward(words=("a|b", "a&&b", ">x", "<y", "(z)", "`date`", "!", "{a,b}", "*", "?", "[a]", "~")),
    "newline": Awkward(words=("a\nb", "\n", "trailing\n", "\nleading", "a\n\n  b")),
    "controls": Awkward(words=("tab\there", "cr\rx", "\x01\x1f\x7f", "bell\a", "vt\vff\f")),
    "unicode": Awkward(words=("ünïcödé", "日本語", "🚀", "\u00a0", "\ufeffbom")),
    "line-ends": Awkward(words=("nel\x85x", "ls\u2028x", "ps\u2029x", "fs\x1cx")),
    "equals": Awkward(words=("A=b", "--x=y z", "=")),
    "dashes": Awkward(words=("-c", "--", "-", "-n")),
    "colons": Awkward(words=("name: value", "http://h:80/?a=1&b=2#f", "a, b", "- x", "{}", "yes", "0x1f", "1e3", "~")),
    "systemd-words": Awkward(words=("@x", "-x", "+x", "!x", ":x", "|", "%%i", "${", "$}", "{{.}}")),
    "shell-plain": Awkward(shell="one two"),
    "shell-quotes": Awkward(shell="'it is' \"quo ted\" a\\ b"),
    "shell-expands": Awkward(shell="\"$GREETING\" ${GREETING} '$GREETING'", env={"GREETING": "hello"}),
    "shell-pipe": Awkward(shell="piped | cat"),
    "shell-percent": Awkward(shell="50% %s '%(here)s'"),
    "shell-comment": Awkward(shell="a ';' b '#c' # no word of this"),
    "shell-newline": Awkward(shell="first \\\n  second"),
    "shell-unicode": Awkward(shell="'für' \"日本\" nel\x85x"),
    "shell-and": Awkward(shell="joined && true; true"),
    "env-plain": Awkward(env={"MODE": "fast", "LEVEL": "9"}),
    "env-empty": Awkward(env={"EMPTY": "", "BLANK": " "}),
    "env-spaces": Awkward(env={"TEXT": "a b  c", "LED": " x", "TRAILED": "x "}),
    "env-quotes": Awkward(env={"SINGLE": "it's", "DOUBLE": 'say "hi"', "BOTH": "'\"'", "ENDS": "'a'", "DENDS": '"a"'}),
    "env-percent": Awkward(env={"PERCENT": "50%", "HERE": "%(here)s", "SPECIFIER": "%h %n", "NAMED": "%(ENV_HOME)s"}),
    "env-dollar": Awkward(env={"DOLLAR": "$$HOME $${HOME} $$", "PAREN": "$$(date)"}),
    "env-backslash": Awkward(env={"BACK": "a\\b\\n", "END": "a\\", "TWO": "\\\\"}),
    "env-comments": Awkward(env={"HASH": "a #b", "SEMI": "a ;b", "FIRST": "#x", "COMMA": "a,b=c,d"}),
    "env-newline": Awkward(env={"LINES": "a\nb\n", "INDENT": "a\n  b", "PEM": "-----BEGIN\nMII=\n-----END\n"}),
    "env-unicode": Awkward(env={"NAME": "Zoë 日本", "NEL": "a\x85b", "TAB": "a\tb", "CR": "a\rb"}),
    "env-json": Awkward(env={"JSON": '{"a": ["b", 1], "c": "d\'e"}', "LIST": "[a, b]", "YES": "yes", "NULL": "null"}),
    "env-references": Awkward(env={"URL": "http://${services.ported.address}/", "ME": "${LAUNCHER_SERVICE}"}),
    "env-shell-names": Awkward(env={"IFS": ",", "PS1": "> ", "_nl": "x"}),
    "in-folder": Awkward(directory="a folder; with #signs"),
    "in-percent": Awkward(directory="50%s (here) $HOME"),
    "in-quotes": Awkward(directory='it\'s "it"', words=("x y",)),
    "in-unicode": Awkward(directory="-ünï", env={"A": "b c"}),
    "ported": Awkward(port=18999, words=("listening",)),
}


def services(corpus: Mapping[str, Awkward] = CORPUS) -> dict[str, dict[str, Any]]:
    """The corpus as the services of a profile."""
    return {name: _service(name, one) for name, one in corpus.items()}


def _service(name: str, one: Awkward) -> dict[str, Any]:
    words = [*PYTHON, str(RECORDER), name]
    made: dict[str, Any] = {
        "command": f"{shlex.join(words)} {one.shell}" if one.shell is not None else [*words, *one.words],
        "env": one.env,
        "directory": one.directory,
    }
    return made if one.port is None else {**made, "port": one.port}


def make_folders(root: Path) -> None:
    """The folders in which services run."""
    for one in CORPUS.values():
        (root / one.directory).mkdir(exist_ok=True)


def plan_of(root: Path, names: Mapping[str, Awkward] = CORPUS, **settings: Any) -> Plan:
    """The plan of some of the corpus."""
    return plan_from(root, services(names), **settings)


def plan_from(root: Path, tables: Mapping[str, Any], *, env: Mapping[str, str] | None = None, **settings: Any) -> Plan:
    """A plan of services given as in TOML, but for shorthands."""
    profile = Profile(
        name="dev",
        root=str(root),
        settings=convert(settings, Settings),
        env=dict(env or {}),
        services={name: fill(convert(table, Service)) for name, table in tables.items()},
    )
    return build(profile, is_free=lambda _port: True)
