"""An open local engine with real processes, a run folder for engines that need one, and nothing left afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.engines.local import LocalEngine
from launcher.engines.reader import Reader
from launcher.orchestrator.events import Opened
from tests.engines.world import Events, Memory, plan_of, wait_gone


@pytest.fixture
def events() -> Iterator[Events]:
    """Takes the engine's posts; at the end, kills what is still running."""
    events = Events()
    yield events
    for pid in events.left_running():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        wait_gone(pid)


@pytest.fixture
def sink() -> Memory:
    return Memory()


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


@pytest.fixture
def local(reader: Reader, events: Events, sink: Memory) -> Iterator[LocalEngine]:
    """A local engine whose plan has the services web and api, both stopped by TERM."""
    engine = LocalEngine(reader=reader)
    engine.open(plan_of("web", "api"), events.post, sink)
    events.until(Opened)
    yield engine
    engine.close()


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def run() -> Iterator[Path]:
    """A run folder in a short path, for a Unix socket's address holds 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="lr-"))
    yield folder
    shutil.rmtree(folder)
