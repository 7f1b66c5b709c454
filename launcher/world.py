"""The real world, for what the orchestrator asks of it: time, the environment, env files, interpreters, free ports.

It decides nothing, and knows neither plans nor processes.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from launcher.errors import EnvFileMissing

NOT_INHERITED = frozenset({"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LAUNCHER_MARK"})


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)


def chance() -> float:
    """A number in [0, 1), for the jitter of back-offs."""
    from random import random  # noqa: PLC0415  (1 ms, for those that fail)

    return random()  # noqa: S311  (spreads restarts, and guards no secret)


class SystemWorld:
    """The environment at start, files below `root`, and the Pythons of this machine.

    `procfile`: env files are in honcho's dialect, and may be missing. `run`: the run folder, where one is in use.
    """

    def __init__(
        self, root: Path, environ: Mapping[str, str], *, procfile: bool = False, run: Path | None = None
    ) -> None:
        self._root = root
        self._run = run
        self._procfile = procfile
        # What another manager meant for the launcher itself is nothing for its services.
        self._environ = {name: value for name, value in environ.items() if name not in NOT_INHERITED}

    def environ(self) -> Mapping[str, str]:
        return self._environ

    def env_file(self, path: str) -> Mapping[str, str]:
        file = self._root / path
        if self._procfile:
            from launcher.profile.envfile import read_env_files  # noqa: PLC0415  (only a Procfile has these)

            return read_env_files([file])
        from dotenv import dotenv_values  # noqa: PLC0415  (25 ms, for those who use it)

        if not file.is_file():
            raise EnvFileMissing(f"env_file {path} is not there", remedy=f"Create {file}.")
        try:
            values = dotenv_values(file, interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            raise EnvFileMissing(f"env_file {path} cannot be read: {error}") from error
        return {name: value for name, value in values.items() if value is not None}

    def run_folder(self) -> str:
        return str(self._run.absolute()) if self._run is not None else ""

    def python_for(self, named: str | None) -> str:
        """The one named, that of $VIRTUAL_ENV, the project's .venv, ours: the first that is there."""
        if named:
            return str(self._root / named) if "/" in named else named
        for folder in (self._environ.get("VIRTUAL_ENV"), self._root / ".venv"):
            if folder and os.access(python := Path(folder) / "bin" / "python", os.X_OK):
                return str(python)
        return sys.executable


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a listener could be bound to the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
