"""Each component sees and changes its own variables, whichever way its code runs; the host those of the process."""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import ctypes
import os
import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from os import environ as imported_before

import pytest

from launcher.host import environment
from launcher.host.current import Start, component, entered
from tests.host.components import NAME, OWN, in_both, seen


def in_a_thread():
    answers = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: answers.put(seen()))
    thread.start()
    thread.join()
    return answers.get()


def in_a_thread_of_a_thread():
    answers = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: answers.put(in_a_thread()))
    thread.start()
    thread.join()
    return answers.get()


def in_a_raw_thread():
    answers = queue.SimpleQueue()
    _thread.start_new_thread(lambda: answers.put(seen()), ())
    return answers.get(timeout=10)


def in_a_timer():
    answers = queue.SimpleQueue()
    threading.Timer(0, lambda: answers.put(seen())).start()
    return answers.get(timeout=10)


def in_a_pool():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(seen).result()


def in_a_pool_by_map():
    with ThreadPoolExecutor(1) as pool:
        return next(pool.map(lambda _: seen(), [0]))


def in_a_thread_pool_of_multiprocessing():
    with ThreadPool(1) as pool:
        return pool.apply(seen)


def in_a_task():
    async def ask():
        return seen()

    async def main():
        return await asyncio.create_task(ask())

    return asyncio.run(main())


def in_to_thread():
    return asyncio.run(asyncio.to_thread(seen))


def in_an_executor():
    async def main():
        return await asyncio.get_running_loop().run_in_executor(None, seen)

    return asyncio.run(main())


WAYS_TO_READ = {
    "get": seen,
    "getenv": lambda: os.getenv(NAME),
    "imported before": lambda: imported_before[NAME],
    "bytes": lambda: os.fsdecode(os.environb[os.fsencode(NAME)]),
    "copy": lambda: os.environ.copy()[NAME],
    "dict": lambda: dict(os.environ)[NAME],
    "expandvars": lambda: os.path.expandvars(f"${NAME}"),
    "repr": lambda: next(own for own in OWN if repr(own) in repr(os.environ)),
    "thread": in_a_thread,
    "thread of a thread": in_a_thread_of_a_thread,
    "_thread": in_a_raw_thread,
    "timer": in_a_timer,
    "pool": in_a_pool,
    "pool, map": in_a_pool_by_map,
    "multiprocessing's ThreadPool": in_a_thread_pool_of_multiprocessing,
    "task": in_a_task,
    "asyncio.to_thread": in_to_thread,
    "run_in_executor": in_an_executor,
}


@pytest.mark.parametrize("ask", WAYS_TO_READ.values(), ids=WAYS_TO_READ)
def test_each_reads_its_own(two, ask):
    assert in_both(ask) == OWN


def test_the_object_stays_the_same_and_comes_back_as_it_was(monkeypatch):
    monkeypatch.setenv(NAME, "before")
    before, kind, table = os.environ, type(os.environ), os.environ._data
    functions = (os.putenv, os.system, threading.Thread.start, subprocess._fork_exec, _thread.start_new_thread)
    environment.install()
    environment.install()
    try:
        assert os.environ is before
        os.environ[NAME] = "changed by the host"
    finally:
        environment.uninstall()
        environment.uninstall()
    assert os.environ is before
    assert type(os.environ) is type(os.environb) is kind
    assert os.environ._data is os.environb._data is table
    assert os.environ[NAME] == "changed by the host"
    assert functions == (
        os.putenv, os.system, threading.Thread.start, subprocess._fork_exec, _thread.start_new_thread,
    )  # fmt: skip


def test_what_one_changes_no_other_sees(two):
    with entered("red"):
        os.environ[NAME] = "crimson"
        os.environ["LAUNCHER_TEST_ONLY_RED"] = "1"
        del os.environ["PATH"]
        os.environ.setdefault(NAME, "ignored")
        os.environ |= {"LAUNCHER_TEST_ALSO_RED": "1"}
    assert in_both(seen) == ["crimson", *OWN[1:]]
    assert in_both(lambda: "LAUNCHER_TEST_ONLY_RED" in os.environ) == [True, False, False]
    assert in_both(lambda: "LAUNCHER_TEST_ALSO_RED" in os.environ) == [True, False, False]
    assert in_both(lambda: "PATH" in os.environ) == [False, True, True]
    with entered("blue"):
        os.environ.clear()
    assert in_both(lambda: len(os.environ) > 0) == [True, False, True]


def test_one_has_what_it_was_given_and_nothing_else(two):
    with entered("red"):
        assert set(os.environ) == {NAME, "PATH"}
    assert environment.variables_of("red") == {NAME: "red", "PATH": os.environ["PATH"]}
    assert environment.variables_of(None) == dict(os.environ)


