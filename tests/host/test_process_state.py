"""What a component changes of the process is seen, told, and put back as it was."""

from __future__ import annotations

import asyncio
import asyncio.unix_events
import ctypes
import gc
import locale
import logging
import logging.config
import os
import signal
import socket
import sys
import threading
import time
import timeit
import warnings

import pytest

from launcher.host import environment
from launcher.host.current import entered
from launcher.host.process_state import compare, restore, snapshot


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """Whatever these tests change, and a failing one leaves."""
    monkeypatch.setattr(sys, "path", ["/launcher-test-first", *sys.path])
    before = snapshot()
    yield
    restore(before)
    assert compare(before, snapshot()) == []


class Shouting(logging.Logger):
    """A component's own class of loggers."""


class Policy(getattr(asyncio.unix_events, "_UnixDefaultEventLoopPolicy", object)):
    """A component's own policy."""


def on_alarm(number, frame): ...


def shout(*arguments): ...


def configure_logging():
    logging.config.dictConfig({"version": 1, "root": {"level": "DEBUG", "handlers": []}})


def change_zone():
    os.environ["TZ"] = "Pacific/Auckland"
    time.tzset()


CHANGES = {
    "disable_existing_loggers": (configure_logging, ["changed other loggers (disabled ", "neighbour"]),
    "logging.disable": (lambda: logging.disable(30), ["changed the level that logging.disable sets from 0 to 30"]),
    "logger class": (lambda: logging.setLoggerClass(Shouting), ["changed the class of loggers from", "Shouting"]),
    "warnings": (lambda: warnings.simplefilter("ignore"), ["changed the filters of warnings"]),
    "showwarning": (lambda: setattr(warnings, "showwarning", shout), ["changed how warnings are shown", "shout"]),
    "signal": (
        lambda: signal.signal(signal.SIGALRM, on_alarm),
        ["changed signal handlers (of SIGALRM)"],
    ),
    "chdir": (lambda: os.chdir("/"), ["changed the working directory from ", " to /"]),
    "umask": (lambda: os.umask(0o005), ["changed the umask from ", " to 0005"]),
    "locale": (lambda: locale.setlocale(locale.LC_ALL, "C"), ["changed the locale from ", " to C"]),
    "time zone": (change_zone, ["changed the time zone from ", " to Pacific/Auckland"]),
    "excepthook": (lambda: setattr(sys, "excepthook", shout), ["changed sys.excepthook from ", ".shout"]),
    "excepthook of threads": (lambda: setattr(threading, "excepthook", shout), ["changed threading.excepthook"]),
    "unraisablehook": (lambda: setattr(sys, "unraisablehook", shout), ["changed sys.unraisablehook from "]),
    "socket": (lambda: socket.setdefaulttimeout(3), ["changed the default time-out of sockets from None to 3"]),
    "recursion": (lambda: sys.setrecursionlimit(5000), ["changed the recursion limit from ", " to 5000"]),
    "collector": (gc.disable, ["changed the garbage collector from True to False"]),
    "path first": (lambda: sys.path.insert(0, "/launcher-test"), ["changed sys.path (added /launcher-test)"]),
    "path gone": (lambda: sys.path.pop(0), ["changed sys.path (removed /launcher-test-first)"]),
    "path order": (lambda: sys.path.append(sys.path.pop(0)), ["changed sys.path (in another order)"]),
    "stdout": (lambda: setattr(sys, "stdout", sys.__stderr__), ["changed sys.stdout from "]),
    "stderr": (lambda: setattr(sys, "stderr", sys.__stdout__), ["changed sys.stderr from "]),
    "os.environ": (lambda: setattr(os, "environ", dict(os.environ)), ["changed os.environ from os._Environ to "]),
}


