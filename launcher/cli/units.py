"""Where systemd has its units, the system's and each user's, and what is asked of it: by systemctl."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from launcher.errors import LocationUnusable, SystemdRefused
from launcher.exporters.boot import configuration_of
from launcher.exporters.stamp import Origin, origin
from launcher.files import write_whole

if TYPE_CHECKING:
    from argparse import Namespace

#: Where administrators' units stand, and where those of the distribution do.
_SYSTEM = Path("/etc/systemd/system")
_BROUGHT = {
    False: (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system")),
    True: (Path("/usr/lib/systemd/user"), Path("/lib/systemd/user"), Path("/etc/systemd/user")),
}
#: Of ActiveState=: nothing of it runs.
_AT_REST = frozenset({"inactive", "failed", ""})


class Unit(Struct, frozen=True, kw_only=True):
    """A unit's file as it is. `configuration`: the one of supervisord that it keeps running."""

    path: Path
    origin: Origin
    configuration: str | None

    @property
    def name(self) -> str:
        """As systemctl takes it."""
        return self.path.stem


class Systemd(Struct, frozen=True, kw_only=True):
    """The system's own systemd, or that of the user who calls."""

    is_user: bool

    @property
    def folder(self) -> Path:
        """Where its units are written."""
        if not self.is_user:
            return _SYSTEM
        configured = os.environ.get("XDG_CONFIG_HOME", "")
        return (Path(configured) if configured.startswith("/") else Path.home() / ".config") / "systemd" / "user"

    @property
    def systemctl(self) -> str:
        """The words by which a person speaks to it."""
        return "systemctl --user" if self.is_user else "systemctl"

    def read(self, name: str) -> Unit | None:
        """One unit, if there is one of this name, whoever brought it."""
        for folder in (self.folder, *_BROUGHT[self.is_user]):
            path = folder / f"{name}.service"
            if path.exists() or path.is_symlink():
                return _read(path)
        return None

    def all(self) -> list[Unit]:
        """Every unit that launcher wrote here."""
        found = [_read(path) for path in sorted(self.folder.glob("*.service"))]
        return [unit for unit in found if unit.origin is not Origin.FOREIGN and unit.configuration is not None]

    def write(self, name: str, content: str) -> Path:
        """Put a unit in its place."""
        path = self.folder / f"{name}.service"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, content.encode(), mode=0o644, durable=True)
        except OSError as problem:
            raise self._unusable(path, problem) from problem
        return path

    def remove(self, unit: Unit) -> None:
        """Take a unit away, and the links by which it was enabled, which systemd removes where it is asked."""
        try:
            for link in self.folder.glob(f"*.wants/{unit.path.name}"):
                link.unlink()
            unit.path.unlink()
        except OSError as problem:
            raise self._unusable(unit.path, problem) from problem

    def _unusable(self, path: Path, problem: OSError) -> LocationUnusable:
        return LocationUnusable(
            f"cannot write {path}: {problem.strerror}",
            remedy=""
            if self.is_user
            else "Units of the system are root's: use sudo, or --user for a unit of your own.",
        )

    def silence(self) -> str:
        """Why it cannot be reached; empty: it can."""
        done = self._run("show", "--property=Version")
        return "" if done.returncode == 0 else _last(done)

    def ask(self, name: str, key: str) -> str:
        """A property of a unit."""
        return self._run("show", "--value", f"--property={key}", f"{name}.service").stdout.strip()

    def runs(self, name: str) -> bool:
        """Whether anything of a unit does."""
        return self.ask(name, "ActiveState") not in _AT_REST

    def is_enabled(self, name: str) -> bool:
        """Whether a unit is started by itself."""
        return self.ask(name, "UnitFileState").startswith("enabled")

    def tell(self, *words: str) -> None:
        """Have it do something; raises SystemdRefused."""
        done = self._run(*words)
        if done.returncode:
            raise SystemdRefused(f"`{self.systemctl} {' '.join(words)}` failed: {_last(done)}")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environ = {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}", **os.environ, "LC_ALL": "C"}
        try:
            return subprocess.run(
                ["systemctl", *(["--user"] if self.is_user else []), "--no-pager", "--no-ask-password", *words],
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError:
            return subprocess.CompletedProcess([], 127, "", "there is no systemctl on this machine")


def systemd_of(args: Namespace) -> Systemd:
    """The one that was named; else the system's for root, and one's own for everybody else."""
    return Systemd(is_user=args.user or not (args.system or os.geteuid() == 0))


def _read(path: Path) -> Unit:
    try:
        content = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:  # a link to nowhere, or to what only others may read
        content = ""
    return Unit(path=path, origin=origin(content), configuration=configuration_of(content))


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
