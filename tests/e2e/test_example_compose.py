"""examples/compose does what its page says."""

from __future__ import annotations

import shutil
import socket

import pytest

from tests.e2e.project import ROOT

pytestmark = pytest.mark.slow


def test_the_imported_file_runs(project):
    """What cannot come along is told with its line; the clock starts once the site answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    shutil.copytree(ROOT / "examples" / "compose", project.root, dirs_exist_ok=True)
    compose = project.root / "compose.yaml"
    project.file("compose.yaml", compose.read_text(encoding="utf-8").replace("8123", port))
    imported = project.run("import", "compose.yaml", "-o", "profiles/imported.toml")
    assert imported.returncode == 0
    assert "compose.yaml:19: services.db: cannot run as a process" in imported.stderr
    assert (
        project.run("config", "check", "--profile", "imported").stdout == "imported is well: 2 services in 2 layers\n"
    )
    running = project.start("imported")
    running.until("all ready")
    running.until(r"clock  \| \d\d:\d\d:\d\d")
    assert running.output.index("site ready") < running.output.index("clock started")
    assert running.stop() == 130
