"""A systemd of the tests' own, as a user has one, with cgroups.

It runs in a mount namespace, so this machine need not have been booted with systemd.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

from tests.e2e.project import PATIENCE, eventually

SYSTEMD = Path("/lib/systemd/systemd")
_CGROUPS = next(
    (path for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")) if (path / "cgroup.procs").exists()), None
)

#: $1 is the cgroup, $2 where all of them are. systemd looks for /run/systemd/system, and for one tree of cgroups.
_BEGIN = """
set -e
mount -t tmpfs none /run && mkdir -p /run/systemd/system
mkdir "$1" && echo $$ > "$1/cgroup.procs"
[ "$2" = /sys/fs/cgroup ] || mount --bind "$2" /sys/fs/cgroup
exec "$3" --user --log-target=console
"""


def why_not() -> str:
    """Why none can be started here; empty: one can."""
    if not SYSTEMD.exists() or not shutil.which("systemctl"):
        return "no systemd here (Debian: systemd)"
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        return "only root can give systemd a cgroup and mounts of its own"
    return "" if _CGROUPS else "no second version of cgroups here"


class OwnSystemd:
    """`systemd --user`, and systemctl for it. Its home is a folder of its own."""

    def __init__(self) -> None:
        assert _CGROUPS is not None
        self.home = Path(tempfile.mkdtemp(prefix="sd-"))
        self._cgroup = _CGROUPS / f"launcher-test-{uuid.uuid4().hex[:8]}"
        (runtime := self.home / "run").mkdir(mode=0o700)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(runtime),
            "LC_ALL": "C.UTF-8",
        }
        with (self.home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", _BEGIN, "sh", self._cgroup, _CGROUPS, SYSTEMD],
                env={**self.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(lambda: self._process.poll() is not None or self.ctl("list-units").returncode == 0)
        assert self._process.poll() is None, self.log()

    @property
    def units(self) -> Path:
        return self.home / ".config" / "systemd" / "user"

    def log(self) -> str:
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["systemctl", "--user", "--no-pager", *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )

    def show(self, unit: str, key: str) -> str:
        return self.ctl("show", "--value", f"--property={key}", unit).stdout.strip()

    def members(self, unit: str) -> list[int]:
        """Every process in the unit's cgroup."""
        path = self._cgroup.parent / self.show(unit, "ControlGroup").lstrip("/")
        with suppress(FileNotFoundError):
            return [int(line) for line in (path / "cgroup.procs").read_text(encoding="ascii").split()]
        return []

    def close(self) -> None:
        """End it, and whatever it has started."""
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        with suppress(FileNotFoundError):
            (self._cgroup / "cgroup.kill").write_text("1", encoding="ascii")
        self._process.wait(PATIENCE)
        for folder in sorted(self._cgroup.rglob("*/"), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        with suppress(OSError):
            self._cgroup.rmdir()
        shutil.rmtree(self.home, ignore_errors=True)
