"""The unit that keeps supervisord running: what systemd reads in it is what was exported, whatever the paths."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from launcher.errors import NotExportable
from launcher.exporters.boot import Boot, configuration_of, unit
from launcher.exporters.handover import Handover
from launcher.exporters.stamp import Origin, origin, stamped
from launcher.profile.model import Settings
from tests.exporters.corpus import plan_from
from tests.exporters.systemd_reader import is_there, keys, substituted, unspecified, words

AWKWARD = '/srv/50% of $HOME; it\'s "#1" [a-z]*?\\n/ü'


def given(tables=None, *, run: str = "/srv/shop/.launcher/prod", root: str = "/srv/shop") -> Handover:
    plan = plan_from(Path(root), tables or {"web": {"command": "serve"}})
    return Handover(plan=plan, settings=Settings(), names={}, run=run)


def boot(configuration: str = "/srv/shop/deploy/supervisord.conf", **more: str) -> Boot:
    return Boot(**{"name": "launcher-shop", "python": "/srv/venv/bin/python", "configuration": configuration, **more})


def service(handover: Handover, how: Boot) -> list[tuple[str, str]]:
    return keys(unit(handover, how).content, "Service")


def test_the_unit_as_it_is_written():
    """Nothing that a service might need is taken from it, and the agent is left its order and its time."""
    assert unit(given(), boot(user="shop")).content == (
        "[Unit]\n"
        "Description=supervisord with the services of /srv/shop (profile dev)\n"
        "After=network.target\n"
        'RequiresMountsFor="/srv/shop/deploy" "/srv/shop/.launcher/prod" "/srv/venv/bin/python"\n'
        "StartLimitIntervalSec=60s\n"
        "StartLimitBurst=5\n"
        "\n"
        "[Service]\n"
        "Type=exec\n"
        "User=shop\n"
        "WorkingDirectory=/srv/shop/.launcher/prod\n"
        'Environment="PATH=/srv/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"\n'
        "EnvironmentFile=-/srv/shop/deploy/supervisord.env\n"
        "ExecStart=/srv/venv/bin/python -m supervisor.supervisord -n -c /srv/shop/deploy/supervisord.conf\n"
        "ExecReload=/srv/venv/bin/python -m supervisor.supervisorctl -c /srv/shop/deploy/supervisord.conf update\n"
        "ExecStop=-/srv/venv/bin/python -m supervisor.supervisorctl -c /srv/shop/deploy/supervisord.conf down\n"
        "SyslogIdentifier=launcher-shop\n"
        "KillMode=mixed\n"
        "TimeoutStopSec=40s\n"
        "Restart=on-failure\n"
        "RestartSec=1s\n"
        "RestartPreventExitStatus=69\n"
        "OOMPolicy=continue\n"
        "\n"
        "[Install]\n"
        "WantedBy=multi-user.target\n"
        "\n"
        "[X-Launcher]\n"
        "Configuration=/srv/shop/deploy/supervisord.conf\n"
    )


def test_a_unit_of_ones_own():
    """It names no user, and is wanted by what the systemd of a user starts."""
    content = unit(given(), boot()).content
    assert "User=" not in content
    assert "network.target" not in content
    assert keys(content, "Install") == [("WantedBy", "default.target")]


@pytest.mark.parametrize("folder", ["/srv/shop", AWKWARD, "/srv/a b", "/-x", "/a=b"])
def test_systemd_reads_the_paths_as_they_are(folder):
    """By the reading that test_systemd holds against systemd's own; a shell starts what systemd would not."""
    found = service(given(run=f"{folder}/run"), boot(f"{folder}/supervisord.conf", python=f"{folder}/bin/python"))
    conf = f"{folder}/supervisord.conf"
    for key, told in {
        "ExecStart": ["-m", "supervisor.supervisord", "-n", "-c", conf],
        "ExecStop": ["-m", "supervisor.supervisorctl", "-c", conf, "down"],
    }.items():
        (text,) = [value for name, value in found if name == key]
        command = [substituted(unspecified(word)) for word in words(text.removeprefix("-"))]
        if command[0] == "/bin/sh":
            assert command[1:4] == ["-c", 'exec "$@"', "sh"]
            command = command[4:]
        assert command == [f"{folder}/bin/python", *told]
    assert unspecified(dict(found)["WorkingDirectory"]) == f"{folder}/run"
    (path,) = words(dict(found)["Environment"])
    assert unspecified(path).startswith(f"PATH={folder}/bin:/usr/local/sbin:")


@pytest.mark.parametrize("bad", ["/srv/a\nb", "/srv/a\tb", "/srv/tail ", "/srv/tail\\"])
def test_a_path_that_no_unit_can_hold_is_refused(bad):
    """Better none than another one."""
    for handover, how in [(given(run=bad), boot()), (given(), boot(python=bad)), (given(), boot(bad))]:
        with pytest.raises(NotExportable, match="systemd cannot take the path"):
            unit(handover, how)


@pytest.mark.parametrize(
    ("tables", "wanted"),
    [
        ({"a": {"command": "a"}}, "40s"),
        ({"a": {"command": "a", "stop": {"grace": 90.5}}}, "121s"),
        ({"a": {"command": "a"}, "b": {"command": "b", "stop": {"grace": 30}}}, "60s"),
        ({"a": {"command": "a"}, "b": {"command": "b", "stop": {"grace": 30}, "depends_on": {"a": {}}}}, "80s"),
    ],
)
def test_there_is_time_for_the_longest_stop(tables, wanted):
    """Layer after layer, each with as much as supervisord gives the slowest of it; what stands side by side is one."""
    assert dict(service(given(tables), boot()))["TimeoutStopSec"] == wanted


@pytest.mark.parametrize(("files", "wanted"), [(512, None), (4096, "4096")])
def test_open_files(files, wanted):
    """More than usual has to be allowed to supervisord, whose own limit its programs have."""
    found = service(given({"a": {"command": "a", "limits": {"open_files": files}}}), boot())
    assert dict(found).get("LimitNOFILE") == wanted


def test_a_unit_tells_whose_it_is():
    """By its mark, and by the configuration that it names, with every letter of it."""
    content = stamped(unit(given(), boot(f"{AWKWARD}/supervisord.conf")), "launcher install deploy")
    assert origin(content) is Origin.EXPORTED
    assert configuration_of(content) == f"{AWKWARD}/supervisord.conf"
    assert configuration_of("[Service]\nConfiguration=/x\n") is None


@pytest.mark.slow
@pytest.mark.skipif(not is_there(), reason="no systemd here (Debian: systemd)")
@pytest.mark.parametrize("user", ["", "root"])
@pytest.mark.parametrize("folder", ["plain", '50% of $HOME; it\'s "#1" [a-z]*?'])
def test_systemd_has_no_complaint(tmp_path, folder, user):
    """As `systemd-analyze verify` has it."""
    place = tmp_path / folder
    place.mkdir()
    made = unit(given(run=str(place)), boot(str(place / "supervisord.conf"), python=sys.executable, user=user))
    path = tmp_path / made.name
    path.write_text(stamped(made, "launcher install deploy"), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", *([] if user else ["--user"]), "--man=no", "verify", path],
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "launcher-shop" in line]
    assert (done.returncode, complaints) == (0, [])
