"""The project fixture."""

from __future__ import annotations

import pytest

from tests.e2e.project import Project


@pytest.fixture
def project(tmp_path):
    """An empty project; what was started in it is ended afterwards."""
    made = Project(tmp_path)
    yield made
    made.close()
