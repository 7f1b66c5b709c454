"""What the scheduler posts, for which run, until when; and that one endpoint cannot hold up another."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from launcher.orchestrator.events import Checked
from launcher.orchestrator.orders import Run, Watch
from launcher.probes.base import Finding
from launcher.probes.reactor import Timer
from launcher.probes.rounds import Rounds
from launcher.profile.model import Health

OK = b"HTTP/1.1 200 OK\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\n\r\n"

FAST = {"interval": 0.005, "start_interval": 0.005}


def serve_in_turn(serve, answer, *answers: bytes) -> int:
    """Serve one answer after the other, the last one for ever."""
    left = list(answers)

    def handle(connection: socket.socket) -> None:
        answer(left.pop(0) if len(left) > 1 else left[0])(connection)

    return serve(handle)


def test_checks_that_are_no_news_are_timed_too(bench, serve, answer) -> None:
    """Three equal refusals and a success: one refusal is posted, four checks are counted, each with its length."""
    port = serve_in_turn(serve, answer, BUSY, BUSY, BUSY, OK)
    bench.watch(Health(http="/", **FAST), port=port)
    assert [bench.verdict().ok for _ in range(2)] == [False, True]
    assert [(instance, verdict.ok) for instance, verdict in bench.timed[:4]] == [("api.1", False)] * 3 + [
        ("api.1", True)
    ]
    assert all(0 < verdict.took < 5 for _, verdict in bench.timed)


def test_while_starting_only_changes_are_posted(bench, serve, answer) -> None:
    """Equal refusals are told once; then each other answer, the success, and every verdict after it."""
    port = serve_in_turn(serve, answer, b"", b"", b"", BUSY, BUSY, OK, OK, BUSY, BUSY, OK)
    bench.watch(Health(http="/", **FAST), port=port)
    assert [bench.verdict().answer for _ in range(8)] == [
        "closed without answer",
        "HTTP 503 Busy",
        "HTTP 200 OK",
        "HTTP 200 OK",
        "HTTP 503 Busy",
        "HTTP 503 Busy",
        "HTTP 200 OK",
        "HTTP 200 OK",
    ]


def test_a_start_is_noticed_soon(bench, free_port) -> None:
    """A port that opens later is found without anybody asking again."""
    bench.watch(Health(tcp=True), port=free_port)
    assert bench.verdict().answer == "connection refused"
    with socket.create_server(("127.0.0.1", free_port)):
        assert bench.verdict().ok


class Notebook:
    """A reactor that only notes what it is asked to do later."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.job: Callable[[], None] = lambda: None

    def now(self) -> float:
        return 0.0

    def after(self, seconds: float, job: Callable[[], None]) -> Timer:
        self.delays.append(seconds)
        self.job = job
        return Timer(job)


class Obliging:
    """A probe that fails the first time, and then succeeds at once."""

    def __init__(self) -> None:
        self.answers = [False]

    def begin(self, done: Callable[[Finding], None]) -> Obliging:
        done(Finding(self.answers.pop() if self.answers else True, "answer"))
        return self

    def drop(self) -> None:
        """Nothing is under way."""


def test_the_first_check_after_ready_comes_at_its_phase() -> None:
    """The pace of the start up to there, and the whole interval from then on."""
    notebook = Notebook()
    watch = Watch(run=Run("api.1", 1), health=Health(http="/", interval=10.0), port=1, directory=".", env={})
    rounds = Rounds(watch, Obliging(), since=0.0, phase=0.25, reactor=notebook, post=lambda _: None)
    rounds.begin()
    for _ in range(3):
        notebook.job()
    assert notebook.delays == [0.005, 2.5, 10.0, 10.0]


def test_one_that_hangs_delays_no_other(bench, serve, answer, hang) -> None:
    """Each check has its own deadline; the next ones of the others begin meanwhile."""
    hanging = serve(hang)
    for number in range(20):
        bench.watch(Health(http="/", timeout=30), run=Run(f"hang.{number}", 1), port=hanging)
    bench.watch(Health(http="/", **FAST), port=serve(answer(OK)))
    assert [bench.next().instance for _ in range(10)] == ["api.1"] * 10


def test_a_check_asked_for_is_told_apart(bench, serve, answer) -> None:
    """It is made at once, beside the rounds, also while one of them is under way."""
    asked = threading.Event()
    first = [True]

    def handle(connection: socket.socket) -> None:
        if first:
            first.clear()
            asked.set()
            while connection.recv(65536):
                pass
        else:
            answer(BUSY)(connection)

    run = bench.watch(Health(http="/", timeout=30), port=serve(handle))
    assert asked.wait(10)
    assert bench.scheduler.check(run)
    found = bench.posted.get(timeout=10)
    assert isinstance(found, Checked)
    assert (found.instance, found.generation, found.verdict.answer) == ("api.1", 1, "HTTP 503 Busy")
    assert 0 < found.verdict.took < 10
    bench.silence()


