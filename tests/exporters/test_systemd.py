"""systemd's units: read back by our own reading of the manual, and by systemd itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from launcher.errors import NotExportable, ProblemsFound
from launcher.exporters.base import Options
from launcher.exporters.stamp import stamped
from launcher.exporters.systemd import Systemd
from launcher.plan.model import Plan
from tests.exporters.corpus import CORPUS, make_folders, plan_from, plan_of
from tests.exporters.runners import comparable, run_once
from tests.exporters.systemd_reader import SystemdItself, is_there, keys, substituted, unspecified, words

needs_systemd = pytest.mark.skipif(not is_there(), reason="no systemd here (Debian: systemd)")
OPTIONS = Options(app="awkward")


def units_of(plan: Plan, options: Options = OPTIONS) -> dict[str, str]:
    return {file.name: file.content for file in Systemd().render(plan, options).files}


def written(plan: Plan, folder: Path) -> Path:
    folder.mkdir()
    for file in Systemd().render(plan, OPTIONS).files:
        (folder / file.name).write_text(stamped(file, "launcher export"), encoding="utf-8")
    return folder


def value(unit: str, section: str, key: str) -> str:
    (found,) = [text for name, text in keys(unit, section) if name == key]
    return found


@pytest.mark.slow
def test_units_start_what_the_profile_says(tmp_path: Path) -> None:
    """Read as the manual says, every unit gives its process what the profile says."""
    make_folders(tmp_path)
    (tmp_path / "records").mkdir()
    units = units_of(plan_of(tmp_path))
    for name, service in CORPUS.items():
        unit = units[f"awkward-{name}.service"]
        env = dict(
            unspecified(word).split("=", 1)
            for key, text in keys(unit, "Service")
            if key == "Environment"
            for word in words(text)
        )
        argv = [substituted(unspecified(word)) for word in words(value(unit, "Service", "ExecStart"))]
        folder = unspecified(dict(keys(unit, "Service")).get("WorkingDirectory", "/"))
        record = run_once(argv, name, env=env, directory=folder, records=tmp_path / "records")
        if service.shell is None:
            assert record["argv"] == list(service.words), name
        assert record["directory"] == str((tmp_path / service.directory).resolve()), name
        assert comparable(record, service)["env"] == expected_env(service), name


def expected_env(service):
    special = {"URL": "http://127.0.0.1:18999/", "ME": "env-references"}
    found = {name: special.get(name, text.replace("$$", "$")) for name, text in service.env.items()}
    return dict(sorted({**found, **({"PORT": str(service.port)} if service.port else {})}.items()))


@needs_systemd
@pytest.mark.slow
def test_systemd_reads_the_same(tmp_path: Path) -> None:
    """The real parser gets the words, the variables and the folder that our reading gets."""
    plan = plan_of(tmp_path)
    units = units_of(plan)
    manager = SystemdItself(written(plan, tmp_path / "units"), "awkward.target")
    for name, unit in units.items():
        if not name.endswith(".service"):
            continue
        assert manager.command(name) == [unspecified(one) for one in words(value(unit, "Service", "ExecStart"))]
        seen = manager.unit(name)
        for key, text in keys(unit, "Service"):
            if key == "Environment":
                (assignment,) = words(text)
                assert f"\t\tEnvironment: {unspecified(assignment)}\n" in seen, name
            if key == "WorkingDirectory":
                assert f"\t\tWorkingDirectory: {unspecified(text)}\n" in seen, name


@needs_systemd
@pytest.mark.slow
def test_systemd_is_content(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say; the corpus's own folders need not exist for that."""
    make_folders(tmp_path)
    folder = written(plan_of(tmp_path), tmp_path / "units")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(map(str, folder.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def chain(tmp_path: Path) -> Plan:
    return plan_from(
        tmp_path,
        {
            "db": {"command": "db", "health": {"notify": True}},
            "migrate": {"command": ["/bin/true"], "kind": "task", "depends_on": {"db": {}}},
            "cache": {"command": "cache"},
            "api": {
                "app": "shop:app",
                "port": 8000,
                "depends_on": {
                    "db": {"on_loss": "stop"},
                    "migrate": {},
                    "cache": {"required": False},
                },
            },
            "late": {"command": "late", "depends_on": {"migrate": {"condition": "exited"}}},
            "worker": {"command": "w", "replicas": 2, "depends_on": {"api": {}}},
        },
    )


@pytest.mark.parametrize(
    ("unit", "section", "wanted"),
    [
        ("migrate", "Unit", [("Requires", "x-db.service"), ("After", "x-db.service")]),
        ("migrate", "Service", [("Type", "oneshot"), ("RemainAfterExit", "yes"), ("Restart", "no")]),
        ("db", "Service", [("Type", "notify"), ("NotifyAccess", "all"), ("TimeoutStartSec", "60s")]),
        ("cache", "Service", [("Type", "exec"), ("Restart", "on-failure"), ("RestartSec", "0.1s")]),
        ("api", "Unit", [("Requires", "x-api.socket"), ("BindsTo", "x-db.service"), ("Wants", "x-cache.service")]),
        ("api", "Unit", [("After", "x-api.socket"), ("After", "x-migrate.service"), ("PartOf", "x.target")]),
        ("late", "Unit", [("Wants", "x-migrate.service"), ("After", "x-migrate.service")]),
        ("worker-2", "Unit", [("Requires", "x-api.service")]),
        ("worker-2", "Unit", [("StartLimitBurst", "6"), ("StartLimitIntervalSec", "60.6s")]),
    ],
)
def test_order_and_kinds(tmp_path: Path, unit: str, section: str, wanted: list[tuple[str, str]]) -> None:
    """Gates become After= with what pulls the other in; kinds become types."""
    found = keys(units_of(chain(tmp_path), Options(app="x"))[f"x-{unit}.service"], section)
    assert [pair for pair in wanted if pair not in found] == []


@pytest.mark.parametrize(
    ("rule", "burst", "interval"),
    [
        ({}, 6, 60.6),
        ({"delay": 30.0}, 6, 240.0),
        ({"burst": 0, "delay": 1.0, "window": 5.0}, 1, 6.0),
        ({"burst": 100, "delay": 5.0, "window": 1.0}, 101, 506.0),
    ],
)
def test_start_limit_can_be_reached(tmp_path: Path, rule: dict[str, float], burst: int, interval: float) -> None:
    """A service that fails at once is given up: its starts, with the waits between them, fit into the interval."""
    unit = units_of(plan_from(tmp_path, {"a": {"command": "a", "restart": rule}}))["awkward-a.service"]
    assert value(unit, "Unit", "StartLimitBurst") == str(burst)
    assert float(value(unit, "Unit", "StartLimitIntervalSec").rstrip("s")) == interval
    assert (burst + 1 - 1) * float(value(unit, "Service", "RestartSec").rstrip("s")) < interval


def test_env_file_does_not_win_over_the_profile(tmp_path: Path) -> None:
    """To systemd, EnvironmentFile= goes over Environment=, so the profile's variables are set by the command."""
    plan = plan_from(tmp_path, {"a": {"command": ["prog"], "env": {"MODE": "x"}}}, env_file=[".env"])
    unit = units_of(plan)["awkward-a.service"]
    assert value(unit, "Service", "EnvironmentFile") == f"{tmp_path}/.env"
    assert "export MODE=x; exec prog" in value(unit, "Service", "ExecStart")
    assert "Environment" not in dict(keys(unit, "Service"))


def test_reference_is_left_to_the_start(tmp_path: Path) -> None:
    """What only the environment knows is filled in by the start, and its absence is told."""
    env = {"URL": "http://${HOST}/", "LEVEL": "${LEVEL:-info}"}
    unit = units_of(plan_from(tmp_path, {"a": {"command": ["prog"], "env": env}}))["awkward-a.service"]
    (_, _, text) = [substituted(word) for word in words(value(unit, "Service", "ExecStart"))]
    assert 'URL=http://"${HOST?is not set}"/ LEVEL="${LEVEL:-info}"' in text


def test_what_no_unit_can_hold_is_refused_by_name(tmp_path: Path) -> None:
    """All of it at once, each with its service."""
    tables = {"a": {"command": ["x"], "env": {"A": "${B:-x\ny}"}}, "b": {"command": ["-prog"]}}
    with pytest.raises(ProblemsFound) as found:
        units_of(plan_from(tmp_path, tables))
    assert [type(problem) for problem in found.value.problems] == [NotExportable, NotExportable]
    assert [str(problem).split(":")[0] for problem in found.value.problems] == ["services.a", "services.b"]
