"""The merged engine keeps the contract, with a real host whose channel it finds in the run folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from launcher.engines.merged import MergedEngine
from launcher.engines.reader import Reader
from launcher.errors import HostAbsent
from launcher.host import SERVE, channel_of
from launcher.orchestrator.events import Adopted, Exited, Opened, Spawned, SpawnRefused
from launcher.orchestrator.orders import App, Launch, Run
from launcher.orchestrator.protocols import Engine
from launcher.plan.model import Instance, Plan
from launcher.profile.model import EngineName
from tests.engines.contract import TERM, EngineContract, told
from tests.engines.world import PATIENCE, Events, Memory, launch, plan_of, wait_gone

pytestmark = pytest.mark.slow  # each test starts an interpreter with uvicorn

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


def merged(plan: Plan) -> Plan:
    """The same services as components of one host."""
    host = Instance(name="host.apps", service="host.apps", index=1, engine=EngineName.LOCAL, label="host", group="apps")
    instances = {name: replace(one, engine=EngineName.MERGED, group="apps") for name, one in plan.instances.items()}
    return replace(plan, instances={host.name: host, **instances})


@pytest.fixture
def host(run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A host that listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(run / "n"))
        notices.settimeout(PATIENCE)
        process = subprocess.Popen(
            [sys.executable, "-u", SERVE, "--channel", channel_of(str(run), "apps"), "--group", "apps"],
            env={**os.environ, "NOTIFY_SOCKET": str(run / "n")},
            start_new_session=True,
        )
        assert notices.recv(100) == b"READY=1"
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)


@pytest.fixture
def engine(run: Path, reader: Reader) -> Engine:
    return Merging(reader=reader, run_folder=str(run))


@pytest.fixture
def following(run: Path, reader: Reader) -> Engine:
    """The engine of the next launcher."""
    return Merging(reader=reader, run_folder=str(run))


class Merging(MergedEngine):
    """The engine, with the plan of the tests as one of components."""

    def open(self, plan: Plan, post: Any, output: Any) -> None:
        super().open(merged(plan), post, output)


@pytest.mark.usefixtures("host")
class TestMergedEngine(EngineContract):
    """The contract, on a host; what is started is a module whose import does it."""

    stopped = {"TERM": 0, "INT": 0}  # noqa: RUF012  (the contract's)

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.modules = tmp_path

    def runs(self, code: str, **what: Any) -> Launch:
        return self.module(f"{code}\nraise SystemExit(0)\n", **what)

    def waits(self, **what: Any) -> Launch:
        return self.module(f"print('up')\n{APP}", **what)

    def module(self, source: str, **what: Any) -> Launch:
        name = f"module{len(list(self.modules.iterdir()))}"
        (self.modules / f"{name}.py").write_text(source)
        app = App(target=f"{name}:app", group="apps", paths=(str(self.modules),), drain=1, stop_timeout=5)
        return launch(app=app, **what)

    @pytest.fixture
    def no_host(self, host: subprocess.Popen[bytes]) -> None:
        host.kill()
        host.wait(PATIENCE)

    @pytest.mark.usefixtures("no_host")
    def test_what_cannot_be_started_is_refused(self, opened: Engine, events: Events) -> None:
        """No host, no component: one event with the sentence."""
        opened.start(self.waits())
        refused = events.next()
        assert isinstance(refused, SpawnRefused)
        assert isinstance(refused.error, HostAbsent)

    def test_a_variable_may_be_any_bytes(self, opened: Engine, events: Events, sink: Memory) -> None:
        """What is inherited need not be text."""
        env = {**os.environ, "ODD": os.fsdecode(b"\xff")}
        opened.start(self.runs("import os; print(os.environb[b'ODD'], end='')", env=env))
        events.until(Exited)
        assert sink.output[Run("web.1", 1)] == b"b'\\xff'"

    def test_where_the_host_goes_its_components_have_ended(
        self, opened: Engine, events: Events, sink: Memory, host: subprocess.Popen[bytes]
    ) -> None:
        """The reason names the host; all that was printed has been handed over."""
        opened.start(self.waits())
        sink.wait_for(Run("web.1", 1), b"Waiting for application startup")  # its import is over
        host.kill()
        exited = events.until(Exited)
        assert told(exited) == ("web.1", 1, 1)
        assert exited.why == "host, in which it ran, has ended"
        assert sink.ended == [Run("web.1", 1)]
        wait_gone(host.pid)

    def test_the_next_engine_adopts_what_runs(
        self, engine: Engine, events: Events, sink: Memory, following: Engine
    ) -> None:
        """It is told of the start as it was numbered, and can end it."""
        engine.open(plan_of("web"), events.post, sink)
        events.until(Opened)
        engine.start(self.waits(generation=4))
        pid = events.until(Spawned).pid
        sink.wait_for(Run("web.1", 4), b"up")
        engine.close()
        following.open(plan_of("web"), events.post, Memory())
        adopted = events.next()
        assert isinstance(adopted, Adopted)
        assert (adopted.instance, adopted.generation, adopted.pid) == ("web.1", 4, pid)
        events.until(Opened)
        following.stop(Run("web.1", 4), TERM)
        assert told(events.until(Exited)) == ("web.1", 4, 0)
        following.close()