def test_a_check_asked_for_ends_with_its_run(bench, serve) -> None:
    """Its connection is closed and nothing is told of it."""
    asked, gone = threading.Semaphore(0), threading.Semaphore(0)

    def hold(connection: socket.socket) -> None:
        connection.recv(65536)
        asked.release()
        connection.recv(65536)
        gone.release()

    run = bench.watch(Health(http="/", timeout=30), port=serve(hold))
    assert bench.scheduler.check(run)
    assert asked.acquire(timeout=10)
    assert asked.acquire(timeout=10)
    bench.scheduler.unwatch(run)
    assert gone.acquire(timeout=10)
    assert gone.acquire(timeout=10)
    bench.silence()
    assert not bench.scheduler.check(run)


@pytest.mark.parametrize("health", [Health(log="ready"), Health(notify=True), Health(tcp=True)])
def test_what_waits_to_be_told_cannot_be_asked(bench, health) -> None:
    """Nor can a check that is none: a port that the service has not."""
    run = bench.watch(health)
    assert not bench.scheduler.check(run)


def test_after_unwatch_nothing_is_posted(bench, serve) -> None:
    """A check under way is dropped, its connection closed, and no other one is begun."""
    asked, gone = threading.Event(), threading.Event()

    def hold(connection: socket.socket) -> None:
        while connection.recv(65536):
            asked.set()
        gone.set()

    run = bench.watch(Health(http="/", timeout=30), port=serve(hold))
    assert asked.wait(10)
    bench.scheduler.unwatch(run)
    assert gone.wait(10)
    bench.silence()
    bench.scheduler.unwatch(run)
    bench.scheduler.unwatch(Run("never.1", 1))
    bench.silence()


def test_generations_are_checked_apart(bench, serve, answer) -> None:
    """The verdicts of a new run carry its generation, and those of the old one have ended."""
    port = serve(answer(OK))
    old = bench.watch(Health(http="/", **FAST), run=Run("api.1", 1), port=port)
    assert bench.next().generation == 1
    bench.scheduler.unwatch(old)
    new = bench.watch(Health(http="/", **FAST), run=Run("api.1", 2), port=port)
    while bench.next().generation == 1:
        pass
    assert [bench.next().generation for _ in range(3)] == [2, 2, 2]
    bench.scheduler.unwatch(new)


def test_hanging_endpoints_hold_up_nobody(bench, serve, answer, hang) -> None:
    """Fifty good services are checked again and again while fifty others hang in their first check."""
    good, bad = serve(answer(OK)), serve(hang)
    for index in range(50):
        bench.watch(Health(http="/", timeout=60), run=Run(f"bad.{index}", 1), port=bad)
        bench.watch(Health(http="/", interval=0.02, timeout=60), run=Run(f"good.{index}", 1), port=good)
    counts: dict[str, int] = {}
    while len(counts) < 50 or min(counts.values()) < 3:
        event = bench.next()
        assert event.verdict.ok
        counts[event.instance] = counts.get(event.instance, 0) + 1
    assert all(name.startswith("good.") for name in counts)


def test_a_port_that_connects_to_itself_is_refused(bench, monkeypatch) -> None:
    """A connection whose two ends are one (the system's choice of an ephemeral port) proves no listener."""
    plain = socket.socket.connect_ex
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def connect_from_there(sock: socket.socket, address: tuple[str, int]) -> int:
        sock.bind(address)
        return plain(sock, address)

    monkeypatch.setattr(socket.socket, "connect_ex", connect_from_there, raising=False)
    assert bench.check(Health(tcp=True), port=port).answer == "connection refused"
    with socket.create_server(("127.0.0.1", port), reuse_port=False):
        pass


def test_no_descriptor_left(bench, serve, answer, monkeypatch) -> None:
    """A lack of descriptors is a failed check, not the end of checking."""
    port = serve(answer(OK))

    def refuse(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("launcher.probes.tcp.socket.socket", refuse)
        bench.watch(Health(http="/", **FAST), port=port)
        assert bench.verdict().answer == "too many open files"
    assert bench.verdict().ok


def test_no_thread_without_polling(bench) -> None:
    """A log probe needs no thread; closing without one is fine, and so is closing twice."""
    run = Run("api.1", 1)
    bench.scheduler.prepare(run, Health(log="ready"))
    bench.watch(Health(log="ready"), run=run)
    assert not bench.scheduler._reactor.is_running
    bench.scheduler.close()
    bench.scheduler.close()


def test_close_ends_the_thread(bench, serve, hang) -> None:
    """After close no thread and no check is left, and late commands are harmless."""
    run = bench.watch(Health(http="/", timeout=60), port=serve(hang))
    thread = bench.scheduler._reactor._thread
    assert thread is not None
    bench.scheduler.close()
    assert not thread.is_alive()
    bench.scheduler.unwatch(run)
    bench.scheduler._reactor.call(lambda: None)
    assert bench.posted.empty()


@pytest.mark.slow
def test_the_import_is_light() -> None:
    """What only some probes need is not loaded with the scheduler."""
    code = "import sys, launcher.probes.scheduler; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"requests", "ssl", "urllib3", "http.client", "concurrent.futures", "logging", "tempfile", "asyncio"}
    heavy |= {"subprocess", "json", "dataclasses", "email"}
    assert heavy.isdisjoint(loaded)
