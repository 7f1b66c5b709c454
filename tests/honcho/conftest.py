"""The fixtures: honcho and the launcher side by side, and a project of profiles beside a Procfile."""

from __future__ import annotations

import pytest

from tests.e2e.project import Project
from tests.honcho.beside import Beside


@pytest.fixture
def beside(tmp_path):
    """A folder for each of the two; what was started in them is ended afterwards."""
    made = Beside(tmp_path)
    yield made
    made.close()


@pytest.fixture
def project(tmp_path):
    """A project with a folder of profiles; what was started in it is ended afterwards."""
    made = Project(tmp_path)
    yield made
    made.close()
