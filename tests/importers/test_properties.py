"""Names, commands and environments come through an import unchanged, whatever is in them."""

from __future__ import annotations

import shlex
import tomllib
from contextlib import suppress

import pytest
import yaml
from honcho.environ import parse_procfile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from supervisor.options import ServerOptions, UnhosedConfigParser

from launcher.errors import LauncherError
from launcher.importers import compose, process_compose, procfile, supervisord
from launcher.importers.base import Imported, named
from launcher.importers.written import to_toml
from tests.importers.reading import env_of, imported, profile_of, words_of

#: One project for all examples: each writes its profile anew.
ONE_PROJECT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
VARIABLES = st.from_regex(r"[A-Z][A-Z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name not in ("PATH", "IFS", "PS4")
)
#: What quoting goes wrong with, and anything else that can be printed.
AWKWARD = st.text(
    st.one_of(
        st.sampled_from(" '\"\\$%{}()#;&|<>*?~`!=:,-\té"),
        st.characters(exclude_categories=("C", "Zl", "Zp")),
    ),
    max_size=12,
)
WORDS = st.lists(AWKWARD, min_size=1, max_size=4).filter(lambda words: words[0].strip())


def escaped(value: str) -> str:
    return value.replace("$", "$$")


@pytest.mark.slow
@ONE_PROJECT
@given(st.dictionaries(NAMES, AWKWARD.filter(str.strip).map(str.strip), min_size=1, max_size=4))
def test_procfile_to_profile_to_procfile(project, commands):
    """Honcho reads the same out of the Procfile, and out of one made of the profile."""
    text = "".join(f"{name}: {command}\n" for name, command in commands.items())
    wanted = dict(parse_procfile(text).processes)
    profile = profile_of(project, imported(procfile, text))
    again = "".join(f"{name}: {service.command}\n" for name, service in profile.services.items())
    assert {name: service.command for name, service in profile.services.items()} == wanted
    assert dict(parse_procfile(again).processes) == wanted
    assert [service.port for service in profile.services.values()] == [5000 + 100 * at for at in range(len(wanted))]


@pytest.mark.slow
@ONE_PROJECT
@given(
    st.dictionaries(NAMES, st.tuples(WORDS, st.dictionaries(VARIABLES, AWKWARD, max_size=3)), min_size=1, max_size=3)
)
def test_compose_keeps_names_words_and_environment(project, services):
    """A command as a list and as a text, an environment as a mapping and as a list: the process gets the same."""
    for as_text in (False, True):
        data = {
            name: {
                "command": escaped(shlex.join(words)) if as_text else [escaped(word) for word in words],
                "environment": [f"{key}={escaped(value)}" for key, value in env.items()]
                if as_text
                else {key: escaped(value) for key, value in env.items()},
            }
            for name, (words, env) in services.items()
        }
        text = yaml.safe_dump({"services": data}, allow_unicode=True, sort_keys=False)
        profile = profile_of(project, imported(compose, text))
        assert list(profile.services) == list(services)
        for name, (words, env) in services.items():
            assert words_of(profile.services[name]) == words
            assert env_of(profile, profile.services[name]) == env


@pytest.mark.slow
@ONE_PROJECT
@given(
    st.lists(
        st.tuples(AWKWARD, VARIABLES, st.sampled_from(["$X", "${X}", "${X:-d}", "${X-d}", "${X:+d}"])), min_size=1
    ),
    st.dictionaries(VARIABLES, AWKWARD, max_size=3),
)
def test_compose_puts_the_same_values_into_words(project, parts, environ):
    """A variable in an item of a list is put in as it is, never split, whatever its value and its neighbours."""
    words = ["prog", *(escaped(before) + form.replace("X", name) for before, name, form in parts)]
    text = yaml.safe_dump({"services": {"a": {"command": words}}}, allow_unicode=True)
    assume(not any(form == "$X" and before.endswith("$") for before, _, form in parts))
    profile = profile_of(project, imported(compose, text))
    expected = ["prog"]
    for before, name, form in parts:
        value = environ.get(name)
        match form:
            case "${X:-d}":
                value = value or "d"
            case "${X-d}":
                value = "d" if value is None else value
            case "${X:+d}":
                value = "d" if value else ""
        expected.append(before + (value or ""))
    assert words_of(profile.services["a"], environ) == expected


