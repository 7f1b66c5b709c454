"""Two projects on one machine, whose services listen some time after they were started."""

from __future__ import annotations

import json

import pytest

from tests.e2e.project import Project, free_ports

SLOW = """
[services.slow]
command = "sleep 0.5; exec python3 -m http.server --bind 127.0.0.1 $PORT"
port = "auto"
health = { tcp = true, start_interval = 0.05 }
"""


@pytest.fixture
def two(tmp_path):
    """Two projects of one range of ports."""
    made = []
    ports = f"[launcher]\nports = '{free_ports()}'\n"
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        made.append(Project(tmp_path / name))
        made[-1].profile(ports + SLOW)
    yield made
    for project in made:
        project.close()


def port_of(project: Project) -> int:
    (slow,) = json.loads(project.run("status", "--json").stdout)["instances"]
    assert slow["state"] == "ready"
    return slow["port"]


def start(*projects: Project) -> None:
    """Start all, before any of them listens, and wait until they are ready."""
    for project in projects:
        assert project.run("start", "--detach").returncode == 0
    for project in projects:
        assert project.run("wait").returncode == 0


def test_they_draw_ports_of_their_own(two):
    """What one has drawn is not the other's, though nobody listens there yet."""
    start(*two)
    assert port_of(two[0]) != port_of(two[1])


def test_a_port_of_before_is_drawn_again_unless_the_other_has_it(two):
    """Each was alone when it drew, and so they drew the same."""
    ports = []
    for project in two:
        start(project)
        ports.append(port_of(project))
        assert project.run("stop").returncode == 0
    assert ports[0] == ports[1]
    start(two[1], two[0])
    assert port_of(two[1]) == ports[1]
    assert port_of(two[0]) != ports[0]
