"""The command line starts with next to nothing loaded: what a command needs, it imports when it runs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.rules.house import ROOT

#: What costs time or memory (`python -m benchmarks memory` measures it) and only some commands need.
HEAVY = frozenset(
    {
        "a2wsgi", "asyncio", "colorama", "concurrent.futures", "dataclasses", "dotenv", "email", "honcho",
        "http.client", "importlib.metadata", "inspect", "json", "logging", "msgspec", "multiprocessing",
        "prometheus_client", "psutil", "redis", "requests", "sqlite3", "ssl", "starlette", "statemachine", "tabulate",
        "toml", "tomlkit", "tomllib", "unittest", "urllib.request", "uvicorn", "xml", "yaml",
    }
)  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter loads for `statement`."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", statement],
        cwd=ROOT, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.splitlines()[-1]
    return set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))


def heavy(loaded: set[str]) -> list[str]:
    return sorted(loaded & HEAVY)


def test_command_line_loads_nothing_heavy() -> None:
    """`launcher --version` and `launcher --help` answer at once."""
    assert heavy(loaded_by("import launcher.cli.main")) == []


@pytest.mark.parametrize("room", ["errors", "profile.model", "plan.model", "orchestrator.protocols"])
def test_seam_loads_nothing_heavy(room: str) -> None:
    """What every room imports costs it msgspec and nothing else."""
    assert heavy(loaded_by(f"import launcher.{room}") - loaded_by("import msgspec")) == []


def test_a_start_up_loads_nothing_that_only_comes_after_it() -> None:
    """The history and notices have time when services are up."""
    loaded = loaded_by("import launcher.runtime")
    assert (
        loaded & {"sqlite3", "redis", "requests", "launcher.observe.history.keeper", "launcher.observe.notify"} == set()
    )


def test_heavy_import_is_seen() -> None:
    """The rule sees what is loaded on the way, not only what is named."""
    assert "logging" in heavy(loaded_by("import requests"))
