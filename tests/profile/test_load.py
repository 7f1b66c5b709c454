"""Which project, which profile, and files that cannot be read."""

from __future__ import annotations

import os

import pytest

from launcher.errors import NoProject, ProblemsFound, TomlSyntax, UnknownKey, WrongType
from launcher.profile.load import choose_profile, find_project, load_procfile
from tests.profile.loading import loaded, problems

API = "[services.api]\ncommand = 'x'\n"


@pytest.mark.parametrize("what", ["profiles/dev.toml", "Procfile", "pyproject.toml"])
def test_the_project_is_the_nearest_folder_upwards(project, what):
    """With profiles, a Procfile, or `[tool.launcher]`."""
    project.write(what, "[tool.launcher]\nprofile = 'prod'\n" if what == "pyproject.toml" else "")
    inner = project.root / "a" / "b"
    inner.mkdir(parents=True)
    (project.root / "a" / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    found = find_project(inner)
    assert found.root == project.root
    assert list(found.profiles) == (["dev"] if what.startswith("profiles") else [])
    assert (found.procfile is not None) is (what == "Procfile")
    assert found.default_profile == ("prod" if what == "pyproject.toml" else None)


def test_no_project(tmp_path):
    """Nothing upwards."""
    with pytest.raises(NoProject):
        find_project(tmp_path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[tool.launcher\n", TomlSyntax),
        ("[tool.launcher]\nprofiel = 'x'\n", UnknownKey),
        ("[tool.launcher]\nprofile = 1\n", WrongType),
        ("[tool]\nlauncher = 1\n", WrongType),
    ],
)
def test_a_bad_pyproject(project, text, error):
    """Its line is told."""
    project.write("pyproject.toml", text)
    with pytest.raises(error, match=r"pyproject\.toml"):
        find_project(project.root)


@pytest.mark.parametrize(
    ("named", "variable", "default", "chosen"),
    [("a", "b", "c", "a"), (None, "b", "c", "b"), (None, "", "c", "c"), (None, None, None, "dev")],
)
def test_which_profile(project, named, variable, default, chosen):
    """The one named, the variable's, the project's, `dev`."""
    project.write("pyproject.toml", "[tool.launcher]\n" + (f"profile = '{default}'\n" if default else ""))
    environ = {} if variable is None else {"LAUNCHER_PROFILE": variable}
    assert choose_profile(find_project(project.root), named, environ) == chosen


def test_local_files_are_no_profiles(project):
    """They lie over one."""
    project.profile("dev", API)
    project.write("profiles/dev.local.toml", "")
    assert list(find_project(project.root).profiles) == ["dev"]


def test_a_missing_profile_names_those_there_are(project):
    """And the nearest."""
    project.profile("prod", API)
    project.profile("dev", API)
    with pytest.raises(ProblemsFound) as raised:
        loaded(project, "dve")
    [problem] = raised.value.problems
    assert (problem.code, str(problem), problem.remedy) == (
        1001,
        "no profile `dve`, did you mean `dev`?",
        "There are: dev, prod.",
    )


def test_what_is_extended_but_missing(project):
    """The line that asks for it is told."""
    project.profile("dev", "[launcher]\nextends = [\n  'bsae',\n]\n")
    project.profile("base", "")
    assert problems(project) == ["1001 profiles/dev.toml:3: no profile `bsae`, did you mean `base`?"]


def test_profiles_that_extend_each_other(project):
    """The circle is named in full."""
    project.profile("a", "[launcher]\nextends = ['b']\n")
    project.profile("b", "[launcher]\nextends = ['a']\n")
    project.profile("dev", "[launcher]\nextends = ['a']\n")
    assert problems(project) == ["1011 profiles/b.toml:2: profiles extend each other: a → b → a"]


def test_a_local_file_extends_nothing(project):
    """It lies over the profile of its name."""
    project.profile("dev", API)
    project.write("profiles/dev.local.toml", "[launcher]\nextends = ['x']\n")
    assert problems(project)[0].startswith("1009 profiles/dev.local.toml:2: launcher.extends: ")


SYNTAX = {
    "no value": ("a = 1\nb =\n", "2: column 4: invalid value: b ="),
    "no bracket": ("[a\n", "1: column 3: expected ']' at the end of a table declaration: [a"),
    "twice": ("a = 1\na = 2\n", "2: column 6: cannot overwrite a value: a = 2"),
    "an open text at the end": ('\n\nk = """\nx', "4: column 2: unterminated string: x"),
}


@pytest.mark.parametrize("what", SYNTAX)
def test_broken_toml_shows_the_line(project, what):
    """Its number, the column, and the text."""
    text, told = SYNTAX[what]
    (project.root / "profiles").mkdir()
    (project.root / "profiles" / "dev.toml").write_text(text)
    assert problems(project) == [f"1003 profiles/dev.toml:{told}"]


def test_a_broken_file_hides_no_problem_of_the_others(project):
    """But nothing is said of services that it may define."""
    project.profile("base", "[services.a]\ncommand = 'x'\nprot = 1\ndepends_on = ['defined-in-dev']\n")
    project.profile("dev", "[launcher]\nextends = ['base']\n")
    project.write("profiles/dev.local.toml", "x = \n")
    assert [line[:4] for line in problems(project)] == ["1004", "1003"]


def test_unreadable_profiles(project):
    """A folder, and bytes that are no text."""
    (project.root / "profiles" / "dev.toml").mkdir(parents=True)
    (project.root / "profiles" / "bytes.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    assert problems(project) == ["1002 profiles/dev.toml: profiles/dev.toml is a folder, not a file"]
    assert problems(project, "bytes") == ["1002 profiles/bytes.toml:2: profiles/bytes.toml is not UTF-8"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_profile(project):
    """The system's own reason is told."""
    project.profile("dev", API).chmod(0)
    assert problems(project)[0].endswith("cannot be read: permission denied")


def test_line_ends_and_byte_order_marks_of_other_systems(project):
    """Make no difference."""
    (project.root / "profiles").mkdir()
    (project.root / "profiles" / "dev.toml").write_bytes(b"\xef\xbb\xbf[services.a]\r\ncommand = 'x'\r\nprot = 1\r\n")
    assert problems(project)[0].startswith("1004 profiles/dev.toml:3: ")


def procfile(project, *, environ=None, sets=()):
    return load_procfile(find_project(project.root), project.root / "Procfile", environ=environ or {}, sets=sets)


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
        ("export PORT='6000'\n", {}, 6000),
    ],
)
def test_where_honcho_counts_ports_from(project, env_file, environ, port):
    """The `.env` file goes before the variable."""
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
        '1005 $PORT: PORT: expected a port, got "many"',
    ]


def test_no_procfile(project):
    """Is told as any file that cannot be read."""
    project.profile("dev", API)
    with pytest.raises(ProblemsFound, match="no such file"):
        procfile(project)