def test_what_is_there_is_found_as_ever(two):
    """By text and by bytes; what no variable can be called is refused in the same words."""
    with entered("red"):
        assert (NAME in os.environ, "LAUNCHER_TEST_NONE" in os.environ) == (True, False)
        assert (NAME.encode() in os.environb, b"LAUNCHER_TEST_NONE" in os.environb) == (True, False)
        assert os.environ.get("LAUNCHER_TEST_NONE") is os.environb.get(b"LAUNCHER_TEST_NONE") is None
        assert os.environ.get("LAUNCHER_TEST_NONE", "else") == "else"
        assert os.environb.get(NAME.encode()) == b"red"
        with pytest.raises(KeyError, match="LAUNCHER_TEST_NONE"):
            os.environ["LAUNCHER_TEST_NONE"]
    for ask in (lambda: 3 in os.environ, lambda: os.environ.get(3), lambda: "text" in os.environb):
        for name in ("red", None):
            with entered(name), pytest.raises(TypeError, match="expected"):
                ask()


def test_given_anew_it_has_the_new_ones(two):
    environment.give("red", {NAME: "rouge"})
    with entered("red"):
        assert dict(os.environ) == {NAME: "rouge"}


def test_what_still_runs_of_one_forgotten_cannot_change_the_process(two):
    environment.forget("red")
    environment.forget("red")
    with pytest.raises(KeyError):
        environment.variables_of("red")
    with entered("red"):
        assert seen() == "of the process"
        os.environ[NAME] = "mine"
    assert in_both(seen) == ["mine", *OWN[1:]]


@pytest.mark.parametrize(("name", "value"), [("A=B", "1"), ("A\0", "1"), ("A", "1\0"), (1, "1"), ("A", 1), ("", "1")])
def test_what_the_process_refuses_is_refused_for_a_component(two, name, value):
    refused = []
    for who in (None, "red"):
        with entered(who), pytest.raises((ValueError, TypeError, OSError)) as caught:
            os.environ[name] = value
        refused.append((caught.type, str(caught.value)))
    assert refused[0] == refused[1]


def test_a_shared_pool_works_for_whoever_submits(two):
    """The loop's own executor is one: the thread may have been started for somebody else."""
    with ThreadPoolExecutor(1) as pool:
        assert in_both(lambda: pool.submit(seen).result()) == OWN
        assert in_both(lambda: pool.submit(seen).result()) == OWN


def test_work_is_whose_context_it_runs_in(two):
    """As asyncio does for a callback: the context of where it was made, wherever it is run."""
    with entered("red"):
        context = contextvars.copy_context()
    with entered("blue"):
        assert context.run(seen) == "red"


def test_what_c_reads_is_the_processs(two):
    """It cannot be otherwise: C has one environment."""
    c = ctypes.CDLL(None)
    c.getenv.restype = ctypes.c_char_p
    with entered("red"):
        os.environ[NAME] = "crimson"
        assert c.getenv(NAME.encode()) == b"of the process"


def test_a_thread_that_c_makes_runs_as_nobodys_code(two):
    c = ctypes.CDLL(None)
    answers = queue.SimpleQueue()
    function = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: answers.put(seen()))
    thread = ctypes.c_ulong()
    with entered("red"):
        assert c.pthread_create(ctypes.byref(thread), None, function, None) == 0
        assert c.pthread_join(thread, None) == 0
    assert answers.get() == "of the process"


def test_an_exception_in_a_thread_is_still_the_components(two, monkeypatch):
    who = queue.SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda _: who.put(component.get()))

    def fail():
        raise OSError

    with entered("red"):
        thread = threading.Thread(target=fail)
        thread.start()
    thread.join()
    assert who.get() == "red"


def test_many_threads_of_both_at_once_see_their_own(two):
    together = threading.Barrier(8)
    wrong = queue.SimpleQueue()

    def work(name):
        together.wait()
        for turn in range(500):
            os.environ[NAME] = f"{name}{turn}"
            if os.environ[NAME][: len(name)] != name:
                wrong.put(os.environ[NAME])

    threads = []
    for name in ("red", "blue") * 4:
        with entered(name):
            threads.append(threading.Thread(target=work, args=(name,)))
            threads[-1].start()
    for thread in threads:
        thread.join()
    assert wrong.empty()


@pytest.mark.slow
def test_a_module_reads_its_own_at_import(two, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("red", "blue"):
        (tmp_path / f"reads_{name}.py").write_text(f"from os import environ\nfound = environ['{NAME}']\n")
    found = []
    for name in ("red", "blue"):
        with entered(name):
            module = __import__(f"reads_{name}")
        monkeypatch.delitem(sys.modules, module.__name__)
        found.append(module.found)
    assert found == ["red", "blue"]


def test_two_starts_of_one_component_have_their_own(two):
    """Its name is the same for all else; what has the name alone is neither's."""
    old, new = Start("red", 1), Start("red", 2)
    environment.give(old, {NAME: "old"})
    environment.give(new, {NAME: "new"})
    with entered(old):
        os.environ["MORE"] = "1"
        assert (seen(), in_a_thread(), in_a_pool()) == ("old", "old", "old")
    with entered(new):
        assert (seen(), in_a_thread(), "MORE" in os.environ) == ("new", "new", False)
    with entered("red"):
        assert seen() == "red"
    environment.forget(old)
    assert environment.variables_of(new) == {NAME: "new"}
    assert old == new == "red"
