"""Who holds the event loop up is named, with function, file and line; who does not is left alone."""

from __future__ import annotations

import asyncio
import importlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest

from launcher.host.current import entered
from launcher.host.description import Description
from launcher.host.folders import Folders
from launcher.host.lag import PERIOD, Watch

pytestmark = pytest.mark.slow  # what is watched for takes longer than that


def loops():
    yield pytest.param(asyncio.new_event_loop, id="asyncio")
    missing = pytest.mark.skipif(not find_spec("uvloop"), reason="no uvloop here")
    yield pytest.param(lambda: importlib.import_module("uvloop").new_event_loop(), id="uvloop", marks=missing)


class Watched:
    """A loop under watch, two components that share a folder, and what is reported."""

    def __init__(self, packages, new_loop):
        packages.write("stalls_red.py", STALLS)
        packages.write("stalls_blue.py", STALLS)
        packages.write("stalls_shared.py", STALLS)
        sys.path.insert(0, packages.folder(""))
        self.red, self.blue, self.shared = map(importlib.import_module, ("stalls_red", "stalls_blue", "stalls_shared"))
        self.folders = Folders()
        for name in ("red", "blue"):
            self.folders.add(Description(name, f"stalls_{name}:app", packages.folder("")))
        self.new_loop = new_loop
        self.reports = queue.SimpleQueue()

    def run(self, main):
        """Run `main()` under watch and let the loop turn afterwards, until a report of the end is there."""

        async def watched():
            watch = Watch(self.reports.put, self.folders)
            watch.start()
            await asyncio.sleep(0)
            try:
                await main()
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(None, self.until_over)
            finally:
                watch.stop()

        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            return runner.run(watched())

    def until_over(self):
        stalls = [self.reports.get(timeout=20)]
        while not stalls[-1].is_over:
            stalls.append(self.reports.get(timeout=20))
        return stalls


STALLS = """
import asyncio, time

async def sleeps(seconds):
    rests(seconds)

def rests(seconds):
    time.sleep(seconds)  # the line

def computes(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
"""


@pytest.fixture(params=loops())
def watched(packages, request):
    return Watched(packages, request.param)


def test_a_stall_is_reported_while_it_lasts_and_when_it_is_over(watched):
    async def main():
        began = time.monotonic()
        await watched.blue.sleeps(1)
        return time.monotonic() - began

    during, after = watched.run(main)
    assert (during.component, during.function) == ("blue", "rests")
    assert (during.file, during.line) == (watched.blue.__file__, 1 + STALLS[: STALLS.index("  # the line")].count("\n"))
    assert 0.25 <= during.seconds < after.seconds
    assert not during.is_over
    assert after.seconds > 1 - PERIOD
    assert after.sentence == (
        f"blue held up the event loop for {after.seconds:.2f} s, in rests at {during.file}:{during.line}"
    )
    assert during.sentence.startswith("blue holds up the event loop, for ")


def test_computing_is_a_stall_too(watched):
    async def main():
        watched.red.computes(1)

    assert {(stall.component, stall.function) for stall in watched.run(main)} == {("red", "computes")}


def test_a_callback_is_found_by_its_file(watched):
    """Where there is no task."""

    async def main():
        asyncio.get_running_loop().call_soon(watched.red.rests, 1)

    assert {(stall.component, stall.function) for stall in watched.run(main)} == {("red", "rests")}


def test_code_that_is_shared_is_told_by_the_component_it_runs_for(watched):
    async def main():
        with entered("red"):
            task = asyncio.create_task(watched.shared.sleeps(1))
        await task

    assert {(each.component, each.function) for each in watched.run(main)} == {("red", "rests")}


def test_shared_code_for_nobody_is_told_by_its_place(watched):
    async def main():
        await watched.shared.sleeps(1)

    during, after = watched.run(main)
    assert (during.component, during.function, during.file) == (None, "rests", watched.shared.__file__)
    assert after.sentence.startswith("code of no single component held up the event loop")


def test_each_stall_is_reported(watched):
    async def main():
        watched.red.rests(1)
        await asyncio.sleep(2 * PERIOD)
        watched.blue.rests(1)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, watched.until_over)

    async def both():
        first.extend(await main())

    first = []
    second = watched.run(both)
    assert [stall.component for stall in first + second] == ["red", "red", "blue", "blue"]


def test_the_loop_may_run_in_any_thread(watched):
    """The host imports on the main thread and serves in another."""

    async def main():
        watched.red.rests(1)

    with ThreadPoolExecutor(1) as pool:
        stalls = pool.submit(watched.run, main).result()
    assert {(stall.component, stall.function) for stall in stalls} == {("red", "rests")}


def test_a_loop_that_turns_is_left_alone(watched):
    """Tasks that wait, and short work, are no stall; nor is a thread that blocks; a busy machine may be once."""

    async def main():
        watch = Watch(watched.reports.put, watched.folders)
        watch.start()
        loop = asyncio.get_running_loop()
        blocked = loop.run_in_executor(None, watched.red.rests, 4 * PERIOD)
        while not blocked.done():
            watched.red.rests(0.01)
            await asyncio.sleep(0.01)
        watch.stop()
        return watched.reports.empty() and watch.lag < 0.25

    with asyncio.Runner(loop_factory=watched.new_loop) as runner:
        assert any(runner.run(main()) for _ in range(3))


def test_a_watch_that_was_stopped_ends(watched, eventually):
    async def main():
        watch = Watch(watched.reports.put, watched.folders)
        watch.start()
        watch.stop()

    with asyncio.Runner(loop_factory=watched.new_loop) as runner:
        runner.run(main())
    eventually(lambda: all(thread.name != "lag" for thread in threading.enumerate()))


IDLE = """
import asyncio, resource, sys
from launcher.host.folders import Folders
from launcher.host.lag import Watch
async def main():
    watch = Watch(lambda stall: print(stall.sentence, flush=True), Folders())
    watch.start()
    waits = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    print("idle", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await asyncio.sleep(0.6)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - waits)
asyncio.run(main())
"""


@pytest.fixture
def idle():
    """A process with an idle loop under watch."""
    child = subprocess.Popen([sys.executable, "-c", IDLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout.readline() == "idle\n"
        yield child


def test_a_process_that_was_stopped_has_held_nothing_up(idle):
    os.kill(idle.pid, signal.SIGSTOP)
    os.waitpid(idle.pid, os.WUNTRACED)
    threading.Event().wait(1)  # how long it is stopped is what this is about
    os.kill(idle.pid, signal.SIGCONT)
    output, _ = idle.communicate("go on\n")
    assert len(output.splitlines()) == 1, output


def test_an_idle_loop_wakes_at_most_ten_times_a_second(idle):
    began = time.monotonic()
    threading.Event().wait(3)  # so long is counted
    output, _ = idle.communicate("tell\n")
    assert int(output) <= 10 * (time.monotonic() - began)
