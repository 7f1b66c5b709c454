"""Whatever a profile says, the target's own parser reads the same back: names, commands, environment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from honcho.environ import parse_procfile
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from supervisor.options import ServerOptions, UnhosedConfigParser

from launcher.errors import LauncherError
from launcher.exporters.base import Options
from launcher.exporters.compose import Compose
from launcher.exporters.procfile import Procfile
from launcher.exporters.stamp import stamped
from launcher.exporters.supervisord import Supervisord
from launcher.exporters.systemd import Systemd
from tests.exporters.compose_reader import load
from tests.exporters.corpus import plan_from
from tests.exporters.systemd_reader import keys, substituted, unspecified, words
from tests.exporters.test_shell import AWKWARD, TEXTS, run

ROOT = Path("/project")
SERVICES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,8}", fullmatch=True)
PROGRAMS = st.from_regex(r"/?[a-z][a-z0-9/._+-]{0,8}", fullmatch=True)
WORDS = TEXTS | AWKWARD
VARIABLES = st.from_regex(r"[A-Z][A-Z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name not in ("IFS", "PWD", "PATH", "PORT", "PS1", "PS2", "PS4", "UID", "ENV", "LC_ALL", "LANG")
)
ENVIRONMENTS = st.dictionaries(VARIABLES, WORDS, max_size=3)
COMMANDS = st.builds(lambda program, rest: [program, *rest], PROGRAMS, st.lists(WORDS, max_size=4))


def table(command: list[str], env: dict[str, str]) -> dict[str, Any]:
    return {"command": command, "env": {name: value.replace("$", "$$") for name, value in env.items()}}


PROFILES = st.dictionaries(SERVICES, st.builds(table, COMMANDS, ENVIRONMENTS), min_size=1, max_size=3)


def exported(exporter: Any, tables: dict[str, Any]) -> dict[str, str]:
    """The files as they would stand on disk; a refusal is no wrong answer."""
    for one in tables.values():
        # Commands follow dotted names, and a password in one is refused: neither is what this is about.
        assume(not any("${" in word or "://" in word for word in one["command"]))
    try:
        rendered = exporter.render(plan_from(ROOT, tables), Options(app="shop", with_secrets=True))
    except LauncherError:
        assume(False)
    return {file.name: stamped(file, "launcher export") for file in rendered.files}


def env_of(one: dict[str, Any]) -> dict[str, str]:
    return {name: value.replace("$$", "$") for name, value in one["env"].items()}


def checked(found: list[str], env: dict[str, str], one: dict[str, Any]) -> None:
    """Compare what a target would run: directly, or through the shell that sets what it cannot hold itself."""
    if found[:2] == ["/bin/sh", "-c"] and "exec " in found[2] and not found[3:]:
        script = found[2].replace("cd /project || exit; ", "", 1)
        words_, env = executed(script, env)
        found = words_
    elif found[:4] == ["/bin/sh", "-c", 'exec "$@"', "sh"]:
        found = found[4:]
    assert found == one["command"]
    assert {name: env.get(name) for name in one["env"]} == env_of(one)


def executed(script: str, env: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """What a script would become: its words and environment, without its program."""
    import sys  # noqa: PLC0415

    program = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    assume(script.count("exec ") == 1)  # else it is not known which of them starts the program
    before, _, rest = script.rpartition("exec ")
    assert not rest.startswith("env ")
    return run(f"{before}exec {shlex.join([sys.executable, '-I', '-S', '-c', program])} {rest}", **env)


@pytest.mark.slow
@settings(max_examples=40)
@given(tables=PROFILES)
def test_supervisord_reads_it_back(tables: dict[str, Any]) -> None:
    """Supervisord's own options reader, and its own split of a command."""
    (text,) = exported(Supervisord(), tables).values()
    parser = UnhosedConfigParser()
    parser.read_string(text.replace("\r", "\n"))
    parser.expand_here("/here")
    options = ServerOptions()
    options.here = "/here"
    assert {section for section in parser.sections() if section.startswith("program:")} == {
        f"program:{name}" for name in tables
    }
    for name, one in tables.items():
        (config,) = options.processes_from_section(parser, f"program:{name}", name)
        assert config.directory == "/project"
        checked(shlex.split(config.command), config.environment, one)


@pytest.mark.slow
@settings(max_examples=40)
@given(tables=PROFILES)
def test_systemd_reads_it_back(tables: dict[str, Any]) -> None:
    """The units, by the reading that test_systemd holds against systemd's own."""
    units = exported(Systemd(), tables)
    for name, one in tables.items():
        found = keys(units[f"shop-{name}.service"], "Service")
        env = dict(
            unspecified(word).split("=", 1) for key, text in found if key == "Environment" for word in words(text)
        )
        command = [substituted(unspecified(word)) for word in words(dict(found)["ExecStart"])]
        checked(command, env, one)


@pytest.mark.slow
@settings(max_examples=40)
@given(tables=PROFILES)
def test_compose_reads_it_back(tables: dict[str, Any]) -> None:
    """YAML and Compose's interpolation."""
    (text,) = exported(Compose(), tables).values()
    found = load(text, {})["services"]
    assert found.keys() == tables.keys()
    for name, one in tables.items():
        assert found[name]["command"] == one["command"]
        assert found[name].get("environment", {}) == env_of(one)


@pytest.mark.slow
@settings(max_examples=40)
@given(tables=PROFILES)
def test_honcho_reads_it_back(tables: dict[str, Any]) -> None:
    """Honcho's Procfile grammar, and a shell for the lines."""
    (text,) = exported(Procfile(), tables).values()
    found = parse_procfile(text).processes
    assert found.keys() == tables.keys()
    for name, one in tables.items():
        command, env = executed(found[name], {})
        assert command == one["command"]
        assert {key: env.get(key) for key in one["env"]} == env_of(one)


@pytest.mark.slow
@given(commands=st.dictionaries(SERVICES, st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)))
@example(commands={"web": 'echo "$_nl"'})
def test_procfile_comes_back_as_it_was(commands: dict[str, str]) -> None:
    """Procfile → profile → Procfile keeps names and commands, whatever a shell would make of them."""
    commands = {name: command.strip() for name, command in commands.items() if command.strip()}
    assume(commands and not any("${" in command or "://" in command for command in commands.values()))
    (text,) = exported(Procfile(), {name: {"command": command} for name, command in commands.items()}).values()
    assert dict(parse_procfile(text).processes) == commands
