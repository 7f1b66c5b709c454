"""What is built is what was meant: both commands, the version, every module, and the files that are run as paths."""

from __future__ import annotations

import configparser
import importlib
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import launcher
from tests.rules.house import ROOT, sources


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built without the network from a copy: a build leaves folders behind."""
    copy, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "launcher", copy / "launcher", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, "--wheel-dir", str(built), str(copy)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(built.glob("*.whl")))


def entry_points(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


def member(wheel: zipfile.ZipFile, name: str) -> str:
    return wheel.read(f"launcher-{launcher.__version__}.dist-info/{name}").decode()


@pytest.mark.slow
def test_wheel_has_both_commands(wheel: zipfile.ZipFile) -> None:
    """`launcher` and `launch` are one command line."""
    scripts = entry_points(member(wheel, "entry_points.txt"))["console_scripts"]
    assert scripts == {"launcher": "launcher.cli.main:command", "launch": "launcher.cli.main:command"}


@pytest.mark.slow
def test_wheel_has_every_entry_point_of_setup_cfg(wheel: zipfile.ZipFile) -> None:
    """Setuptools drops them all, silently, where pyproject.toml has some of its own."""
    wanted = configparser.ConfigParser()
    wanted.read(ROOT / "setup.cfg")
    groups = {name: entry_points(f"[x]{text}")["x"] for name, text in wanted["options.entry_points"].items()}
    assert entry_points(member(wheel, "entry_points.txt")) == groups


@pytest.mark.slow
def test_wheel_has_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """host/ among them: its files are run as paths."""
    files = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert files == {str(path.relative_to(ROOT)) for path in sources("launcher")} | {"launcher/py.typed"}


@pytest.mark.slow
def test_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    """The version is said once, in the package; the licence comes along."""
    metadata = Parser().parsestr(member(wheel, "METADATA"))
    assert metadata["Version"] == launcher.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert "the launcher authors" in member(wheel, "licenses/LICENSE")


def test_entry_points_can_be_loaded() -> None:
    """What setup.cfg names exists."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    for text in parser["options.entry_points"].values():
        for target in entry_points(f"[x]{text}")["x"].values():
            module, _, name = target.partition(":")
            loaded = importlib.import_module(module)  # an importer is a module
            assert not name or callable(getattr(loaded, name))


def test_changelog_tells_of_what_comes() -> None:
    """Users hear of a change before it is released."""
    assert "\n## [Unreleased]\n" in Path(ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
