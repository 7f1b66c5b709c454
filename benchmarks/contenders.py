"""Who is measured: each writes services down its own way and says how it is started.

All get the same command lines. Knows nothing of what is measured.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.harness import CannotMeasure
from benchmarks.services import HERE, Service

BIN = Path(sys.executable).parent


class Contender(Protocol):
    """Something that runs services."""

    name: str

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:
        """Write what it needs into `folder`; the command line that starts it there."""
        ...


def beside_python(name: str) -> str:
    """A command of the environment that runs the benchmark, so that all run on the same Python."""
    found = shutil.which(name, path=str(BIN))
    if found is None:
        raise CannotMeasure(f"{name} is not installed beside {sys.executable}: pip install -e '.[dev]'")
    return found


def launcher_command() -> list[str]:
    """The launcher under test: the installed command, or the module where it is not installed."""
    found = shutil.which("launcher", path=str(BIN))
    return [found] if found else [sys.executable, "-m", "launcher"]


class Launcher:
    """Our own, with a generated profile; `secrets` are variables whose values must not be printed."""

    name = "launcher"

    def __init__(self, *, secrets: int = 0) -> None:
        self._secrets = secrets

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:
        lines = ["[env]", *(f'A{number}_TOKEN = "{uuid.uuid4().hex}"' for number in range(self._secrets)), ""]
        for service in services:
            lines += [f"[services.{service.name}]", f"command = {json.dumps(line_of(service, command))}"]
            if service.needs:
                lines.append(f"depends_on = {json.dumps(service.needs)}")
            lines += [*service.keys, ""]
        (folder / "profiles").mkdir()
        profile = folder / "profiles" / "bench.toml"
        profile.write_text("\n".join(lines), encoding="utf-8")
        os.utime(profile, (0, 0))  # as if nobody were editing it
        return [*launcher_command(), "start", "--profile", "bench"]


class Honcho:
    """honcho with a Procfile: no order, no gates, no restarts."""

    name = "honcho"

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:
        lines = [f"{service.name}: {line_of(service, command)}\n" for service in services]
        (folder / "Procfile").write_text("".join(lines), encoding="utf-8")
        return [beside_python("honcho"), "start"]


class Supervisord:
    """supervisord in the foreground, without its HTTP server; one log file per service."""

    name = "supervisord"

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:
        lines = ["[supervisord]", "nodaemon = true", f"logfile = {folder}/log", f"pidfile = {folder}/pid"]
        for service in services:
            lines += [
                f"[program:{service.name}]",
                f"command = {line_of(service, command)}",
                f"stdout_logfile = {folder}/{service.name}.log",
                "startsecs = 0",
                "autorestart = true",
            ]
        (folder / "supervisord.conf").write_text("\n".join(lines), encoding="utf-8")
        return [beside_python("supervisord"), "-c", "supervisord.conf"]


class Controlled(Supervisord):
    """supervisord with its HTTP server on a Unix socket, so that supervisorctl can ask."""

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:
        argv = super().prepare(folder, services, command)
        with (folder / "supervisord.conf").open("a", encoding="utf-8") as conf:
            conf.write(
                f"\n[unix_http_server]\nfile = {folder}/sock\n[supervisorctl]\nserverurl = unix://{folder}/sock\n"
                "[rpcinterface:supervisor]\n"
                "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
            )
        return argv


class Exported(Launcher):
    """supervisord with what the launcher exports, agent and all."""

    name = "exported"

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:
        super().prepare(folder, services, command)
        return self.export(folder)

    def export(self, folder: Path) -> list[str]:
        """Export the profile that lies there; the command line that starts it."""
        words = ["export", "supervisord", "deploy", "--profile", "bench", "--run-dir", f"{folder}/run"]
        subprocess.run([*launcher_command(), *words], cwd=folder, check=True, capture_output=True, timeout=60)
        return [beside_python("supervisord"), "-n", "-c", "deploy/supervisord.conf"]


class Reference:
    """The least a Python program can do: see prefixer.py."""

    name = "bare loop"

    def prepare(self, folder: Path, services: Sequence[Service], command: Sequence[str]) -> list[str]:
        lines = [f"{service.name}: {line_of(service, command)}\n" for service in services]
        (folder / "Procfile").write_text("".join(lines), encoding="utf-8")
        return [sys.executable, str(HERE / "prefixer.py"), "Procfile"]


def line_of(service: Service, command: Sequence[str]) -> str:
    """The command line of a service; the first argument of all is where its stamps go."""
    return shlex.join([*command, service.name, *service.mode])
