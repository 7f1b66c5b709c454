"""A component that runs into the memory limit of the process costs itself at most: its request, or its start."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import pytest

from tests.host.hosted import hello

pytestmark = [
    pytest.mark.slow,  # each test starts an interpreter with uvicorn
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is not kept"),
]
#: How much may be taken beyond what is, in bytes: threads take some, and compiling a module does.
ROOM = 64 << 20
#: Takes so much at a time. Bit by bit, nothing is left at all for whoever has to tell of it.
GREEDY = """
import asyncio

def take():
    held = []
    while True: held.append(bytes({size}))

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        return
    if scope["path"] == "/take":
        take()
    elif scope["path"] == "/later":
        app.task = asyncio.create_task(asyncio.to_thread(take))
        await asyncio.wait([app.task])
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"greedy"}})

{top}
"""
SIZES = pytest.mark.parametrize("size", ["1 << 40", "1000"], ids=["at once", "bit by bit"])


@pytest.fixture
def calm(host):
    """A neighbour; from now on the process may not take much more."""
    component = host.start_ready("calm", hello("'calm'"))
    pages = int(Path(f"/proc/{host.process.pid}/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.prlimit(host.process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    return component


def greedy(size, *, start="pass", top=""):
    return GREEDY.format(size=size, start=start, top=top)


@SIZES
def test_a_request_is_answered_with_500(host, calm, size):
    """As often as it takes too much; others are answered as ever."""
    component = host.start_ready("greedy", greedy(size))
    for _ in range(3):
        assert component.ask("/take").status == 500
        assert component.ask("/").text == "greedy"
        assert calm.ask("/").text == "calm"
    component.says("MemoryError")


def test_a_task_that_is_kept_keeps_nothing_that_it_took(host, calm):
    """Or all that comes would fail."""
    component = host.start_ready("greedy", greedy(1000))
    for _ in range(3):
        assert component.ask("/later").text == "greedy"
        assert calm.ask("/").text == "calm"


STARTS = {
    "import": ({"top": "take()"}, 'importing "greedy" raised MemoryError'),
    "module": ({"top": "held = []\nwhile True: held.append(bytes(1000))"}, 'importing "greedy" raised MemoryError'),
    "lifespan": ({"start": "take()"}, "its lifespan failed to start: it raised MemoryError; its log says more"),
}


@SIZES
@pytest.mark.parametrize(("when", "why"), STARTS.values(), ids=STARTS)
def test_a_start_fails_alone_as_often_as_it_takes_too_much(host, calm, size, when, why):
    for _ in range(3):
        component = host.start("greedy", greedy(size, **when))
        assert host.ended("greedy").why == why
        answer = component.ask("/")
        assert (answer.status, json.loads(answer.text)["detail"]) == (503, f"greedy: {why}")
        assert calm.ask("/").text == "calm"


@SIZES
def test_the_next_start_is_well_if_it_takes_less(host, calm, size):
    host.start("greedy", greedy(size, top="take()"))
    assert host.ended("greedy").code == 1
    component = host.start("greedy", greedy(size))
    component.says("Application startup complete.")
    while component.ask("/").status == 503:
        pass
    assert component.ask("/").text == "greedy"
