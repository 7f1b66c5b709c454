"""honcho's own `export` with the formats that it lacks, and ours through honcho's classes."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from launcher.errors import NotExportable
from launcher.exporters.base import Options
from launcher.exporters.honcho import Runit, Upstart
from launcher.exporters.stamp import stamped
from tests.exporters.corpus import CORPUS, make_folders, plan_from, plan_of
from tests.exporters.runners import BIN, comparable, run_once
from tests.exporters.test_systemd import expected_env


def test_honcho_finds_its_own_and_ours() -> None:
    """Its four are what they were, and two more stand beside them."""
    found = {point.name: point.value for point in entry_points(group="honcho_exporters")}
    theirs = {name: f"honcho.export.{name}:Export" for name in ("runit", "supervisord", "systemd", "upstart")}
    assert theirs.items() <= found.items()
    assert found.keys() - theirs.keys() == {"compose", "procfile"}
    assert all(point.load() for point in entry_points(group="honcho_exporters"))


@pytest.mark.slow
def test_honcho_exports_compose_and_procfile(tmp_path: Path) -> None:
    """`honcho export compose OUT` works once this package is there; a secret of .env is left to Compose."""
    (tmp_path / "Procfile").write_text('web: run "$PORT" 50%\njob: x\n')
    (tmp_path / ".env").write_text("API_TOKEN=hush\nMODE='a$b'\n")
    for name in ("compose", "procfile"):
        subprocess.run([BIN / "honcho", "export", name, "out"], cwd=tmp_path, capture_output=True, check=True)
    text = (tmp_path / "out" / "compose.yaml").read_text()
    assert "hush" not in text
    web = yaml.safe_load(text)["services"]["web-1"]
    assert web["command"] == ["/bin/sh", "-c", 'run "$$PORT" 50%']
    assert web["environment"]["MODE"] == "a$$b"
    assert web["environment"]["PORT"] == "5000"
    assert (tmp_path / "out" / "Procfile").read_text() == 'web: run "$PORT" 50%\njob: x\n'


#: What chpst does with the flags of honcho's template, by its manual: runit itself is not needed to read an envdir.
CHPST = """#!/bin/sh
while getopts u:e: flag; do
    [ "$flag" = e ] && folder=$OPTARG
done
shift $((OPTIND - 1))
for file in "$folder"/*; do
    IFS= read -r line < "$file" || [ -n "$line" ]
    export "${file##*/}=$line"
done
exec "$@"
"""


@pytest.mark.slow
def test_runit_starts_what_the_profile_says(tmp_path: Path) -> None:
    """The run scripts, run."""
    root = tmp_path / "a project's"
    root.mkdir()
    make_folders(root)
    (tmp_path / "records").mkdir()
    program = tmp_path / "bin" / "chpst"
    program.parent.mkdir()
    program.write_text(CHPST)
    program.chmod(0o755)
    for file in Runit().render(plan_of(root), Options(app="x")).files:
        place = tmp_path / "sv" / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(stamped(file, "launcher export"), encoding="utf-8")
        place.chmod(file.mode)
    for name in CORPUS:
        folder = tmp_path / "sv" / f"x-{name}-1"
        assert (folder / "run").stat().st_mode & stat.S_IXUSR
        record = run_once(
            ["./run"],
            name,
            env={"PATH": f"{program.parent}:{os.environ['PATH']}"},
            directory=str(folder),
            records=tmp_path / "records",
        )
        check(record, name, root)


@pytest.mark.slow
def test_upstart_starts_what_the_profile_says(tmp_path: Path) -> None:
    """The `exec` line, which upstart gives to a shell, without the `su` before it."""
    make_folders(tmp_path)
    (tmp_path / "records").mkdir()
    files = {file.name: file.content for file in Upstart().render(plan_of(tmp_path), Options(app="x")).files}
    for name in CORPUS:
        text = files[f"x-{name}-1.conf"]
        env = "".join(f"export {one}; " for one in re.findall(r"^env (.*)$", text, re.MULTILINE))
        (command,) = re.findall(r"^exec su - x -m -s (.*)$", text, re.MULTILINE)
        record = run_once(["/bin/sh", "-c", env + command], name, env={}, directory="/", records=tmp_path / "records")
        check(record, name, tmp_path)


def check(record, name: str, root: Path) -> None:
    service = CORPUS[name]
    if service.shell is None:
        assert record["argv"] == list(service.words), name
    assert comparable(record, service)["env"] == expected_env(service), name
    assert record["directory"] == str((root / service.directory).resolve()), name


def test_files_that_would_be_one_are_refused(tmp_path: Path) -> None:
    """A group of one service and an instance of another may not share a file."""
    plan = plan_from(tmp_path, {"job": {"command": "x", "replicas": 2}, "job-1": {"command": "y"}})
    with pytest.raises(NotExportable, match=r"x-job-1\.conf"):
        Upstart().render(plan, Options(app="x"))
