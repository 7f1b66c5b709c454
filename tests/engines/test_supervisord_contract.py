"""The supervisord engine keeps the contract, with a real supervisord and our plugin inside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.engines.children import LocalChildren
from launcher.engines.reader import Reader
from launcher.engines.supervisord.client import Supervisor, Unreachable
from launcher.engines.supervisord.engine import SupervisordEngine
from launcher.errors import CommandNotFound
from launcher.orchestrator.events import SpawnRefused
from launcher.orchestrator.orders import Launch, Run, Stop
from launcher.orchestrator.protocols import Engine
from tests.engines.contract import EngineContract
from tests.engines.world import PATIENCE, Events, launch

AS_TOLD = Path(__file__).with_name("as_told.py")
CONFIGURATION = """
[unix_http_server]
file={run}/supervisor.sock
[supervisord]
logfile={run}/supervisord.log
pidfile={run}/supervisord.pid
childlogdir={run}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[rpcinterface:launcher]
supervisor.rpcinterface_factory=launcher.engines.supervisord.plugin:make
run={run}
"""
PROGRAM = """
[program:{name}]
command={command}
autostart=false
autorestart=false
startsecs=0
startretries=0
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_events_enabled=true
"""


class Told(SupervisordEngine):
    """The engine as the agent has it: what is wanted is written, here for the program to read, and then done."""

    folder: Path

    def start(self, launch: Launch) -> None:
        told = {"argv": launch.argv, "shell": launch.shell, "directory": launch.directory}
        (self.folder / launch.instance).write_text(json.dumps(told))
        super().start(launch)
        self.commit(b"{}")

    def stop(self, run: Run, how: Stop) -> None:
        super().stop(run, how)
        self.commit(b"{}")

    def release(self, instance: str) -> None:
        super().release(instance)
        self.commit(b"{}")


@pytest.fixture
def supervisord(run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs with the programs web, which is as told, and api, whose command does not exist."""
    web = f"{sys.executable} -I -S {AS_TOLD} {run}/web.1"
    text = CONFIGURATION.format(run=run)
    text += PROGRAM.format(name="web", command=web) + PROGRAM.format(name="api", command="no-such-program-at-all")
    (run / "supervisord.conf").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", run / "supervisord.conf"],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)


def reached(run: Path) -> Supervisor:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return Supervisor(run)
        except Unreachable:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # nothing tells when it listens


@pytest.fixture
def engine(run: Path, supervisord: subprocess.Popen[bytes], reader: Reader) -> Told:
    engine = Told(
        reached(run),
        names={"web.1": "web", "api.1": "api"},
        generations={},
        environ=os.environ,
        rests={},
        is_current=lambda: True,
    )
    engine.folder = run
    engine.attach(reader, LocalChildren(reader, identity="test"), lost=lambda: None, say=print, ask=lambda: None)
    return engine


class TestSupervisordEngine(EngineContract):
    """The contract, on supervisord."""

    def test_what_cannot_be_started_is_refused(self, opened: Engine, events: Events) -> None:
        """No process, no exit: one event with the sentence. The command is the configuration's."""
        opened.start(launch("api.1", argv=("true",)))
        refused = events.next()
        assert isinstance(refused, SpawnRefused)
        assert isinstance(refused.error, CommandNotFound)
