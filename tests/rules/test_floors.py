"""A room imports only from the floors below its own, and the pure ones ask nothing of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.house import imports_of, name_of, sources

#: Top floor first; the rooms of one floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("runtime",),
    ("doctor",),
    ("world",),
    ("control",),
    ("engines",),
    ("probes",),
    ("observe",),
    ("releases", "dev", "testing"),
    ("orchestrator",),
    ("exporters",),
    ("plan",),
    ("importers",),
    ("host",),
    ("profile",),
    ("errors", "files"),
)
FLOOR = {room: -height for height, rooms in enumerate(FLOORS) for room in rooms}

PURE = (
    "launcher.profile",
    "launcher.plan",
    "launcher.exporters",
    "launcher.importers",
    "launcher.orchestrator.lifecycle",
    "launcher.orchestrator.restart",
    "launcher.doctor",
)
#: `load` reads the files, `kept` compares their dates; `facts` asks the machine once, so that nobody else has to.
RIMS = ("launcher.profile.load", "launcher.profile.kept", "launcher.profile.facts", "launcher.doctor.look")
WORLD = frozenset({"os", "subprocess", "signal", "time", "threading", "socket", "random"})


def is_within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def upward(module: str, imported: set[str]) -> list[str]:
    """Imports that lead to the same floor or up; the package's own `__init__` (its version) is open to all."""
    parts = module.split(".")
    if parts[0] != "launcher" or len(parts) == 1:
        return []
    room = parts[1]
    others = {name: name.split(".")[1] for name in imported if name.startswith("launcher.")}
    return sorted(
        name for name, other in others.items() if other in FLOOR and other != room and FLOOR[other] >= FLOOR[room]
    )


def impure(module: str, imported: set[str]) -> list[str]:
    """Imports by which a pure module could ask the machine."""
    if module in RIMS or not any(is_within(module, room) for room in PURE):
        return []
    return sorted(name for name in imported if name.split(".")[0] in WORLD or is_within(name, "launcher.files"))


def outward(module: str, imported: set[str]) -> list[str]:
    """Imports by which `host/`, which runs inside an app's process, would need launcher there."""
    if not is_within(module, "launcher.host"):
        return []
    return sorted(name for name in imported if is_within(name, "launcher") and not is_within(name, "launcher.host"))


def imports(path: Path) -> tuple[str, set[str]]:
    module = name_of(path)
    source = path.read_text(encoding="utf-8")
    return module, imports_of(source, module, is_package=path.name == "__init__.py")


@pytest.mark.parametrize("path", sources("launcher"), ids=name_of)
def test_module_keeps_to_its_floor(path: Path) -> None:
    """Nothing imports upwards or sideways."""
    assert upward(*imports(path)) == []


@pytest.mark.parametrize("path", sources("launcher"), ids=name_of)
def test_pure_module_asks_nothing_of_the_machine(path: Path) -> None:
    """What a pure module needs of the world is a parameter."""
    assert impure(*imports(path)) == []


@pytest.mark.parametrize("path", sources("launcher"), ids=name_of)
def test_host_uses_nothing_of_launcher_outside_itself(path: Path) -> None:
    """An app's environment need not have launcher."""
    assert outward(*imports(path)) == []


def test_every_room_has_a_floor() -> None:
    """A new room is given its place here, or its imports would go unseen."""
    rooms = {name_of(path).split(".")[1] for path in sources("launcher") if name_of(path) != "launcher"}
    assert rooms <= FLOOR.keys()


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("launcher.plan.build", "from launcher.profile.model import Profile", []),
        ("launcher.plan.build", "from launcher.plan import graph", []),
        ("launcher.plan.build", "from launcher import __version__", []),
        ("launcher.plan.build", "from launcher.orchestrator import loop", ["launcher.orchestrator.loop"]),
        ("launcher.plan.build", "from launcher import cli", ["launcher.cli"]),
        ("launcher.plan.build", "from ..engines import local", ["launcher.engines.local"]),
        ("launcher.profile.load", "def f():\n    import launcher.plan.model", ["launcher.plan.model"]),
        ("launcher.dev.watch", "import launcher.releases.store", ["launcher.releases.store"]),
        ("launcher.errors", "from launcher.profile.model import Profile", ["launcher.profile.model.Profile"]),
    ],
)
def test_upward_import_is_seen(module: str, source: str, wrong: list[str]) -> None:
    """The rule catches every form an import can have."""
    assert upward(module, imports_of(source, module)) == wrong


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("launcher.plan.ports", "import os.path", ["os.path"]),
        ("launcher.orchestrator.restart", "from random import uniform", ["random.uniform"]),
        ("launcher.orchestrator.lifecycle", "def f():\n    import time", ["time"]),
        ("launcher.orchestrator.loop", "import time", []),
        ("launcher.profile.load", "import os", []),
        ("launcher.plan.build", "from launcher.files import write_whole", ["launcher.files.write_whole"]),
        ("launcher.profile.model", "import re", []),
    ],
)
def test_impure_import_is_seen(module: str, source: str, wrong: list[str]) -> None:
    """The rule holds for the pure rooms, and for their rims it does not."""
    assert impure(module, imports_of(source, module)) == wrong


def test_outward_import_is_seen() -> None:
    """The host may use its own modules and the standard library only."""
    source = "import socket\nfrom launcher.host import channel\nfrom launcher.errors import LauncherError"
    imported = imports_of(source, "launcher.host.serve")
    assert outward("launcher.host.serve", imported) == ["launcher.errors.LauncherError"]
