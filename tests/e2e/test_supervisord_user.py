"""Supervisord, agent and programs of a user who is not root, in folders whose names are hard to quote."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from tests.e2e.project import PATIENCE, ROOT, eventually, is_alive

pytestmark = pytest.mark.slow

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


class Nobody:
    """Runs Python modules as nobody, in a folder of his."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = root / "a 'project', with ü; #1"
        (self.project / "profiles").mkdir(parents=True)
        self.run_folder = root / "my 'run'"
        self._environ = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        }
        self._python = self._found_python()
        (self.project / "profiles" / "dev.toml").write_text(
            '[services.db]\ncommand = "id -un >who; exec sleep 600"\nhealth = { exec = "test -s who" }\n'
            '[services.web]\ncommand = "exec sleep 600"\ndepends_on = ["db"]\n'
        )
        for path in (root, *root.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")

    def _found_python(self) -> str:
        """One of our version that nobody may execute from wherever he is."""
        candidates = [sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"]
        for python in candidates:
            words = [*NOBODY, "sh", "-c", 'exec "$0" -c "import msgspec, supervisor, launcher.cli.main"', python]
            if subprocess.run(words, env=self._environ, capture_output=True, check=False).returncode == 0:
                return python
        pytest.skip(f"nobody may execute none of {', '.join(candidates)} with what launcher needs")

    def start(self, module: str, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*NOBODY, self._python, "-m", module, *words],
            cwd=self.project,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, module: str, *words: str) -> tuple[int, str]:
        process = self.start(module, *words)
        told, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, told

    def states(self) -> dict[str, str]:
        status, told = self.run("launcher", "status", "--json", "--run-dir", str(self.run_folder))
        return {} if status else {one["label"]: one["state"] for one in json.loads(told)["instances"]}

    def ctl(self, *words: str) -> tuple[int, str]:
        return self.run("supervisor.supervisorctl", "-c", "deploy/supervisord.conf", *words)


@pytest.fixture
def nobody():
    if os.geteuid() != 0:
        pytest.skip("whoever runs this is not root: all other tests show it")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not there, which makes a process another user's")
    root = Path(tempfile.mkdtemp(prefix="n-"))
    try:
        root.chmod(0o755)
        yield Nobody(root)
    finally:
        shutil.rmtree(root)


def test_a_user_who_is_not_root(nobody):
    """All is his and private, the agent is adopted from, and nothing is left."""
    status, told = nobody.run("launcher", "export", "supervisord", "deploy", "--run-dir", str(nobody.run_folder))
    assert status == 0, told
    supervisord = nobody.start("supervisor.supervisord", "-n", "-c", "deploy/supervisord.conf")
    try:
        eventually(lambda: nobody.states() == {"db": "ready", "web": "ready"})
        assert (nobody.project / "who").read_text() == "nobody\n"
        owner = pwd.getpwnam("nobody").pw_uid
        for name in ("plugin.sock", "control.sock", "supervisor.sock"):
            found = (nobody.run_folder / name).stat()
            assert (found.st_uid, stat.S_IMODE(found.st_mode) & 0o077) == (owner, 0)
        assert nobody.ctl("why", "web")[1].startswith("web is ready")
        pid = int(nobody.ctl("pid", "web")[1])
        os.kill(int(nobody.ctl("pid", "launcher")[1]), signal.SIGKILL)
        eventually(lambda: nobody.states() == {"db": "ready", "web": "ready"})
        assert int(nobody.ctl("pid", "web")[1]) == pid
        assert nobody.ctl("down")[0] == 0
        supervisord.communicate(timeout=PATIENCE)
        assert not is_alive(pid)
    finally:
        if supervisord.poll() is None:
            supervisord.terminate()
            supervisord.communicate(timeout=PATIENCE)
