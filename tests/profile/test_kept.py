"""A kept profile is what reading it now would give, or it is not taken."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from launcher.profile.kept import keep, recall
from launcher.profile.load import load
from launcher.profile.project import find_project

PROFILE = """
[launcher]
extends = ["base"]
env_file = ["vars.env"]

[services.api]
command = "serve"
port = "auto"
directory = "api"
health = { http = "/healthz", start_interval = "50ms" }
restart = { cooldown = "never" }
limits = { memory = "512MB" }
"""

BASE = """
[services.db]
command = ["db", "--all"]
env = { NAME = "x", N = 1 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose files are old enough to be relied on."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "api").mkdir()
    (tmp_path / "vars.env").write_text("")
    for name, text in {"dev": PROFILE, "base": BASE}.items():
        write(tmp_path / "profiles" / f"{name}.toml", text)
    return tmp_path


def write(path: Path, text: str, *, age: float = 100.0) -> None:
    path.write_text(text)
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))


def kept_in(folder: Path, **how):
    """Load and keep, and give what `recall` makes of it under the same conditions, or others."""
    asked = {"environ": {}, "sets": (), **how}
    project = find_project(folder)
    loaded = load(project, "dev", **asked)
    keep(folder / "kept", project.root, "dev", loaded, **asked)

    def again(**other):
        return recall(folder / "kept", project.root, other.pop("name", "dev"), **{**asked, **other})

    return loaded, again


def test_what_is_kept_comes_back_equal(folder: Path) -> None:
    """Every type of the model survives, and the file is its owner's alone."""
    loaded, again = kept_in(folder)
    found = again()
    assert found is not None
    assert found.profile == loaded.profile
    assert found.facts == loaded.facts
    assert stat.S_IMODE((folder / "kept").stat().st_mode) == 0o600


CHANGES = {
    "the profile": lambda folder: write(folder / "profiles/dev.toml", PROFILE + "\n", age=50),
    "what it extends": lambda folder: write(folder / "profiles/base.toml", BASE.replace("all", "one"), age=50),
    "a base that is gone": lambda folder: (folder / "profiles/base.toml").unlink(),
    "a local file that is new": lambda folder: write(folder / "profiles/dev.local.toml", "", age=50),
    "a folder that is gone": lambda folder: (folder / "api").rmdir(),
    "an env file that is gone": lambda folder: (folder / "vars.env").unlink(),
    "a file that is replaced by its equal": lambda folder: (
        write(folder / "new", PROFILE),
        (folder / "new").rename(folder / "profiles/dev.toml"),
    ),
    "half a file": lambda folder: (folder / "kept").write_bytes((folder / "kept").read_bytes()[:-20]),
    "no file": lambda folder: (folder / "kept").unlink(),
    "another file": lambda folder: (folder / "kept").write_text("[]"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_a_change_it_is_not_taken(folder: Path, change) -> None:
    """Whatever it was made of: files, those that were not there, and what the machine had."""
    _, again = kept_in(folder)
    assert again() is not None
    change(folder)
    assert again() is None


@pytest.mark.parametrize(
    "other",
    [
        {"environ": {"LAUNCHER__SERVICES__API__PORT": "9000"}},
        {"sets": ("services.api.port=9000",)},
        {"name": "base"},
    ],
    ids=["variable", "flag", "name"],
)
def test_asked_for_otherwise_it_is_not_taken(folder: Path, other) -> None:
    """Overrides are part of what was read."""
    _, again = kept_in(folder)
    assert again(**other) is None


def test_another_version_reads_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may understand a key differently."""
    _, again = kept_in(folder)
    monkeypatch.setattr("launcher.profile.kept.__version__", "999")
    assert again() is None


def test_a_file_just_written_is_not_relied_on(folder: Path) -> None:
    """It may be written again within the grain of its date."""
    write(folder / "profiles/dev.toml", PROFILE, age=0)
    kept_in(folder)
    assert not (folder / "kept").exists()


def test_a_profile_with_warnings_is_read_each_time(folder: Path) -> None:
    """They are to be said each time."""
    write(folder / "profiles/dev.toml", PROFILE.replace('http = "/healthz"', 'log = "up"'))
    loaded, _ = kept_in(folder)
    assert loaded.warnings
    assert not (folder / "kept").exists()


@pytest.mark.parametrize(
    "key",
    [
        'env = { TOKEN = "s3cret" }',
        'env = { URL = "redis://me:s3cret@host/0" }',
        'health = { http = "http://me:s3cret@host/" }',
        'health = { http = "http://host/", headers = { Authorization = "Bearer s3cret" } }',
    ],
)
def test_a_profile_with_secrets_written_in_it_is_not_kept(folder: Path, key: str) -> None:
    """They belong in no further file."""
    write(folder / "profiles/base.toml", f'[services.db]\ncommand = "db"\n{key}\n')
    kept_in(folder)
    assert not (folder / "kept").exists()


def test_a_folder_that_cannot_be_written_keeps_nothing(folder: Path) -> None:
    """And says nothing: the next start reads anew."""
    project = find_project(folder)
    loaded = load(project, "dev", environ={})
    keep(folder / "missing" / "kept", project.root, "dev", loaded, environ={}, sets=())
    assert recall(folder / "missing" / "kept", project.root, "dev", environ={}, sets=()) is None


@pytest.mark.parametrize(
    "how",
    [
        {"environ": {"LAUNCHER__ENV__API_TOKEN": "hunter2"}},
        {"environ": {"LAUNCHER__ENV__DB_URL": "redis://me:hunter2@db/0"}},
        {"sets": ["env.API_KEY=hunter2"]},
    ],
)
def test_a_secret_given_by_a_variable_or_a_flag_is_not_written_to_the_disk(folder: Path, how) -> None:
    """What a profile's own file holds is on the disk anyway."""
    _, again = kept_in(folder, **how)
    assert again() is None
    assert not (folder / "kept").exists()
