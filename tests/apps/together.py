"""A project that serves real applications in one process, started by the real command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.apps.real import APPS, FOLDER, variables
from tests.e2e.project import Project, free_ports


class Together:
    """What has been started, and what `launcher status` tells of it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.status = project.status()

    def port(self, name: str) -> int:
        return int(str(self.status[name]["port"]))

    def data(self, name: str) -> Path:
        """Where it keeps its data. The two of Django are one site: its settings are read once in a process."""
        return data_of(self.project, name)


def data_of(project: Project, name: str) -> Path:
    return project.root / name.partition("-")[0]


@contextmanager
def together(
    root: Path, names: Iterable[str], *, keys: Callable[[str], str], env: Callable[[str], dict[str, str]] = lambda _: {}
) -> Iterator[Together]:
    """Start these with mode "single"; `keys` tells more keys of a service, `env` more variables."""
    project = Project(root)
    text = f'[launcher]\nmode = "single"\nports = "{free_ports()}"\n'
    for name in names:
        text += f'[services.{name}]\napp = "{APPS[name].target}"\npythonpath = ["{FOLDER}"]\n{keys(name)}\n'
        given = variables(data_of(project, name)) | env(name)
        text += f"[services.{name}.env]\n" + "".join(f'{key} = "{value}"\n' for key, value in given.items())
    project.profile(text)
    project.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    try:
        started = project.run("start", "--detach", "--wait", timeout=90)
        assert started.returncode == 0, started.stdout + started.stderr
        yield Together(project)
    finally:
        project.close()
