"""Which project, which profile, and files that cannot be read."""

from __future__ import annotations

import os

import pytest

from launcher.errors import NoProject, ProblemsFound, TomlSyntax, UnknownKey, WrongType
from launcher.profile.project import choose_profile, find_project
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
