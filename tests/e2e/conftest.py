"""The project, and a supervisord over what it exports."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.e2e.project import Project, eventually
from tests.e2e.supervisord import LADDER, UP, Server, supervisord_of


@pytest.fixture
def project(tmp_path):
    """An empty project; what was started in it is ended afterwards."""
    made = Project(tmp_path)
    yield made
    made.close()


@pytest.fixture
def short():
    """A project in a short path: supervisord's socket holds some 90 bytes."""
    root = Path(tempfile.mkdtemp(prefix="ls-"))
    made = Project(root)
    yield made
    made.close()
    eventually(lambda: not supervisord_of(made))
    shutil.rmtree(root)


@pytest.fixture
def server(project):
    """A supervisord, not started yet."""
    run = Path(tempfile.mkdtemp(prefix="lr-"))
    made = Server(project, run)
    yield made
    made.close()
    shutil.rmtree(run, ignore_errors=True)


@pytest.fixture
def up(server, project):
    """A supervisord that has everything of the ladder up."""
    project.profile(LADDER)
    server.start()
    eventually(lambda: server.states() == UP)
    return server
