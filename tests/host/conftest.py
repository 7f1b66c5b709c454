"""What tests of the host share: temporary packages to import, two components with an environment each, a real host."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from launcher.host import environment
from tests.host.components import NAME
from tests.host.hosted import Host


class Packages:
    """`packages.write("a/app/main.py", "…")` writes a module; `packages.describe("a", "app.main:app")` describes it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str = "") -> str:
        """Write a file, given relative to the root; returns its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        importlib.invalidate_caches()
        return str(path)

    def folder(self, name: str) -> str:
        """The path of a folder below the root."""
        return str(self.root / name)


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder for packages; modules imported by the test are forgotten after it."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Packages(tmp_path)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def two(monkeypatch):
    """Two components with a variable each, in a process that has the variable too."""
    monkeypatch.setenv(NAME, "of the process")
    environment.install()
    path = os.environ["PATH"]
    environment.give("red", {NAME: "red", "PATH": path})
    environment.give("blue", {NAME: "blue", "PATH": path})
    yield
    environment.uninstall()


@pytest.fixture
def folder():
    """In a short path, for a Unix socket's address holds 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="lh-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def host(folder):
    """A host with nothing in it."""
    made = Host(folder)
    yield made
    made.close()
