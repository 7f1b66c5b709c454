"""Real applications together in one process, each on its own port: each answers as it does alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.apps.real import APPS, FOLDER, ask, installed, variables
from tests.e2e.project import Project, free_ports
from tests.serving import serving_ready

pytestmark = pytest.mark.slow


def folder_of(project: Project, name: str) -> Path:
    """Where it keeps its data. The two of Django are one site: what its settings say, they say once in a process."""
    return project.root / name.partition("-")[0]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """All that are installed, in the process `host.apps`; what `launcher status` tells of each, and its folder."""
    project = Project(tmp_path_factory.mktemp("together"))
    text = f'[launcher]\nmode = "single"\nports = "{free_ports()}"\n[defaults]\nport = "auto"\n'
    for name, served in installed().items():
        text += f'[services.{name}]\napp = "{served.target}"\npythonpath = ["{FOLDER}"]\n[services.{name}.env]\n'
        text += "".join(f'{key} = "{value}"\n' for key, value in variables(folder_of(project, name)).items())
    project.profile(text)
    project.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    try:
        started = project.run("start", "--detach", "--wait", timeout=90)
        assert started.returncode == 0, started.stdout + started.stderr
        yield project, project.status()
    finally:
        project.close()


@pytest.mark.parametrize("name", APPS)
def test_it_answers_as_it_does_alone(together, tmp_path, name):
    served = APPS[name]
    served.must_be_installed()
    project, status = together
    assert status[name]["pid"] == status["host.apps"]["pid"]
    data = tmp_path / name
    with serving_ready(served.target, directory=FOLDER, env=variables(data)) as alone:
        for request in served.requests:
            expected = ask(alone.port, request, data)
            assert expected.status == request.status, (request, expected, alone.output())
            assert request.holds in expected.text, request
            assert ask(status[name]["port"], request, folder_of(project, name)) == expected, request
