"""Services and machines that misbehave, with the real command and real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.control.running import holder
from tests.e2e.project import LAUNCHER, eventually, is_alive

pytestmark = pytest.mark.slow

UP = '[services.api]\ncommand = "echo pid $$; exec sleep 600"\n'


def running_pid(project) -> int:
    return int(json.loads(project.run("status", "--json").stdout)["pid"])


def pid_in(running) -> int:
    return int(running.until(r"\| pid (\d+)").group(1))


def test_ctrl_c_stops_in_reverse_order_and_leaves_nothing(project):
    """Exit status 130, dependents first, no process left."""
    project.profile(
        '[services.db]\ncommand = "echo pid $$; exec sleep 600"\n'
        '[services.api]\ncommand = "sleep 600"\ndepends_on = ["db"]\n'
    )
    running = project.start()
    pid = pid_in(running)
    running.until("all ready")
    assert running.stop() == 130
    assert running.output.index("api stopped") < running.output.index("db stopped")
    assert not is_alive(pid)


def test_ctrl_c_during_start_up(project):
    """What was started is stopped, what waits is never started."""
    project.profile(UP + 'health = { log = "never" }\n[services.web]\ncommand = "echo web up"\ndepends_on = ["api"]\n')
    running = project.start()
    pid = pid_in(running)
    assert running.stop() == 130
    assert "web up" not in running.output
    assert not is_alive(pid)


def test_a_second_ctrl_c_during_start_up_kills(project):
    """What ignores the first does not hold up the end, and what waits is never started."""
    command = "trap '' TERM; echo pid $$; while :; do sleep 600; done"
    project.profile(
        f'[services.api]\ncommand = "{command}"\nhealth = {{ log = "never" }}\n'
        '[services.web]\ncommand = "echo web up"\ndepends_on = ["api"]\n'
    )
    running = project.start()
    pid = pid_in(running)
    running.interrupt()
    running.until("sending SIGTERM")
    running.interrupt()
    assert running.end() == 130
    assert "web up" not in running.output
    assert not is_alive(pid)


def test_a_service_that_fills_the_pipe_while_it_stops_is_stopped(project):
    """Though nobody takes its output in: what the terminal cannot have in time goes to the log, and that is said."""
    project.file(
        "flood.py",
        "import os, signal, sys\n"
        "def stop(*_):\n"
        "    for _ in range(64): os.write(1, b'y' * 65535 + b'\\n')\n"
        "    os.write(1, b'the end\\n')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('up', flush=True)\n"
        "while True: signal.pause()\n",
    )
    project.profile(f'[services.api]\ncommand = ["{sys.executable}", "flood.py"]\nhealth = {{ log = "^up" }}\n')
    running = project.start()
    running.until("all ready")
    running.interrupt()
    assert running.process.wait(20) == 130  # nothing was read meanwhile
    log = (project.root / ".launcher" / "dev" / "logs" / "api.1.log").read_bytes()
    assert log.count(b"y") == 64 * 65535
    assert b"the end" in log


def test_the_second_ctrl_c_kills_what_ignores_the_first(project):
    """A service that ignores TERM does not hold up the end."""
    command = "trap '' TERM; echo pid $$; while :; do sleep 600; done"
    project.profile(f'[services.api]\ncommand = "{command}"\n')
    running = project.start()
    pid = pid_in(running)
    running.until("all ready")
    running.interrupt()
    running.until("sending SIGTERM")
    running.interrupt()
    assert running.end() == 130
    assert not is_alive(pid)


def test_past_grace_it_is_killed(project):
    """Ignoring TERM costs the grace period only."""
    project.profile(
        """[services.api]\ncommand = "trap '' TERM; echo pid $$; while :; do sleep 600; done"\n"""
        """stop = { grace = 0.2 }\n"""
    )
    running = project.start()
    pid = pid_in(running)
    running.until("all ready")
    assert running.stop() == 130
    assert "sending SIGKILL" in running.output
    assert not is_alive(pid)


def test_kill_9_of_the_launcher_leaves_nothing_alive(project):
    """Neither a service nor a descendant that left its group is alive a second later."""
    project.profile(
        """[services.api]\ncommand = "setsid sleep 611 & echo pid $!; wait"\n"""
        """[services.db]\ncommand = "echo db $$; exec sleep 612"\n"""
    )
    running = project.start()
    daemon = pid_in(running)
    service = int(running.until(r"\| db (\d+)").group(1))
    running.process.kill()
    running.process.wait()
    eventually(lambda: not is_alive(daemon) and not is_alive(service), within=1.0)


def test_a_stale_socket_after_a_crash_is_no_hindrance(project):
    """`status` says that nothing runs, and the next start works."""
    project.profile(UP)
    running = project.start()
    running.until("all ready")
    running.process.kill()
    running.process.wait()
    assert project.run("status").returncode == 3
    again = project.start()
    again.until("all ready")
    assert again.stop() == 130


def test_two_launchers_at_once(project):
    """One runs the services, the other joins it."""
    project.profile(UP)
    both = [project.start(), project.start()]
    for running in both:
        running.until("all ready|api is ready")
    assert sorted("joining" in running.output for running in both) == [False, True]
    assert project.status()["api"]["generation"] == 1


def test_a_service_that_exits_at_once_opens_the_circuit(project):
    """Its last lines and its exit code close the output; exit status 4."""
    project.profile(
        '[services.api]\ncommand = "echo no disk; exit 3"\n'
        'restart = { delay = "10ms", burst = 2 }\nhealth = { log = "up" }\n'
    )
    answer = project.run("start")
    assert answer.returncode == 4
    assert "no disk" in answer.stdout
    assert "exited with code 3" in answer.stderr
    assert "circuit open after 3 failures" in answer.stderr


def test_a_dependency_that_dies_while_others_wait_for_it(project):
    """The dependents are skipped, with the chain."""
    project.profile(
        '[services.db]\ncommand = "exit 9"\nhealth = { log = "up" }\nrestart = { policy = "no" }\n'
        '[services.api]\ncommand = "sleep 600"\ndepends_on = ["db"]\n'
    )
    answer = project.run("start")
    assert answer.returncode == 4
    assert "api skipped: db has failed" in answer.stdout


def test_output_of_every_kind_arrives(project):
    """Invalid UTF-8, ten megabytes without a newline, and a closed output harm nobody."""
    project.file(
        "noisy.py",
        "import os, time\n"
        "os.write(1, b'caf\\xe9\\n')\n"
        "data = b'x' * 65536\n"
        "for _ in range(160): os.write(1, data)\n"
        "os.write(1, b'\\nthe end\\n')\n"
        "os.close(1); os.close(2)\n"
        "time.sleep(600)\n",
    )
    project.profile(f'[services.api]\ncommand = ["{sys.executable}", "noisy.py"]\n')
    running = project.start()
    running.until("the end")
    assert "caf\ufffd" in running.output
    assert running.output.count("x") >= 160 * 65536
    assert project.status()["api"]["state"] == "ready"
    assert running.stop() == 130


def test_a_full_disk_below_the_run_folder_is_said_and_survived(project, tmp_path):
    """Services go on without log files and state."""
    if os.geteuid() != 0 or not Path("/bin/mount").exists():
        pytest.skip("mounting a small file system needs root")
    small = tmp_path / ".launcher"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"mount: {mounted.stderr.decode().strip()}")
    try:
        command = "i=0; while [ $i -lt 3000 ]; do echo line $i of many that fill the disk; i=$((i+1)); done; echo done"
        project.profile(f'[services.api]\ncommand = "{command}; exec sleep 600"\n')
        running = project.start()
        running.until(r"\| done")
        running.until("No space left on device")
        assert project.status()["api"]["state"] == "ready"
        assert running.stop() == 130
    finally:
        subprocess.run(["umount", "-l", small], check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_it_too(project, number):
    """128 and the signal's number."""
    project.profile(UP)
    running = project.start()
    running.until("all ready")
    running.process.send_signal(number)
    assert running.end() == 128 + number


