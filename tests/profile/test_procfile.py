"""A Procfile as a profile: honcho's grammar, ports, env files and flags."""

from __future__ import annotations

import pytest

from launcher.errors import EnvFileMissing, ProblemsFound, ProcfileMissing, UnknownProcess
from launcher.profile.envfile import parse_env
from launcher.profile.load import load_procfile
from launcher.profile.procfile import Expansion
from launcher.profile.project import find_project


def procfile(project, *, environ=None, sets=(), **more):
    path = project.root / "Procfile"
    return load_procfile(find_project(project.root), path, environ=environ or {}, sets=sets, **more)


def test_a_procfile_behaves_as_honcho_does(project):
    """Ports a hundred apart, no restarts, one's end stops all, the `.env` file if there is one."""
    project.procfile("# shop\nweb: run --port $PORT\n\nworker-1:  work\n")
    profile = procfile(project).profile
    assert profile.procfile
    assert profile.name == "Procfile"
    assert profile.settings.on_exit == "stop"
    assert profile.settings.env_file == []
    assert [(one.command, one.port, one.restart.policy) for one in profile.services.values()] == [
        ("run --port $PORT", 5000, "no"),
        ("work", 5100, "no"),
    ]
    project.write(".env", "A=1\n")
    assert procfile(project).profile.settings.env_file == [".env"]


@pytest.mark.parametrize(
    ("env_file", "environ", "port"),
    [
        ("", {}, 5000),
        ("", {"PORT": "7000"}, 7000),
        ("PORT=6000\n", {"PORT": "7000"}, 6000),
        ("PORT='60''00' # of mine\n", {}, 6000),
        ("export PORT=6000\n", {}, 5000),
    ],
)
def test_where_honcho_counts_ports_from(project, env_file, environ, port):
    """The `.env` file goes before the variable; honcho passes over lines with `export`."""
    project.procfile("web: x\n")
    project.write(".env", env_file)
    assert procfile(project, environ=environ).profile.services["web"].port == port


def test_a_procfile_takes_overrides(project):
    """As any profile does."""
    project.procfile("web: x\n")
    assert procfile(project, sets=["services.web.replicas=2"]).profile.services["web"].replicas == 2


def test_a_broken_procfile(project):
    """Number and text of every line that is none, which honcho passes over."""
    project.procfile("web: x\nworker\n web2: y\nweb: z\nempty:\n")
    with pytest.raises(ProblemsFound) as raised:
        procfile(project, environ={"PORT": "many"})
    assert [f"{problem.code} {problem}" for problem in raised.value.problems] == [
        "1014 Procfile:2: not of the form `name: command`: worker",
        "1014 Procfile:3: not of the form `name: command`: web2: y",
        "1014 Procfile:4: `web` stands twice, first in line 1: web: z",
        "1014 Procfile:5: not of the form `name: command`: empty:",
        "1023 $PORT: invalid value for port: 'many'",
    ]


def test_no_procfile(project):
    """Ends with honcho's exit status."""
    (project.root / "profiles").mkdir()
    with pytest.raises(ProcfileMissing, match="Procfile does not exist or is not a file") as raised:
        procfile(project)
    assert raised.value.status == 1


def expanded(project, **how):
    profile = procfile(project, how=Expansion(**how)).profile
    return {name: (service.port, service.replicas) for name, service in profile.services.items()}


@pytest.mark.parametrize(
    ("how", "services"),
    [
        ({}, {"web": (5000, 1), "worker": (5100, 1), "clock": (5200, 1)}),
        ({"port": "7000"}, {"web": (7000, 1), "worker": (7100, 1), "clock": (7200, 1)}),
        ({"concurrency": {"worker": 3}}, {"web": (5000, 1), "worker": (5100, 3), "clock": (5200, 1)}),
        ({"concurrency": {"worker": 0}}, {"web": (5000, 1), "clock": (5200, 1)}),
        ({"first": ("clock", "web")}, {"clock": (5000, 1), "web": (5100, 1), "worker": (5200, 1)}),
    ],
)
def test_what_honchos_flags_make_of_a_procfile(project, how, services):
    """Those named are numbered first, in their order, and a type without a process keeps its hundred."""
    project.procfile("web: x\nworker: y\nclock: z\n")
    assert expanded(project, **how) == services
    assert list(expanded(project, **how)) == list(services)


def test_port_of_an_env_file_goes_before_the_flag(project):
    """As honcho has it, if only by accident."""
    project.procfile("web: x\n")
    project.write("a.env", "PORT=6000\n")
    project.write("b.env", "PORT=6500\n")
    assert expanded(project, port="7000", env_files=("a.env", "b.env", "none.env")) == {"web": (6500, 1)}


def test_a_number_for_a_process_that_is_not_there(project):
    """Is passed over, as honcho does, but not in silence."""
    project.procfile("worker: x\n")
    loaded = procfile(project, how=Expansion(concurrency={"wroker": 2}))
    assert "did you mean `worker`" in str(loaded.warnings[0])


def test_an_unknown_process(project):
    """Is told in honcho's words, with its exit status."""
    project.procfile("worker: x\n")
    with pytest.raises(
        UnknownProcess, match="Process type 'wroker' does not exist in Procfile, did you mean"
    ) as raised:
        procfile(project, how=Expansion(first=("wroker",)))
    assert raised.value.status == 1


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=b c\n", {"A": "bc"}),
        ("A='b c' # why\nB=\"$A\"\n", {"A": "b c", "B": "$A"}),
        ("export A=1\n A = 2\nB=\n=3\n#C=4\n", {"A": "2"}),
        (r"A='x\ny'", {"A": "x\ny"}),
    ],
)
def test_env_files_in_honchos_dialect(text, values):
    """Shell-like words, nothing interpolated, odd lines passed over."""
    assert parse_env(text, ".env") == values


def test_an_open_quote_in_an_env_file():
    """Is told with its line, where honcho ends in a traceback."""
    with pytest.raises(EnvFileMissing, match=r"\.env:2: no closing quotation: B='x"):
        parse_env("A=1\nB='x\n", ".env")
