"""Health endpoints by the hundred in one process: `/0` to `/N`, each request noted with its time.

Run as a path: `endpoints.py NOTES`. Prints its port; from SIGUSR1 on the first 50 hang; at SIGTERM it writes its notes,
a line `PATH NANOSECONDS` for each request, and ends. Knows nothing of who asks.
"""

from __future__ import annotations

import selectors
import signal
import socket
import sys
import time
from pathlib import Path

HANGING = 50
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Endpoints:
    """One thread over one selector."""

    def __init__(self) -> None:
        self.notes: list[tuple[int, int]] = []
        self.hanging = 0
        self.ended = False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)

    def hang(self, *_: object) -> None:
        self.hanging = HANGING

    def end(self, *_: object) -> None:
        self.ended = True

    def serve(self) -> None:
        while not self.ended:
            for key, _ in self.selector.select(0.2):
                if key.fileobj is self.listener:
                    self.accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self.answer(key.fileobj)

    def accept(self) -> None:
        try:
            while True:
                peer, _ = self.listener.accept()
                peer.setblocking(False)
                self.selector.register(peer, selectors.EVENT_READ)
        except BlockingIOError:
            pass

    def answer(self, peer: socket.socket) -> None:
        try:
            request = peer.recv(8192)
        except OSError:
            request = b""
        if request:
            path = int(request.split(b" ", 2)[1].lstrip(b"/"))
            self.notes.append((path, time.monotonic_ns()))
            if path < self.hanging:
                return  # until the other end gives up
            peer.send(ANSWER)
        self.selector.unregister(peer)
        peer.close()


if __name__ == "__main__":
    endpoints = Endpoints()
    signal.signal(signal.SIGUSR1, endpoints.hang)
    signal.signal(signal.SIGTERM, endpoints.end)
    print(endpoints.listener.getsockname()[1], flush=True)
    endpoints.serve()
    with Path(sys.argv[1]).open("w", encoding="ascii") as notes:
        notes.writelines(f"{path} {at}\n" for path, at in endpoints.notes)