def test_a_reader_of_the_output_that_goes_away_harms_nobody(project):
    """`launcher start | head -1`: services go on, and it can still be stopped."""
    project.profile(UP)
    shell = subprocess.Popen(
        ["sh", "-c", f"exec {' '.join(LAUNCHER)} start | head -1"],
        cwd=project.root,
        env=project.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    eventually(lambda: project.run("wait").returncode == 0)
    assert project.run("stop").returncode == 0
    shell.wait(10)


def test_detach_wait_status_stop(project):
    """The life of a launcher in a script."""
    project.profile(UP)
    started = project.run("start", "--detach", "--wait")
    assert started.returncode == 0, started
    assert project.status()["api"]["state"] == "ready"
    (lock,) = project.root.glob(".launcher/*/lock")
    assert holder(lock.parent).pid == running_pid(project)
    assert project.run("logs").stdout.count("pid") == 1
    assert project.run("stop").returncode == 0
    assert project.run("status").returncode == 3


def test_a_reader_of_the_report_that_goes_away_harms_nobody(project):
    """`launcher start --detach --wait | head -1`: the background comes up all the same."""
    project.profile(UP + 'health = { log = "pid" }\n[services.web]\ncommand = "sleep 600"\ndepends_on = ["api"]\n')
    shell = subprocess.run(
        ["sh", "-c", f"{' '.join(LAUNCHER)} start --detach --wait | head -1"],
        cwd=project.root,
        env=project.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "api started" in shell.stdout
    assert project.run("wait").returncode == 0
    assert project.status()["web"]["state"] == "ready"


def test_a_fault_of_our_own_leaves_nothing_alive(project):
    """E9999, and the guard ends what the launcher can no longer."""
    project.profile(UP)
    broken = (
        "import sys; from launcher.cli import run; run._announce = lambda *_: 1 / 0; "
        "from launcher.cli.main import main; sys.exit(main(['start']))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", broken],
        cwd=project.root,
        env=project.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 70
    assert "E9999" in answer.stderr
    pid = int(answer.stdout.partition("| pid ")[2].split()[0])
    eventually(lambda: not is_alive(pid), within=1.0)


def test_detach_tells_of_a_failed_start_up(project):
    """The error comes over the pipe, with its exit status."""
    project.profile('[services.api]\ncommand = "exit 3"\nhealth = { log = "up" }\nrestart = { policy = "no" }\n')
    started = project.run("start", "--detach", "--wait")
    assert started.returncode == 4
    assert "E3006" in started.stdout + started.stderr
    assert "exited with code 3" in started.stdout + started.stderr
