"""A gate that counts: what is added up, and that a request runs as if nobody did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from launcher.host import turnstile
from launcher.host.boundary import Boundary, Bounds
from launcher.host.current import Start, component
from launcher.host.gate import Tenure
from launcher.host.turnstile import Turnstile


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(turnstile, "perf_counter", clock)
    return clock


App = Callable[[Any, Any, Any], Awaitable[None]]


async def nothing(_message: Any = None) -> None:
    """In the place of `receive` and `send`."""


def opened(app: App, state: dict[str, Any] | None = None) -> Turnstile:
    gate = Turnstile("shop")
    gate.open(Tenure(app, state or {}))
    return gate


async def ask(gate: Turnstile, kind: str = "http") -> dict[str, Any]:
    scope: dict[str, Any] = {"type": kind, "path": "/"}
    await gate(scope, nothing, nothing)
    return scope


async def answer(send: Any, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 10))


def test_what_it_does_is_added_up_and_not_what_it_waits_for(clock: Clock) -> None:
    """In three steps; the loop was somebody else's in between."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for _ in range(2):
            clock.work(1)
            asyncio.get_running_loop().call_soon(clock.work, 10)
            await asyncio.sleep(0)
        clock.work(1)
        await answer(send)

    gate = opened(app)
    run(ask(gate))
    assert gate.measures.told() == {"busy": 3, "errors": 0, "requests": 1, "seconds": 23, "under_way": 0}


def test_one_that_never_waits_is_added_up_too(clock: Clock) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        clock.work(1)
        await answer(send)

    gate = opened(app)
    run(ask(gate))
    assert (gate.measures.busy, gate.measures.seconds) == (1, 1)


@pytest.mark.parametrize("waits", [False, True])
def test_what_it_raises_is_an_error_and_raised(clock: Clock, waits: bool) -> None:
    """At once, and when it has waited; its steps count all the same."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        if waits:
            await asyncio.sleep(0)
        clock.work(1)
        raise ZeroDivisionError

    gate = opened(app)
    with pytest.raises(ZeroDivisionError):
        run(ask(gate))
    assert (gate.measures.busy, gate.measures.errors, gate.measures.told()["under_way"]) == (1, 1, 0)


def test_an_answer_of_500_is_an_error() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await answer(send, 500)

    gate = opened(app)
    run(ask(gate))
    assert gate.measures.errors == 1


def test_what_it_waits_for_may_fail_and_be_caught_by_it() -> None:
    """Exceptions come in where it waits, and it goes on from there."""
    seen: list[BaseException] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(KeyError("gone"))
        await asyncio.sleep(0)
        try:
            await failed
        except KeyError as error:
            seen.append(error)
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError as error:
            seen.append(error)
        await answer(send)

    run(ask(opened(app)))
    assert [type(error) for error in seen] == [KeyError, TimeoutError]


def test_it_can_be_cancelled_where_it_waits_for_nothing() -> None:
    ends: list[str] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        try:
            for _ in range(100):
                await asyncio.sleep(0)
        finally:
            ends.append("it was")

    async def cancel() -> None:
        asked = asyncio.create_task(ask(opened(app)))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()

    run(cancel())
    assert ends == ["it was"]


class Slot:
    """Something to await that is no coroutine."""

    def __await__(self) -> Generator[Any, Any, None]:
        return asyncio.sleep(0).__await__()


def test_whatever_can_be_awaited_will_do() -> None:
    def app(_scope: Any, _receive: Any, _send: Any) -> Awaitable[None]:
        return Slot()

    gate = opened(app)
    run(ask(gate))
    run(ask(gate, "websocket"))
    assert gate.measures.told()["under_way"] == 0


def test_the_state_is_a_copy_for_each() -> None:
    """What the app's lifespan has left there; without, what the server gives."""

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        scope["state"]["own"] = True

    state = {"db": object()}
    gate = opened(app, state)
    scope = run(ask(gate))
    assert scope["state"] == {**state, "own": True}
    assert set(state) == {"db"}


def test_it_runs_as_code_of_the_start_that_has_the_gate() -> None:
    """Whoever's context the server's task has come from."""
    names: list[str | None] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        names.append(component.get())

    async def both() -> None:
        component.set(old := Start("shop", 1))
        gate = opened(app)
        await ask(gate)
        component.set(new := Start("shop", 2))
        gate.open(Tenure(app, {}))
        component.set(None)
        await asyncio.create_task(ask(gate))
        assert [one is start for one, start in zip(names, (old, new), strict=True)] == [True, True]

    run(both())


def test_what_waits_is_under_way_until_it_is_cut_off() -> None:
    """Its task is found by what it waits for; one that ends in time is left alone, and so is a neighbour's."""
    ends: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        try:
            await asyncio.sleep(0.05 if scope["type"] == "http" else 60)
            ends.append("in time")
        except asyncio.CancelledError:
            ends.append("cut off")
            raise

    async def empty() -> None:
        gate, other = opened(app), opened(app)
        asked = [asyncio.create_task(ask(one, kind)) for one in (gate, other) for kind in ("http", "websocket")]
        await asyncio.sleep(0)
        assert gate.measures.told()["under_way"] == 1  # a web socket is answered when it is let in
        assert gate.tenure is not None
        assert set(gate.tenure.tasks()) == set(asked[:2])
        await gate.tenure.emptied(0.5)
        await asyncio.sleep(0)
        assert [one.cancelled() for one in asked] == [False, True, False, False]
        assert gate.measures.told()["under_way"] == 0
        asked[3].cancel()
        await asyncio.wait(asked)

    run(empty())
    assert ends == ["in time", "in time", "cut off", "cut off"]


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_where_its_task_is_timed_already_nothing_counts_twice(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, kind: str
) -> None:
    """A web socket's is a component's own, on a port of its own; a request's is the server's."""
    monkeypatch.setattr("launcher.host.boundary.perf_counter", clock)

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        clock.work(1)
        await asyncio.sleep(0)
        clock.work(1)

    async def within() -> None:
        gate, boundary = opened(app), Boundary()
        boundary.draw("shop", Bounds(gate.measures, lambda _error: None))
        loop = asyncio.get_running_loop()
        if kind == "websocket":
            loop.set_task_factory(boundary.make_task)
            component.set("shop")
        await loop.create_task(ask(gate, kind))
        assert gate.measures.busy == 2

    run(within())
