"""Two apps that share a process, and tell what it does: an answer, a line, the end of all."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from http.client import HTTPConnection

#: `/print/WORD` prints, `/end` ends the process, `/env/NAME` tells a variable, `/child` leaves one that sleeps.
SOURCE = """
import os, subprocess, sys

print("imported")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("ended in order")
        await send({"type": "lifespan.shutdown.complete"})
        return
    _, what, *rest = scope["path"].removeprefix(scope.get("root_path", "")).split("/") + [""]
    body = __name__
    if what == "print":
        print(rest[0])
    elif what == "flood":
        for number in range(int(rest[0])):
            print(f"line {number} " + "x" * 90)
    elif what == "env":
        body = os.environ.get(rest[0], "")
    elif what == "child":
        body = str(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
    elif what == "end":
        os._exit(3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})
"""
NAMES = ("catalog", "orders")


def write(
    project, *, mode: str = "single", top: str = "", keys: str = "", others: str = "depends_on = ['catalog']"
) -> None:
    """The two apps; `top` stands below [launcher], `keys` below catalog, `others` below orders.

    With a prefix both have catalog's port.
    """
    with ExitStack() as stack:  # an export asks for no port whether it is free
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in NAMES]
        catalog, orders = (one.getsockname()[1] for one in taken)
    if "prefix" in keys:
        orders = catalog
    project.profile(
        f"[launcher]\nmode = '{mode}'\n{top}\n[defaults]\nstop.drain = 1\n"
        "restart = { delay = 0.02, burst = 3 }\n"
        f"[services.catalog]\napp = 'catalog:app'\nport = {catalog}\n{keys}\n"
        f"[services.orders]\napp = 'orders:app'\nport = {orders}\n{others}\n"
    )
    for name in NAMES:
        project.file(f"{name}.py", SOURCE)


def get(view, path: str = "/") -> str:
    """What an instance, as `status` has it, answers."""
    connection = HTTPConnection("127.0.0.1", view["port"], timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        return text
    finally:
        connection.close()
