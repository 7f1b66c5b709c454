"""The real supervisord over an exported configuration, and supervisorctl for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.project import PATIENCE, Project, is_alive

BIN = Path(sys.executable).parent

#: A task, a service that is ready once its file is there, and two behind it.
LADDER = """
[services.migrate]
kind = "task"
command = "sleep 0.2; touch migrated"

[services.db]
command = "test -e migrated && sleep 0.3 && touch serving; exec sleep 600"
depends_on = ["migrate"]
health = { exec = "test -e serving", interval = 0.2 }
restart = { delay = 0.02, burst = 100 }

[services.api]
command = "test -e serving && exec sleep 600"
depends_on = ["db"]
restart = { delay = 0.02, burst = 100 }

[services.worker]
command = "exec sleep 600"
depends_on = ["api"]
"""


class Server:
    """A supervisord in the foreground, and supervisorctl for it."""

    def __init__(self, project, run: Path) -> None:
        self.project = project
        self.run_folder = run
        #: What supervisord says on standard error.
        self.stderr = project.root / "stderr"
        self.process: subprocess.Popen[bytes] | None = None

    def export(self, *flags: str) -> subprocess.CompletedProcess[str]:
        return self.project.run("export", "supervisord", "deploy", "--run-dir", str(self.run_folder), *flags)

    def start(self) -> None:
        exported = self.export()
        assert exported.returncode == 0, exported.stderr
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [BIN / "supervisord", "-n", "-c", "deploy/supervisord.conf"],
                cwd=self.project.root,
                env=self.project.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "supervisorctl", "-c", "deploy/supervisord.conf", *words],
            cwd=self.project.root,
            env=self.project.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def pid(self, name: str) -> int:
        """The process of a program; 0: it has none."""
        words = self.ctl("pid", name).stdout.split()
        return int(words[0]) if words and words[0].isdecimal() else 0

    def states(self) -> dict[str, str]:
        """What the agent says of each service; nothing while it does not answer."""
        answer = self.project.run("status", "--json", "--run-dir", str(self.run_folder))
        if answer.returncode:
            return {}
        return {one["label"]: one["state"] for one in json.loads(answer.stdout)["instances"]}

    def log(self) -> str:
        return (self.run_folder / "logs" / "agent.log").read_text(encoding="utf-8")

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)


UP = {"migrate": "completed", "db": "ready", "api": "ready", "worker": "ready"}


def supervisord_of(project: Project) -> int:
    """The supervisord of the project that is alive; 0: none."""
    try:
        pid = int((project.root / ".launcher" / "dev" / "supervisord.pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return pid if is_alive(pid) else 0
