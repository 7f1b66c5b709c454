"""What a service is started with is the same wherever it runs: forty awkward ones, under the real programs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import tomlkit

from launcher.exporters.base import Options
from launcher.exporters.procfile import Procfile
from launcher.exporters.stamp import stamped
from launcher.exporters.supervisord import Supervisord
from tests.exporters.corpus import CORPUS, make_folders, plan_of, services
from tests.exporters.runners import BIN, differences, records_of

pytestmark = pytest.mark.slow
NAMES = tuple(CORPUS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the whole corpus in its profile."""
    made = tmp_path_factory.mktemp("project") / "awkward"
    (made / "profiles").mkdir(parents=True)
    (made / "profiles" / "dev.toml").write_text(tomlkit.dumps({"services": services()}), encoding="utf-8")
    make_folders(made)
    return made


@pytest.fixture(scope="module")
def wanted(root: Path) -> dict[str, object]:
    """How launcher itself starts them."""
    records = root.parent / "launcher"
    return records_of([sys.executable, "-m", "launcher", "start"], NAMES, root=root, records=records)


def test_launcher_starts_what_the_profile_says(wanted: dict[str, object]) -> None:
    """The record to compare with holds the corpus itself."""
    for name, service in CORPUS.items():
        if service.shell is None:
            assert wanted[name]["argv"] == list(service.words)


@pytest.mark.parametrize("runner", ["honcho", "foreman"])
def test_procfile(root: Path, wanted: dict[str, object], runner: str) -> None:
    """A Procfile's lines give every process what the profile says."""
    command = {"honcho": str(BIN / "honcho"), "foreman": shutil.which("foreman")}[runner]
    if command is None:
        pytest.skip(f"no {runner} here (Debian: ruby-foreman)")
    (file,) = Procfile().render(plan_of(root), Options()).files
    name = f"Procfile.{runner}"
    (root / name).write_text(stamped(file, "launcher export"), encoding="utf-8")
    records = root.parent / runner
    found = records_of([command, "start", "-f", name], NAMES, root=root, records=records)
    assert differences(found, wanted) == {}


@pytest.mark.parametrize("way", ["whole", "included"])
def test_supervisord(root: Path, wanted: dict[str, object], way: str) -> None:
    """The real supervisord, with the file as its whole configuration, or as a part (where `%(here)s` is replaced)."""
    (file,) = Supervisord().render(plan_of(root), Options()).files
    place = root / file.name
    # It stops the programs of one group at once, and groups one a second.
    group = f"[group:all]\nprograms={','.join(NAMES)}\n"
    place.write_text(stamped(file, "launcher export") + group, encoding="utf-8")
    if way == "included":
        part, place = place, root / "main.conf"
        place.write_text(f"[supervisord]\n[include]\nfiles={part}\n")
    records = root.parent / f"supervisord-{way}"
    command = [str(BIN / "supervisord"), "-n", "-c", str(place), "-j", str(root / "pid"), "-l", str(root / "log")]
    found = records_of([*command, "-q", str(root)], NAMES, root=root, records=records)
    assert differences(found, wanted) == {}
