"""What is exercised once before any fork, so that no child has to.

Modules are imported at first use, caches are filled, and Python 3.11 rewrites bytecode as it runs: each child would do
so on pages of its own. A few requests are served over a connection of this process with itself, in an event loop that
is closed again. It leaves no thread. What goes wrong here is left to the children, who will meet it and tell.
Knows uvicorn, FastAPI and pydantic; nothing of forks.
"""

# No `from __future__ import annotations`: FastAPI and pydantic would not find the classes of a function.

import asyncio
import logging
import socket
import sys
from contextlib import suppress
from typing import Any

from .gate import Gate, Tenure
from .listener import Listener, loop_factory

#: Bytecode is rewritten when it has run eight times.
_ROUNDS = 10
_REQUESTS = (
    b"GET /?number=1 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
    b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"number": 1}',
)
#: In seconds; it takes a tenth.
_PATIENCE = 5.0


def warm() -> None:
    """Serve some requests with the frameworks that have been imported."""
    app = _plain
    if "fastapi" in sys.modules:
        with suppress(Exception):
            app = _fastapi()
    disabled = logging.root.manager.disable
    logging.disable()
    with suppress(Exception), asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(asyncio.wait_for(_serve(app), _PATIENCE))
    logging.disable(disabled)


async def _serve(app: Any) -> None:
    gate = Gate("warm")
    gate.open(Tenure(app, {}))
    listener = Listener(gate, drain=1.0)
    # The protocol is said so that asyncio sets TCP_NODELAY: each answer would wait 40 ms for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        await listener.open([bound])
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        for request in _ROUNDS * _REQUESTS:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
        writer.close()
        await writer.wait_closed()
        await listener.close()


async def _plain(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _fastapi() -> Any:
    import anyio._backends._asyncio  # noqa: F401, PLC0415  (imported by the first `def` that is no `async def`)
    from fastapi import FastAPI  # noqa: PLC0415  (only where an app has it)
    from pydantic import BaseModel  # noqa: PLC0415  (as above)

    class Model(BaseModel):
        number: int = 0
        text: str = ""
        models: list[dict[str, int]] = []

    async def answer(number: int = 0, text: str = "") -> Model:
        return Model(number=number, text=text)

    async def take(model: Model) -> Model:
        return model

    app = FastAPI()
    app.get("/")(answer)
    app.post("/")(take)
    app.openapi()
    return app
