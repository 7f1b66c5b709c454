"""The export warns of a supervisord on PATH that could not run it, and of no other."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from launcher.cli.supervisord_on_path import caution

PYTHON = Path(sys.executable)


def script(folder: Path, head: str) -> Path:
    """A supervisord that begins so, and would show that it was run."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "supervisord"
    made.write_text(f"{head}\nopen({str(folder / 'was run')!r}, 'w')\n", encoding="utf-8")
    made.chmod(0o755)
    return made


def told(folder: Path, *, path: str = "") -> str:
    found = caution({"PATH": f"{folder}:{path}"}, python=sys.executable)
    assert not (folder / "was run").exists()
    return "" if found is None else str(found)


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """The Python of an environment without packages, whose file is the very one that ours is."""
    folder = tmp_path_factory.mktemp("other") / "an env"
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


@pytest.mark.parametrize(
    "head",
    [
        "#!{python}",
        "#!{python} -sE",
        "#!{folder}/python3",
        "#!/usr/bin/env python3",
        "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''",
    ],
)
def test_ours_is_not_warned_of(tmp_path, head):
    """However its first line names our Python, which is not asked."""
    script(tmp_path, head.format(python=PYTHON, folder=PYTHON.parent))
    assert told(tmp_path, path=str(PYTHON.parent)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("head", ["#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''", "#!/usr/bin/env python3"])
def test_another_environment_is_named_with_the_way_to_the_right_one(tmp_path, other, head):
    """Though both Pythons are the same file in the end."""
    found = script(tmp_path, head.format(python=other))
    text = told(tmp_path, path=str(other.parent))
    assert text.startswith(f"W6012 {found}, the supervisord on PATH, is of a Python without launcher ({other.parent}")
    assert text.endswith(f"call {PYTHON.parent}/supervisord")


@pytest.mark.slow
def test_another_environment_that_has_launcher_will_do(tmp_path, other):
    """It is asked, as what stands on PATH may have launcher too."""
    packages = subprocess.run(
        [other, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
    ).stdout.strip()
    script(tmp_path, f"#!/bin/sh\n'''exec' \"{other}\" \"$0\" \"$@\"\n' '''")
    paths = Path(packages) / "ours.pth"
    try:
        ours = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
        paths.write_text("".join(f"{one}\n" for one in ours), encoding="utf-8")
        assert told(tmp_path) == ""
    finally:
        paths.unlink()


@pytest.mark.parametrize("head", ["#!/bin/bash", "\x7fELF", "", "#!", "#!/usr/bin/env", '#!"open', "#!/nowhere/python"])
def test_what_names_no_python(tmp_path, head):
    """A shell, a binary, nothing: there is no telling, so nothing is told."""
    script(tmp_path, head)
    assert told(tmp_path) == ""


def test_none_on_path(tmp_path):
    """Nobody could call a wrong one."""
    assert told(tmp_path) == ""
