"""An installed unit under the real systemd: started, kept, reloaded, stopped in order, and removed without a trace."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from tests.e2e.project import eventually
from tests.e2e.supervisord import LADDER, UP, Server
from tests.e2e.systemd import OwnSystemd, why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can be started")]

UNIT = "launcher-a-shop-dev"


@pytest.fixture(scope="module")
def systemd():
    """One for all tests: each removes its unit."""
    made = OwnSystemd()
    yield made
    made.close()


@pytest.fixture
def installed(systemd, project, tmp_path):
    """The ladder, installed in a folder with a name that systemd could take for something else, and running."""
    run = Path(tempfile.mkdtemp(prefix="l r-"))
    project.root = tmp_path / "it is [a] $HOME" / "a shop"
    (project.root / "profiles").mkdir(parents=True)
    project.profile(f'{LADDER}\n[services.secret]\ncommand = "echo have $SHOP_WORD; exec sleep 600"\n')
    project.environ.update(systemd.environ)
    server = Server(project, run)
    assert server.export().returncode == 0
    (project.root / "deploy" / "supervisord.env").write_text('SHOP_WORD="50% $x"\n', encoding="utf-8")
    done = project.run("install", "deploy", "--user", "--enable", "--start")
    assert done.returncode == 0, done.stderr
    eventually(lambda: server.states() == {**UP, "secret": "ready"})
    yield server
    systemd.ctl("stop", UNIT)
    project.run("uninstall", "deploy", "--user", "--force")
    systemd.ctl("reset-failed", UNIT)
    server.close()
    shutil.rmtree(run, ignore_errors=True)


def pids(server) -> dict[str, int]:
    """Of supervisord's programs; checks come and go beside them."""
    return {name: server.pid(name) for name in ("db", "api", "worker", "launcher")}


def up(server) -> bool:
    return server.states() == {**UP, "secret": "ready"}


def test_it_runs_and_has_its_variables(systemd, installed):
    """Everything is in the unit's own cgroup, the variables' file is read, and systemd knows the unit as enabled."""
    assert systemd.show(UNIT, "ActiveState") == "active"
    assert systemd.show(UNIT, "UnitFileState") == "enabled"
    assert {installed.pid(name) for name in ("db", "api", "worker", "launcher")} < set(systemd.members(UNIT))
    output = installed.run_folder / "logs" / "secret.out"
    eventually(lambda: output.read_text(encoding="utf-8") == "have 50% $x\n")
    bad = [line for line in systemd.log().splitlines() if UNIT in line and ("Unknown" in line or "ignoring" in line)]
    assert bad == []


def test_installed_again_while_it_runs(systemd, installed):
    """It goes on as it is, and only what is left to do is told."""
    before = pids(installed)
    done = installed.project.run("install", "deploy", "--user", "--start")
    assert (done.returncode, done.stderr) == (0, "")
    wrote, running, _linger = done.stdout.splitlines()
    assert wrote == f"wrote {systemd.units / UNIT}.service"
    assert running == f"it runs, and will be as this unit says after: systemctl --user restart {UNIT}"
    assert pids(installed) == before


def test_supervisord_killed_with_9_is_back_alone(systemd, installed):
    """What it left behind is ended before the next one starts everything, in order."""
    before = systemd.members(UNIT)
    os.kill(int(systemd.show(UNIT, "MainPID")), signal.SIGKILL)
    eventually(lambda: systemd.show(UNIT, "NRestarts") == "1" and up(installed))
    assert not set(before) & set(systemd.members(UNIT))
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)


def test_a_stop_is_in_reverse_order(systemd, installed):
    """By the agent, so with its drain and stop commands, and nothing is left."""
    members = systemd.members(UNIT)
    assert systemd.ctl("stop", UNIT).returncode == 0
    assert (systemd.show(UNIT, "ActiveState"), systemd.show(UNIT, "Result")) == ("inactive", "success")
    assert not any(Path(f"/proc/{pid}").exists() for pid in members)
    log = installed.log()
    told = ["worker stopped", "api stopped", "db stopped"]
    assert sorted(told, key=log.index) == told


def test_a_stop_without_an_agent_is_in_reverse_order_too(systemd, installed):
    """Then supervisord goes layer by layer."""
    assert installed.ctl("stop", "launcher").returncode == 0
    members = systemd.members(UNIT)
    assert systemd.ctl("stop", UNIT).returncode == 0
    assert systemd.show(UNIT, "Result") == "success"
    assert not any(Path(f"/proc/{pid}").exists() for pid in members)
    log = (installed.run_folder / "logs" / "supervisord.log").read_text(encoding="utf-8")
    told = ["stopped: worker", "stopped: api", "stopped: db"]
    assert sorted(told, key=log.rindex) == told


@pytest.mark.parametrize("how", ["launcher stop", "supervisorctl down", "supervisorctl shutdown"])
def test_what_an_operator_stops_stays_stopped(systemd, installed, how):
    """Systemd takes it for an end, not for a failure."""
    if how == "launcher stop":
        assert installed.project.run("stop", "--run-dir", str(installed.run_folder)).returncode == 0
    else:
        assert installed.ctl(how.split()[1]).returncode == 0
    eventually(lambda: systemd.show(UNIT, "ActiveState") == "inactive")
    assert (systemd.show(UNIT, "Result"), systemd.show(UNIT, "NRestarts")) == ("success", "0")


