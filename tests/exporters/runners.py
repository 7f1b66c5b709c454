"""Runs exports with the programs they are for, and reads what the recorders wrote down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.conftest import wait_until
from tests.exporters.corpus import CORPUS, Awkward

#: Some forty interpreters start at once, on a machine that others use too.
PATIENCE = 60.0
BIN = Path(sys.executable).parent


def environ(records: Path, **more: str) -> dict[str, str]:
    """What every manager is started with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAUNCHER__", "HONCHO", "PORT"))}
    return {**kept, "RECORDS": str(records), "NO_COLOR": "1", **more}


def records_of(argv: list[str], names: Collection[str], *, root: Path, records: Path) -> dict[str, Any]:
    """Start a manager in `root`, wait until every service has written its record, and stop it."""
    records.mkdir()
    log = records / "manager.log"
    with log.open("wb") as output:
        manager = subprocess.Popen(
            argv,
            cwd=root,
            env=environ(records),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_until(
            lambda: all((records / f"{name}.json").exists() for name in names) or manager.poll() is not None,
            timeout=PATIENCE,
        )
    finally:
        if manager.poll() is None:
            manager.send_signal(signal.SIGTERM)
            wait_until(lambda: has_ended(manager.pid), timeout=PATIENCE)
            # foreman tells its own children only: what a shell between them has started stays. The manager isn't
            # reaped yet, so the group is still its own.
            with suppress(ProcessLookupError):
                os.killpg(manager.pid, signal.SIGKILL)
        manager.wait(PATIENCE)
    missing = [name for name in names if not (records / f"{name}.json").exists()]
    assert not missing, f"{missing} wrote no record: {log.read_text(errors='replace')[-3000:]}"
    return {name: read(records, name) for name in names}


def has_ended(pid: int) -> bool:
    """Whether a child has ended; it is left to be reaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def read(records: Path, name: str) -> dict[str, Any]:
    """The record of one service."""
    record: dict[str, Any] = json.loads((records / f"{name}.json").read_text(encoding="ascii"))
    return record


def comparable(record: Mapping[str, Any], service: Awkward) -> dict[str, Any]:
    """What has to be the same under every manager: words, the profile's variables, folder, descriptors."""
    names = {*service.env, *(["PORT"] if service.port else [])}
    return {
        "argv": record["argv"],
        "env": {name: record["env"].get(name) for name in sorted(names)},
        "directory": record["directory"],
        "descriptors": record["descriptors"],
    }


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The services whose records differ, with both."""
    return {
        name: (comparable(found[name], CORPUS[name]), comparable(wanted[name], CORPUS[name]))
        for name in found
        if comparable(found[name], CORPUS[name]) != comparable(wanted[name], CORPUS[name])
    }


def run_once(argv: list[str], name: str, *, env: Mapping[str, str], directory: str, records: Path) -> dict[str, Any]:
    """Run one service as a target's own reader understood it, and give its record."""
    done = subprocess.run(
        argv,
        cwd=directory,
        env={**environ(records, RECORD_ONLY="1"), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, (name, argv, done.stderr.decode(errors="replace"))
    return read(records, name)
