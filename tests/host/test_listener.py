"""A listener that closes loses nobody whom it has accepted."""

from __future__ import annotations

import asyncio
import socket

import pytest

from launcher.host.listener import Listener


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def opened(served, *, drain):
    """A listener on a port of its own, and its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    listener = Listener(served, drain=drain)
    await listener.open([listening])
    return listener, listening.getsockname()


async def turn():
    """As long as the loop needs for what is at hand."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.slow
@pytest.mark.parametrize("turns", range(5))
def test_a_connection_that_comes_just_before_the_end_is_not_left_hanging(turns):
    """Whatever step of being accepted it is at, it is answered or hung up on: asyncio would forget it."""

    async def close_meanwhile() -> bytes:
        listener, address = await opened(app, drain=1)
        with socket.socket() as client:
            client.connect(address)  # the kernel takes it; nobody here has yet
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await listener.close()
            loop = asyncio.get_running_loop()
            try:
                return await asyncio.wait_for(loop.sock_recv(client, 100), 5)
            except ConnectionResetError:
                return b""

    assert asyncio.run(close_meanwhile()) == b""


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["at once", "when the end has begun", "never"])
def test_who_has_been_accepted_may_ask_once(asked):
    """He is answered, and hung up on; who does not ask is hung up on after a while."""

    async def close_meanwhile() -> bytes:
        listener, address = await opened(app, drain=5)
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, address)
            await turn()
            assert len(listener.server_state.connections) == 1
            closing = asyncio.ensure_future(listener.close())
            if asked == "when the end has begun":
                await turn()
            if asked != "never":
                await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while data := await asyncio.wait_for(loop.sock_recv(client, 1000), 5):
                answer += data
            await closing
            return answer

    answer = asyncio.run(close_meanwhile())
    if asked == "never":
        assert answer == b""
    else:
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (b"connection: close\r\n" in answer) is (asked == "when the end has begun")
        assert answer.endswith(b"hello\r\n0\r\n\r\n")


@pytest.mark.parametrize("is_old", [True, False])
def test_who_was_accepted_long_ago_and_never_asked_is_hung_up_on_at_once(is_old):
    """As is everybody who is idle: nothing but the loop's turns passes."""

    async def close() -> bool:
        listener, address = await opened(app, drain=5)
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, address)
            await turn()
            (connection,) = listener.server_state.connections
            if is_old:
                connection._since -= 2
            closing = asyncio.ensure_future(listener.close())
            await turn()
            is_closed = closing.done()
            client.close()
            await closing
            return is_closed

    assert asyncio.run(close()) is is_old


def test_the_end_waits_for_the_last_answer_and_no_longer():
    """It is told of that, and looks at no clock."""
    goes_on = asyncio.Event()

    async def slow(scope, receive, send):
        await goes_on.wait()
        await app(scope, receive, send)

    async def close() -> tuple[bool, bytes]:
        listener, address = await opened(slow, drain=5)
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, address)
            await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await turn()
            closing = asyncio.ensure_future(listener.close())
            await turn()
            was_closed = closing.done()
            goes_on.set()
            await turn()
            assert closing.done()
            return was_closed, await loop.sock_recv(client, 1000)

    was_closed, answer = asyncio.run(close())
    assert not was_closed
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