@pytest.mark.slow
@ONE_PROJECT
@given(
    st.dictionaries(
        NAMES, st.tuples(AWKWARD.filter(str.strip), st.dictionaries(VARIABLES, AWKWARD)), min_size=1, max_size=3
    )
)
def test_process_compose_keeps_names_commands_and_environment(project, processes):
    """A command goes to the shell as it stands."""
    data = {
        name: {"command": escaped(command), "environment": [f"{key}={escaped(value)}" for key, value in env.items()]}
        for name, (command, env) in processes.items()
    }
    text = yaml.safe_dump({"processes": data}, allow_unicode=True, sort_keys=False)
    profile = profile_of(project, imported(process_compose, text))
    for name, (command, env) in processes.items():
        assert profile.services[name].command == command
        assert env_of(profile, profile.services[name]) == env


def by_supervisor(text: str, environ: dict[str, str]) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Of each program the words and the environment, as supervisord's own reader has them; ValueError if it refuses."""
    options = ServerOptions()
    options.here = "/srv/shop"
    options.environ_expansions = {f"ENV_{name}": value for name, value in environ.items()}
    parser = UnhosedConfigParser()
    parser.expansions = options.environ_expansions
    parser.read_string(text)
    groups = options.process_groups_from_parser(parser)
    return {
        config.name: (shlex.split(config.command), config.environment)
        for group in groups
        for config in group.process_configs
    }


RAW = st.lists(
    st.sampled_from(
        [
            " ",
            " ;",
            " #",
            "'",
            '"',
            "\\",
            "%%",
            "%(program_name)s",
            "%(here)s",
            "%(ENV_X)s",
            "$",
            ",",
            "=",
            *"ab1/.-:é&|*~",
        ]
    ),
    max_size=10,
).map("".join)


@pytest.mark.slow
@settings(ONE_PROJECT, max_examples=200)
@given(st.dictionaries(NAMES, st.tuples(RAW, st.dictionaries(VARIABLES, RAW, max_size=2)), min_size=1, max_size=3))
def test_supervisord_keeps_what_its_own_reader_reads(project, programs):
    """Commands, environments, comments, quotes and expansions; what supervisord refuses, nobody has."""
    environ = {"X": "x-value"}
    text = "[supervisord]\n"
    for name, (command, env) in programs.items():
        pairs = ",".join(f'{key}="{value}"' for key, value in env.items())
        text += f"[program:{name}]\ncommand=prog {command}\nenvironment={pairs}\n"
    try:
        wanted = by_supervisor(text, environ)
    except ValueError:
        assume(False)
    assume(not any("=" in name or not name for _, env in wanted.values() for name in env))
    profile = profile_of(project, imported(supervisord, text))
    assert set(profile.services) == set(wanted)
    for name, (words, env) in wanted.items():
        service = profile.services[name]
        assert words_of(service, environ | env) == words
        assert env_of(profile, service, environ) == env


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_every_text_is_written_so_that_it_reads_back(text):
    """Quotes, line breaks, control characters: the spelling is chosen for people, the value stays."""
    service = {"command": text, "health": {"exec": [text], "log": text}}
    found = Imported(
        env={"A": text},
        services={"a": service},
        left_out={"b": service},
        head=(f"# {text}",),
        above={"a": (f"#{text}",), "b": ("", f"# {text}")},
        foot=(f"# {text}",),
    )
    data = tomllib.loads(to_toml(found, origin="x"))
    assert data["env"] == {"A": text}
    assert data["services"] == {"a": service}


@given(st.lists(st.text(max_size=6), unique=True))
def test_names_become_names_of_services_and_no_two_alike(names):
    """Good ones stay as they are."""
    found = named(names)
    assert len(set(found.values())) == len(names)
    assert all(name and name.isascii() and not set(name) & set(" .:/$") for name in found.values())
    assert named(found.values()) == {name: name for name in found.values()}


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%#,\n $?<"), max_size=40))
@pytest.mark.parametrize(
    ("importer", "head"),
    [
        (compose, "services:\n"),
        (process_compose, "processes:\n"),
        (supervisord, "[program:x]\n"),
        (procfile, "web: x\n"),
    ],
)
def test_any_text_is_imported_or_refused_with_a_sentence(importer, head, text):
    """Never a traceback."""
    with suppress(LauncherError):
        tomllib.loads(to_toml(imported(importer, head + text), origin="x"))