def test_a_reload_restarts_what_changed_and_nothing_else(systemd, installed):
    """A changed command, a new service and one that is gone, by a new export; the agent takes up the new plan."""
    names = ("db", "api", "worker")
    before = {name: installed.pid(name) for name in names}
    changed = LADDER.replace(
        '[services.worker]\ncommand = "exec sleep 600"', '[services.worker]\ncommand = "exec sleep 601"'
    )
    installed.project.profile(f'{changed}\n[services.new]\ncommand = "exec sleep 600"\ndepends_on = ["worker"]\n')
    assert installed.export().returncode == 0
    done = systemd.ctl("reload", UNIT)
    assert done.returncode == 0, done.stderr
    eventually(lambda: installed.states() == {**UP, "new": "ready"})
    after = {name: installed.pid(name) for name in names}
    assert (after["db"], after["api"]) == (before["db"], before["api"])
    assert after["worker"] not in (0, before["worker"])
    assert installed.log().count("migrate stopped (rc=0)") == 2  # told again, not run again


@pytest.mark.parametrize(
    ("old", "new", "restarted"),
    [
        ("interval = 0.2", "interval = 0.3", set()),
        ("burst = 100", "burst = 99", set()),
        ("sleep 0.2; touch migrated", "sleep 0.3; touch migrated", {"migrate"}),
        ("[services.db]", "[env]\nX = '1'\n[services.db]", {"migrate", "db", "api", "worker"}),
        ('kind = "task"', 'kind = "task"\ndepends_on = ["secret"]', {"migrate", "db", "api", "worker"}),
    ],
)
def test_what_a_reload_restarts(systemd, installed, old, new, restarted):
    """Only what is in supervisord's own configuration: checks and rules are not, layers are."""
    before = {name: installed.pid(name) for name in ("db", "api", "worker")}
    agent, runs = installed.pid("launcher"), _runs(installed)
    profile = installed.project.root / "profiles" / "dev.toml"
    text = profile.read_text(encoding="utf-8")
    assert old in text
    profile.write_text(text.replace(old, new), encoding="utf-8")
    assert installed.export().returncode == 0
    assert systemd.ctl("reload", UNIT).returncode == 0
    eventually(lambda: installed.pid("launcher") not in (0, agent) and up(installed))
    after = {name: installed.pid(name) for name in before}
    changed = {name for name in before if after[name] != before[name]}
    assert changed | ({"migrate"} if _runs(installed) > runs else set()) == restarted


def _runs(installed) -> int:
    return (installed.run_folder / "logs" / "supervisord.log").read_text(encoding="utf-8").count("spawned: 'migrate'")


def test_a_restart_begins_anew(systemd, installed):
    """What was stopped by hand is started too."""
    assert installed.ctl("stop", "worker").returncode == 0
    eventually(lambda: installed.states().get("worker") == "stopped")
    assert systemd.ctl("restart", UNIT).returncode == 0
    eventually(lambda: up(installed))


def test_a_critical_service_that_fails_for_good_ends_everything(systemd, installed):
    """Systemd takes that for a failure, and does not start it again by itself."""
    profile = installed.project.root / "profiles" / "dev.toml"
    failing = '[services.gone]\ncommand = "exit 7"\ncritical = true\nrestart = { delay = 0.01, burst = 1 }\n'
    profile.write_text(f"{profile.read_text(encoding='utf-8')}\n{failing}", encoding="utf-8")
    assert systemd.ctl("stop", UNIT).returncode == 0
    assert installed.export().returncode == 0
    assert systemd.ctl("start", UNIT).returncode == 0
    eventually(lambda: systemd.show(UNIT, "ActiveState") == "failed")
    assert (systemd.show(UNIT, "Result"), systemd.show(UNIT, "NRestarts")) == ("exit-code", "0")
    told = installed.project.run("status", "--run-dir", str(installed.run_folder)).stdout
    assert "exited with code 7; circuit open" in told


def test_a_reload_of_a_broken_configuration_changes_nothing(systemd, installed):
    """Systemd says that it failed, and everything goes on."""
    before = pids(installed)
    conf = installed.project.root / "deploy" / "supervisord.conf"
    conf.write_text(conf.read_text(encoding="utf-8") + "[program:x]\nnumprocs=x\ncommand=x\n", encoding="utf-8")
    assert systemd.ctl("reload", UNIT).returncode != 0
    assert systemd.show(UNIT, "ActiveState") == "active"
    assert pids(installed) == before


def test_uninstall_stops_disables_and_removes(systemd, installed):
    """And says each; systemd knows nothing of the unit then."""
    members = systemd.members(UNIT)
    done = installed.project.run("uninstall", "deploy", "--user")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"stopping {UNIT}, in reverse order\ndisabled {UNIT}\nremoved {systemd.units / UNIT}.service\n"
    )
    assert not any(Path(f"/proc/{pid}").exists() for pid in members)
    assert systemd.show(UNIT, "LoadState") == "not-found"
    assert [path for path in systemd.units.rglob("*") if path.is_file() or path.is_symlink()] == []
    assert (installed.project.root / "deploy" / "supervisord.conf").exists()


def test_a_supervisord_that_cannot_start_is_given_up(systemd, installed):
    """After five tries, and systemd tells of it as of any failed unit."""
    systemd.ctl("stop", UNIT)
    conf = installed.project.root / "deploy" / "supervisord.conf"
    conf.write_text("[supervisord\n", encoding="utf-8")
    assert systemd.ctl("start", UNIT).returncode == 0
    eventually(lambda: systemd.show(UNIT, "ActiveState") == "failed")
    assert systemd.show(UNIT, "NRestarts") == "5"


def test_started_beside_another_launcher(systemd, installed):
    """It is refused where it would only fail."""
    assert systemd.ctl("stop", UNIT).returncode == 0
    installed.start()
    eventually(lambda: up(installed))
    done = installed.project.run("install", "deploy", "--user", "--start")
    assert (done.returncode, "another launcher runs in" in done.stderr) == (1, True)
