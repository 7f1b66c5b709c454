"""The console prints what honcho prints; honcho's own printer is asked."""

import os
import re
import threading
from datetime import datetime

import pytest
from honcho.colour import get_colours
from honcho.printer import Message, Printer

from launcher.observe.console import Console, wants_colour
from launcher.observe.hub import Batch
from launcher.observe.styles import Text
from launcher.orchestrator.orders import Run
from launcher.orchestrator.snapshot import Changed, Noted, Reason, State

AT = datetime(2026, 11, 24, 4, 5, 6).timestamp()  # noqa: DTZ001  (honcho prints local time)
LABELS = ["web.1", "longer_name.1", "db.1"]


class Terminal:
    """What honcho prints to; takes colours."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


@pytest.fixture
def out(tmp_path):
    descriptor = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def printed(writer, out):
    def read():
        assert writer.flush(5)
        return os.pread(out, 1 << 20, 0).decode()

    return read


def make_console(writer, out, *, quiet=(), failed=lambda _: None, **style):
    return Console(writer, Text(LABELS, **style), descriptor=out, quiet=quiet, failed=failed, wall=lambda: AT)


def batch(label, lines, at=AT, generation=0):
    return Batch(Run(label, generation), label, lines, at)


def honcho_prints(lines, *, colour, prefix):
    terminal = Terminal()
    printer = Printer(terminal, width=max(map(len, LABELS)), colour=colour, prefix=prefix)
    colours = dict(zip(LABELS, get_colours(), strict=False))
    for label, data in lines:
        printer.write(Message("line", data, datetime.fromtimestamp(AT), label, colours.get(label)))  # noqa: DTZ006
    return terminal.text


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("prefix", [True, False])
def test_output_equals_honchos(writer, out, printed, colour, prefix):
    console = make_console(writer, out, colour=colour, prefix=prefix)
    lines = [
        ("web.1", b"GET / 200\n"),
        ("longer_name.1", b"caf\xc3\xa9\n"),
        ("db.1", b"invalid \xff\xfe, cut off \xe2\x82\n"),
        ("web.1", b"\n"),
        ("web.1", b"\x1b[31mred\x1b[0m\ttab\n"),
    ]
    for label, data in lines:
        console.print(batch(label, data))
    console.system("web.1 started (pid=12)\n")
    lines.append(("system", b"web.1 started (pid=12)\n"))
    assert printed() == honcho_prints(lines, colour=colour, prefix=prefix)


def test_every_line_of_a_batch_is_prefixed(writer, out, printed):
    make_console(writer, out).print(batch("web.1", b"one\n\ntwo\n"))
    assert printed() == "".join(f"04:05:06 web.1         | {line}\n" for line in ("one", "", "two"))


def test_the_time_moves_on(writer, out, printed):
    console = make_console(writer, out)
    for at in (AT, AT + 0.9, AT + 1, AT):
        console.print(batch("web.1", b"x\n", at))
    assert re.findall(r"^\S+", printed(), re.MULTILINE) == ["04:05:06", "04:05:06", "04:05:07", "04:05:06"]


@pytest.mark.parametrize("quiet", [{"web"}, {"web.1"}])
def test_quiet_services_are_not_printed(writer, out, printed, quiet):
    console = make_console(writer, out, quiet=quiet)
    console.print(batch("web.1", b"hidden\n"))
    console.print(batch("db.1", b"shown\n"))
    assert printed() == "04:05:06 db.1          | shown\n"


def changed(before, state, *, pid=None, code=None, at=AT, generation=1):
    return Changed(
        instance="web.1",
        service="web",
        label="web.1",
        generation=generation,
        before=State(before),
        state=State(state),
        reason=Reason(text=""),
        at=at,
        pid=pid,
        exit_code=code,
    )


LIFE = [
    changed("waiting", "starting"),
    changed("starting", "starting", pid=12),
    changed("starting", "ready", pid=12, at=AT + 0.52),
    Noted(text="SIGINT received"),
    changed("ready", "stopping", pid=12),
    changed("stopping", "stopped", code=-2),
]


def said(text):
    return [line.partition("| ")[2] for line in text.splitlines()]


def test_a_life_is_told(writer, out, printed):
    console = make_console(writer, out, signals={"web": "INT"})
    for news in LIFE:
        console(news)
    assert said(printed()) == [
        "web.1 started (pid=12)",
        "web.1 ready after 0.52 s",
        "SIGINT received",
        "sending SIGINT to web.1 (pid 12)",
        "web.1 stopped (rc=-2)",
    ]


def test_a_procfile_hears_honchos_lines_only(writer, out, printed):
    console = make_console(writer, out, procfile=True)
    for news in LIFE:
        console(news)
    assert said(printed()) == [
        "web.1 started (pid=12)",
        "SIGINT received",
        "sending SIGTERM to web.1 (pid 12)",
        "web.1 stopped (rc=-2)",
    ]


def test_each_generation_is_announced_when_its_pid_is_known(writer, out, printed):
    """A service without health check may be ready by the time its pid is told."""
    console = make_console(writer, out, procfile=True)
    console(changed("starting", "ready", pid=12))
    console(changed("ready", "unhealthy", pid=12))
    console(changed("starting", "ready", pid=13, generation=2))
    assert said(printed()) == ["web.1 started (pid=12)", "web.1 started (pid=13)"]


def test_what_a_service_prints_at_once_stands_below_its_start(writer, out, printed):
    """The reader may be faster than the loop, at every start."""
    console = make_console(writer, out, procfile=True)
    for generation in (1, 2):
        console.print(batch("web.1", b"early\nbird\n", generation=generation))
        console(changed("waiting", "starting", generation=generation))
        console(changed("starting", "starting", pid=12, generation=generation))
        console.print(batch("web.1", b"late\n", generation=generation))
    console.print(batch("db.1", b"never told\n", generation=1))
    lines = [line.partition("| ")[2] for line in printed().splitlines()]
    assert lines == ["web.1 started (pid=12)", "early", "bird", "late"] * 2
    console.close()
    assert printed().endswith("| never told\n"), "what was never announced comes at the end"


def test_closing_a_terminal_that_takes_everything_says_nothing(writer, out, printed):
    console = make_console(writer, out)
    console.system("bye")
    assert console.close() == 0
    assert said(printed()) == ["bye"]


def test_what_the_terminal_did_not_take_is_said_at_the_end(writer, pipe, monkeypatch, read_all):
    """Two seconds in life, a moment here: then the rest is dropped, and the number of lines stands at the end."""
    monkeypatch.setattr("launcher.observe.console.PATIENCE", 0.02)
    reading, writing = pipe
    console = make_console(writer, writing)
    for number in range(2000):
        console.print(batch("web.1", b"%05d" % number + b"x" * 95 + b"\n"))
    console.hurry()
    shut = threading.Event()
    writer.on_room(shut.set)
    assert not writer.full or shut.wait(5)
    os.set_blocking(reading, False)
    got = os.read(reading, 1 << 20)
    dropped = console.close()
    writer.close(5)
    os.close(writing)
    got += read_all(reading)
    lines = got.decode().splitlines()
    assert lines[-1].endswith(f"{dropped} lines not shown, since the terminal did not take them: see the log files")
    assert len(lines) - 1 + dropped == 2000
    assert all(re.fullmatch(r"\S+ web\.1 +\| \d{5}x{95}", line) for line in lines[:-1])


def test_a_closed_terminal_is_told_once(writer, pipe):
    reading, writing = pipe
    failures = []
    console = make_console(writer, writing, failed=failures.append)
    os.close(reading)
    console.system("one")
    writer.flush(5)
    console.system("two")
    assert console.close() == 2
    assert len(failures) == 1


def test_colours_are_for_terminals_whose_owner_wants_them(out):
    master, slave = os.openpty()
    assert wants_colour(slave, {})
    assert not wants_colour(slave, {}, refused=True)
    assert not wants_colour(slave, {"NO_COLOR": "1"})
    assert not wants_colour(out, {})
    os.close(master)
    os.close(slave)
