"""A listener that closes loses nobody whom it has accepted."""

from __future__ import annotations

import asyncio
import socket

import pytest

from launcher.host.listener import Listener


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize("turns", range(5))
def test_a_connection_that_comes_just_before_the_end_is_not_left_hanging(turns):
    """Whatever step of being accepted it is at, it is answered or hung up on: asyncio would forget it."""

    async def close_meanwhile() -> bytes:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        listener = Listener(app, drain=1)
        await listener.open([listening])
        with socket.socket() as client:
            client.connect(listening.getsockname())  # the kernel takes it; nobody here has yet
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