@pytest.mark.parametrize(("change", "told"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_told_and_put_back(change, told):
    logging.getLogger("launcher.test.neighbour")
    locale.setlocale(locale.LC_ALL, "C.UTF-8")  # something else than what a component sets
    before = snapshot()
    change()
    differences = compare(before, snapshot())
    sentences = "\n".join(difference.sentence for difference in differences)
    assert all(part in sentences for part in told), sentences
    assert all(difference.is_restorable for difference in differences)
    assert restore(before) == []
    assert compare(before, snapshot()) == []


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="policies go, from Python 3.14 on with a warning")
def test_a_policy_is_told_and_put_back_but_asyncios_own_is_none():
    before = snapshot()
    asyncio.get_event_loop_policy()
    assert compare(before, snapshot()) == []
    asyncio.set_event_loop_policy(Policy())
    (difference,) = compare(before, snapshot())
    assert difference.sentence.startswith("changed the event loop policy from ")
    assert restore(before) == []
    assert not isinstance(asyncio.get_event_loop_policy(), Policy)


def test_nothing_changed_is_no_difference():
    before = snapshot()
    logging.getLogger("launcher.test.made.meanwhile")
    sys.path.append("/launcher-test")
    assert compare(before, snapshot()) == []


def test_a_warning_that_was_shown_once_is_an_error_again(monkeypatch):
    """The C half of `warnings` keeps what it decided: it must be told that the filters are others."""
    monkeypatch.setattr(warnings, "showwarning", shout)
    namespace = {}
    code = compile("import warnings\nwarnings.warn('heard')", "<warns>", "exec")
    warnings.simplefilter("error")
    before = snapshot()
    warnings.simplefilter("default")
    exec(code, namespace)
    restore(before)
    with pytest.raises(UserWarning, match="heard"):
        exec(code, namespace)


def test_a_folder_that_was_put_first_on_the_path_is_kept_behind_all_others():
    """Its modules can still be imported, and hide nobody's."""
    before = snapshot()
    sys.path.insert(0, "/launcher-test")
    restore(before)
    assert sys.path == [*before["sys.path"], "/launcher-test"]


def test_with_a_second_snapshot_only_what_had_changed_by_then_is_put_back():
    before = snapshot()
    sys.setrecursionlimit(5000)
    after = snapshot()
    socket.setdefaulttimeout(3)
    assert restore(before, after) == []
    assert (sys.getrecursionlimit(), socket.getdefaulttimeout()) == (before["the recursion limit"], 3)
    socket.setdefaulttimeout(None)


def test_only_the_main_thread_puts_signal_handlers_back():
    before = snapshot()
    signal.signal(signal.SIGALRM, on_alarm)
    left = []
    thread = threading.Thread(target=lambda: left.extend(restore(before)))
    thread.start()
    thread.join()
    (difference,) = left
    assert "only the main thread" in difference.sentence
    assert not difference.is_restorable
    assert restore(before) == []


def test_a_folder_that_is_gone_cannot_be_gone_back_to(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    before = snapshot()
    os.chdir(tmp_path)
    gone.rmdir()
    (left,) = restore(before)
    assert (
        left.sentence == f"changed the working directory from {gone} to {tmp_path} ({gone}: No such file or directory)"
    )
    inside = tmp_path / "inside"
    inside.mkdir()
    os.chdir(inside)
    inside.rmdir()
    before = snapshot()
    os.chdir(tmp_path)
    (difference,) = compare(before, snapshot())
    assert not difference.is_restorable
    (left,) = restore(before)
    assert "the folder from before does not exist" in left.sentence


def test_it_is_the_process_that_is_looked_at_not_a_components_view():
    environment.install()
    try:
        environment.give("red", {"TZ": "Pacific/Auckland"})
        before = snapshot()
        with entered("red"):
            time.tzset()
            assert compare(before, snapshot()) == []
            ctypes.CDLL(None).setenv(b"TZ", b"Pacific/Auckland", 1)  # as a C library would
            time.tzset()
            assert restore(before) == []
        assert compare(before, snapshot()) == []
        assert environment.variables_of("red") == {"TZ": "Pacific/Auckland"}
    finally:
        environment.uninstall()


def test_a_snapshot_is_cheap():
    """0.2 ms; the bound is for a machine that does something else too."""
    for number in range(200):
        logging.getLogger(f"launcher.test.{number}")
    assert min(timeit.repeat(snapshot, number=1, repeat=50)) < 0.002
