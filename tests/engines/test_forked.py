"""The forked engine keeps the contract, with a real zygote whose channel it finds in the run folder."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from launcher.engines import descent
from launcher.engines.forked import ForkedEngine
from launcher.engines.local import LocalEngine
from launcher.engines.reader import Reader
from launcher.errors import EngineCannot, FolderMissing, HostAbsent, SpawnFailed
from launcher.host import SERVE, channel_of
from launcher.orchestrator.events import Exited, Opened, Spawned, SpawnRefused
from launcher.orchestrator.orders import App, HeldSocket, Launch, Run
from launcher.orchestrator.protocols import Engine
from launcher.plan.model import Instance, Plan
from launcher.profile.model import EngineName, Limits
from tests.engines.contract import KILL, TERM, WAIT, EngineContract, told
from tests.engines.world import PATIENCE, Events, Memory, alive, launch, wait_gone

pytestmark = [
    pytest.mark.slow,  # each test starts an interpreter with uvicorn
    pytest.mark.skipif(sys.platform != "linux", reason="orphans come to us on Linux only"),
]

ZYGOTE = Instance(
    name="host.forked", service="host.forked", index=1, engine=EngineName.LOCAL, label="zygote", group="forked"
)


def forked(plan: Plan) -> Plan:
    """The same services, forked from one process."""
    instances = {name: replace(one, engine=EngineName.FORKED, group="forked") for name, one in plan.instances.items()}
    return replace(plan, instances={ZYGOTE.name: ZYGOTE, **instances})


@pytest.fixture
def zygote(run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A zygote that listens. It is no child of the reader's: that one would take its end for an orphan's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(run / "n"))
        notices.settimeout(PATIENCE)
        process = subprocess.Popen(
            [sys.executable, "-u", SERVE, "--zygote", channel_of(str(run), "forked"), "--group", "forked"],
            env={**os.environ, "NOTIFY_SOCKET": str(run / "n")},
        )
        assert notices.recv(100) == b"READY=1"
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)


class Forking(ForkedEngine):
    """The engine, with the plan of the tests as one of forked services; it opens and closes the one that it ends in."""

    def __init__(self, reader: Reader, run: Path) -> None:
        self.ends_in = LocalEngine(reader=reader)
        super().__init__(parent=self.ends_in, reader=reader, run_folder=str(run))

    def open(self, plan: Plan, post: Any, output: Any) -> None:
        self.ends_in.open(forked(plan), lambda event: None if isinstance(event, Opened) else post(event), output)
        super().open(forked(plan), post, output)

    def close(self) -> None:
        super().close()
        self.ends_in.close()


@pytest.fixture
def engine(run: Path, reader: Reader) -> Engine:
    return Forking(reader, run)


@pytest.mark.usefixtures("zygote")
class TestForkedEngine(EngineContract):
    """The contract, on a zygote; what is started is a module whose import does it."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, unused_port: int) -> None:
        self.modules = tmp_path
        self.port = unused_port

    def runs(self, code: str, **what: Any) -> Launch:
        return self.module(f"{code}\nraise SystemExit(0)\n", **what)

    def waits(self, **what: Any) -> Launch:
        return self.module(f"import signal; signal.signal(2, signal.SIG_DFL); {WAIT}", **what)

    def module(self, source: str, **what: Any) -> Launch:
        name = f"module{len(list(self.modules.iterdir()))}"
        (self.modules / f"{name}.py").write_text(source)
        app = App(target=f"{name}:app", group="forked", paths=(str(self.modules),), drain=1, stop_timeout=5)
        what.setdefault("sockets", (HeldSocket("web", "127.0.0.1", self.port),))
        return launch(app=app, **what)

    def test_what_cannot_be_started_is_refused(self, opened: Engine, events: Events) -> None:
        """No process, no exit: one event with the sentence."""
        opened.start(self.runs("", directory="/no/such/folder"))
        refused = events.next()
        assert isinstance(refused, SpawnRefused)
        assert isinstance(refused.error, FolderMissing)

    def test_what_the_system_refuses_the_child_is_told(self, opened: Engine, events: Events) -> None:
        """In the sentence, by what it was refused."""
        opened.start(self.runs("", limits=Limits(open_files=10**9)))
        refused = events.next()
        assert isinstance(refused, SpawnRefused)
        assert isinstance(refused.error, SpawnFailed)
        assert str(refused.error).startswith('cannot start "web": RLIMIT_NOFILE cannot be set to 1000000000: ')

    def test_limits_are_the_childs_alone(self, opened: Engine, events: Events, sink: Memory) -> None:
        code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), end='')"
        opened.start(self.runs(code, limits=Limits(open_files=77)))
        events.until(Exited)
        opened.start(self.runs(code, generation=2))
        events.until(Exited)
        assert sink.output[Run("web.1", 1)] == b"(77, 77)"
        assert sink.output[Run("web.1", 2)] != b"(77, 77)"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
    def test_a_user_comes_with_all_of_its_groups(self, opened: Engine, events: Events, sink: Memory, run: Path) -> None:
        """As the local engine has it; the app is imported as that user."""
        run.chmod(0o755)
        self.modules = run / "modules"
        self.modules.mkdir()
        opened.start(
            self.runs("import os; print(os.getresuid(), os.getresgid(), os.getgroups(), end='')", user="nobody")
        )
        events.until(Exited)
        entry = pwd.getpwnam("nobody")
        user, group = (entry.pw_uid,) * 3, (entry.pw_gid,) * 3
        groups = os.getgrouplist("nobody", entry.pw_gid)
        assert sink.output[Run("web.1", 1)].decode() == f"{user} {group} {groups}"

    def test_without_a_zygote_nothing_starts(
        self, opened: Engine, events: Events, zygote: subprocess.Popen[bytes]
    ) -> None:
        zygote.kill()
        zygote.wait(PATIENCE)
        opened.start(self.runs(""))
        refused = events.next()
        assert isinstance(refused, SpawnRefused)
        assert isinstance(refused.error, HostAbsent)
        assert 'cannot start "web": zygote, from which it is forked, does not answer' in str(refused.error)

    def test_a_zygote_that_is_killed_takes_nothing_with_it(
        self, opened: Engine, events: Events, sink: Memory, zygote: subprocess.Popen[bytes]
    ) -> None:
        """What it has forked goes on, prints, and its exit code is told."""
        opened.start(self.module(ENDS_AT_USR1))
        pid = events.until(Spawned).pid
        sink.wait_for(Run("web.1", 1), b"up\n")
        zygote.kill()
        zygote.wait(PATIENCE)
        os.kill(pid, signal.SIGUSR1)
        assert told(events.until(Exited)) == ("web.1", 1, 42)
        assert sink.output[Run("web.1", 1)] == b"up\ngoing\n"

    def test_a_zygote_that_goes_while_it_is_asked_leaves_the_start_refused(
        self, opened: Engine, events: Events, zygote: subprocess.Popen[bytes]
    ) -> None:
        """And no process of it."""
        zygote.send_signal(signal.SIGSTOP)
        opened.start(self.waits())
        zygote.kill()
        zygote.wait(PATIENCE)
        refused = events.next()
        assert isinstance(refused, SpawnRefused)
        assert isinstance(refused.error, HostAbsent)

    def test_a_stop_while_it_is_being_forked_is_not_forgotten(
        self, opened: Engine, events: Events, zygote: subprocess.Popen[bytes]
    ) -> None:
        zygote.send_signal(signal.SIGSTOP)
        opened.start(self.waits())
        opened.stop(Run("web.1", 1), KILL)
        zygote.send_signal(signal.SIGCONT)
        assert told(events.until(Exited)) == ("web.1", 1, -9)

    def test_it_is_what_a_process_of_its_own_would_be(self, opened: Engine, events: Events, sink: Memory) -> None:
        """A session of its own, a child of ours, the directory, the environment, the socket at 3, nothing else open."""
        code = """
import os, sys
print(os.getsid(0) == os.getpid(), os.getcwd(), os.environ["GREETING"], os.environ.get("SECOND"))
import socket
print(socket.socket(fileno=os.dup(3)).getsockname()[1], [n for n in os.environ if n[:6] == "LISTEN"], sys.stdin.read())
print(sorted(int(one) for one in os.listdir("/proc/self/fd"))[:-1], sys.argv[1:2])
import signal
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
import gc
print(gc.isenabled())
import threading
print(threading.active_count(), open("/proc/self/cmdline").read().rstrip("\\0").split("\\0")[2:])
input_ = os.environ["LAUNCHER_MARK"].rpartition(" ")[2].split(":")[1:]
print(input_)
import time; time.sleep(3600)
"""
        env = {"PATH": os.environ["PATH"], "GREETING": "hello"}
        opened.start(self.module(code, directory=str(self.modules), env=env))
        pid = events.until(Spawned).pid
        run = Run("web.1", 1)
        sink.wait_for(run, b"'1']\n")
        assert bytes(sink.output[run]).decode().splitlines() == [
            f"True {self.modules} hello None",
            f"{self.port} [] ",
            "[0, 1, 2, 3] ['module0:app']",
            "True True",
            "True",
            f"1 ['{SERVE}', 'module0:app']",
            "['web.1', '1']",
        ]
        assert descent.take_census()[pid].parent == os.getpid()
        assert descent.marks_of(pid)[-1].endswith(":web.1:1")
        opened.stop(run, KILL)
        events.until(Exited)

    def test_a_variable_may_be_any_bytes(self, opened: Engine, events: Events, sink: Memory) -> None:
        """What is inherited need not be text."""
        env = {**os.environ, "ODD": os.fsdecode(b"\xff")}
        opened.start(self.runs("import os; print(os.environb[b'ODD'], end='')", env=env))
        events.until(Exited)
        assert sink.output[Run("web.1", 1)] == b"b'\\xff'"

    def test_random_numbers_are_each_ones_own(self, opened: Engine, events: Events, sink: Memory) -> None:
        code = "import random, secrets, uuid; print(random.random(), secrets.token_hex(), uuid.uuid4())"
        for generation in (1, 2):
            opened.start(self.runs(code, generation=generation))
            events.until(Exited)
        one, other = (bytes(sink.output[Run("web.1", generation)]).split() for generation in (1, 2))
        assert len({*one, *other}) == 6

    def test_what_it_leaves_behind_is_its_own(self, opened: Engine, events: Events, sink: Memory) -> None:
        """A fork of it that leaves its session and its parent is ended with it, though it executed no program."""
        code = """
import os, signal, time
if not os.fork():
    os.setsid()
    if not os.fork():
        os.dup2(os.open("/dev/null", os.O_RDWR), 1)
        os.dup2(1, 2)
        print("unheard")
        time.sleep(3600)
    else:
        os._exit(0)
else:
    os.wait()
    children = [one for one in os.listdir("/proc") if one.isdecimal()]
    print("up")
    time.sleep(3600)
"""
        opened.start(self.module(code))
        run = Run("web.1", 1)
        pid = events.until(Spawned).pid
        sink.wait_for(run, b"up")
        left = [
            one
            for one, process in descent.take_census().items()
            if process.parent == os.getpid()
            and one != pid
            and any(":web.1:1" in mark for mark in descent.marks_of(one))
        ]
        assert len(left) == 1
        opened.stop(run, TERM)
        assert told(events.until(Exited)) == ("web.1", 1, -15)
        wait_gone(*left)

    def test_where_orphans_are_not_ours_nothing_is_forked(
        self, opened: Forking, events: Events, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on macOS."""
        monkeypatch.setattr(opened.ends_in, "adopts_orphans", False)
        opened.start(self.runs(""))
        refused = events.next()
        assert isinstance(refused, SpawnRefused)
        assert isinstance(refused.error, EngineCannot)
        assert "placement" in refused.error.remedy

    def test_a_child_that_nobody_watches_does_not_begin(
        self, opened: Engine, zygote: subprocess.Popen[bytes], sink: Memory
    ) -> None:
        """The launcher that asked for it has gone meanwhile."""
        zygote.send_signal(signal.SIGSTOP)
        before = set(descent.take_census())
        opened.start(self.module("print('begun'); import time; time.sleep(3600)"))
        opened.close()
        zygote.send_signal(signal.SIGCONT)
        wait_gone(*(pid for pid in set(descent.take_census()) - before if pid != zygote.pid))
        assert not sink.output
        assert alive([zygote.pid])


ENDS_AT_USR1 = """
import signal
def end(*_):
    print("going")
    raise SystemExit(42)
signal.signal(signal.SIGUSR1, end)
print("up")
signal.pause()
"""
