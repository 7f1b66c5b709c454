"""How one service's end ends the launcher: `critical` and `on_exit`, with real processes."""

from __future__ import annotations

import pytest

from tests.e2e.project import is_alive

pytestmark = pytest.mark.slow

OTHER = '[services.other]\ncommand = "echo other is pid $$; exec sleep 600"\n'
BARRIER = "exec 3<>fifo; read line <&3"


def first(text):
    return f"[services.first]\ncommand = '{BARRIER}; {text}'\n"


def ended(project, profile):
    """Start, let the first service go on once the other is up, and end: the other's pid, the output and the status."""
    project.profile(profile + OTHER)
    running = project.start()
    other = int(running.until(r"other is pid (\d+)")[1])
    running.until("all ready")
    (project.root / "fifo").write_text("go on\n", encoding="utf-8")
    status = running.end()
    return is_alive(other), running.output, status


@pytest.fixture
def project(project):
    import os  # noqa: PLC0415

    os.mkfifo(project.root / "fifo")
    return project


@pytest.mark.parametrize(("code", "status"), [("exit 7", 7), ("kill -9 $$", 247)])
def test_a_critical_service_that_fails_for_good_stops_everything(project, code, status):
    """With its own code, and never 0."""
    alive, output, got = ended(project, first(code) + 'critical = true\nrestart = { policy = "no" }\n')
    assert (alive, got) == (False, status)
    assert "first is critical and has failed: stopping everything" in output


def test_a_critical_service_that_gives_up_restarting_stops_everything(project):
    """Not its first failure does, but the open circuit."""
    profile = first("exit 7").replace(BARRIER, f"test -e once || {{ {BARRIER}; touch once; }}")
    restart = "restart = { delay = 0.01, burst = 2 }\n"
    alive, output, got = ended(project, profile + "critical = true\n" + restart)
    assert (alive, got) == (False, 7)
    assert output.count("first stopped (rc=7)") == 3


def test_on_exit_stop_stops_everything_at_the_first_end(project):
    """With its code, success too."""
    profile = '[launcher]\non_exit = "stop"\n' + first("exit 0")
    alive, output, got = ended(project, profile)
    assert (alive, got) == (False, 0)
    assert "first stopped (rc=0)" in output


def test_on_exit_stop_ends_with_the_first_ones_code(project):
    """As honcho does."""
    profile = '[launcher]\non_exit = "stop"\n' + first("exit 9") + 'restart = { policy = "no" }\n'
    alive, _, got = ended(project, profile)
    assert (alive, got) == (False, 9)


def test_without_either_the_others_go_on(project):
    """The launcher ends with Ctrl-C."""
    project.profile(first("exit 9") + 'restart = { policy = "no" }\n' + OTHER)
    running = project.start()
    running.until("all ready")
    (project.root / "fifo").write_text("go on\n", encoding="utf-8")
    running.until(r"first failed")
    assert project.status()["other"]["state"] == "ready"
    assert running.stop() == 130
