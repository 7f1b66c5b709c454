"""Whether the supervisord that a user would call can run what is exported for the one of launcher's own environment.

A supervisord is a script; its first line names the Python that runs it, and only one that is not ours is asked.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from launcher.errors import Caution, OtherSupervisord

#: What the exported configuration makes supervisord import.
_NEEDED = "launcher.engines.supervisord.plugin"
_PYTHON = re.compile(r"python|pypy")
#: How long that Python may take to say whether it can, in seconds.
_PATIENCE = 10.0


def caution(environ: Mapping[str, str], *, python: str) -> Caution | None:
    """A warning, where the supervisord that is first on PATH cannot import launcher; `python` is the one that can."""
    path = environ.get("PATH", os.defpath)
    found = shutil.which("supervisord", path=path)
    if found is None:
        return None
    interpreter = _interpreter(Path(found), path)
    if interpreter is None or _is_same(interpreter, python) or _imports(interpreter, environ):
        return None
    return Caution(
        OtherSupervisord.code,
        f"{found}, the supervisord on PATH, is of a Python without launcher ({interpreter}) and cannot take this "
        f"configuration: call {_ours(python)}",
    )


def _interpreter(script: Path, path: str) -> str | None:
    """The Python in a script's first line; None: there is no telling."""
    with suppress(OSError):
        with script.open("rb") as file:
            head = file.read(4096).decode("utf-8", "surrogateescape").splitlines()
        if len(head) > 1 and head[0].startswith("#!/bin/sh") and head[1].startswith("'''exec' "):
            first = head[1].removeprefix("'''exec' ")  # how pip writes a path that is too long, or has a space
        elif head and head[0].startswith("#!"):
            first = head[0].removeprefix("#!")
        else:
            return None
        with suppress(ValueError):
            words = shlex.split(first)
            if words and Path(words[0]).name == "env":
                words = [word for word in words[1:] if not word.startswith("-")]
            # Nothing else is asked: `import` is a command of its own to a shell.
            return shutil.which(words[0], path=path) if words and _PYTHON.match(Path(words[0]).name) else None
    return None


def _is_same(interpreter: str, python: str) -> bool:
    """Whether both are of one environment: its folder says so, and not the file that both may be links to."""
    one, other = Path(interpreter), Path(python)
    with suppress(OSError):
        return one.parent.samefile(other.parent) and one.samefile(other)
    return False


def _imports(interpreter: str, environ: Mapping[str, str]) -> bool:
    """Ask the interpreter, in a folder where nothing lies that it could take for a package."""
    try:
        done = subprocess.run(
            [interpreter, "-c", f"import {_NEEDED}"],
            cwd="/",
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True  # it has not said no
    except OSError:
        return False
    return done.returncode == 0


def _ours(python: str) -> str:
    beside = Path(python).parent / "supervisord"
    return shlex.quote(str(beside)) if beside.exists() else f"{shlex.quote(python)} -m supervisor.supervisord"
