"""Names are the field's own, files hold one idea, modules say what they are, and nothing is left for later."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.rules.house import ROOT, name_of, sources

LONGEST = 400
#: A catalogue is one idea, however many entries it has.
CATALOGUES = ("launcher.errors",)
EMPTY_WORD = re.compile(r"(manager|handler|helper|util|utilitie)s?$", re.IGNORECASE)
LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

OURS = sources("launcher", "benchmarks", "examples", "tests")


def empty_names(module: str, source: str) -> list[str]:
    """The module and its classes, where the name ends in a word that says nothing."""
    classes = [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    return [name for name in [module.rpartition(".")[2], *classes] if EMPTY_WORD.search(name)]


def left_for_later(source: str) -> list[int]:
    """The lines that promise work instead of doing it."""
    return [number for number, line in enumerate(source.splitlines(), 1) if LATER.search(line)]


def says_what_it_is(source: str) -> bool:
    """Whether the module has a docstring, or has nothing in it."""
    tree = ast.parse(source)
    return not tree.body or bool(ast.get_docstring(tree))


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_names_say_something(path: Path) -> None:
    """Nothing is called Manager, Handler, Helper or Utils."""
    assert empty_names(name_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [path for path in OURS if name_of(path) not in CATALOGUES], ids=name_of)
def test_file_holds_one_idea(path: Path) -> None:
    """A file that grows past 400 lines holds two."""
    assert len(path.read_text(encoding="utf-8").splitlines()) < LONGEST


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_module_says_what_it_is(path: Path) -> None:
    """Every module begins with a docstring."""
    assert says_what_it_is(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [path for path in OURS if path != Path(__file__).resolve()], ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    """What is not done is an issue, not a comment."""
    assert left_for_later(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", ["bin/launch", "bin/test", ".ci/run"])
def test_script_is_executable(name: str) -> None:
    """The commands of the README work in a fresh clone."""
    assert (ROOT / name).stat().st_mode & 0o111 == 0o111


def test_empty_name_is_seen() -> None:
    """The rule knows modules and classes, whatever their case."""
    assert empty_names("launcher.cli.utils", "class LogHandler: ...\nclass Loop: ...") == ["utils", "LogHandler"]
    assert empty_names("launcher.handling", "class Handled: ...") == []


def test_promise_is_seen() -> None:
    """The rule gives the lines."""
    assert left_for_later("x = 1\ny = 2  # TODO: z\n") == [2]


def test_silent_module_is_seen() -> None:
    """A comment is no docstring; an empty file needs none."""
    assert not says_what_it_is("# loads\nimport re\n")
    assert says_what_it_is("")
