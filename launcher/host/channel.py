"""The line between a host of many components and whoever commands it: a Unix socket on which the host listens.

    ► start   name, generation, target, paths, drain, stop_timeout, prefix, strip_prefix, fds; its environment;
              a pipe and its sockets
    ► renew   as start, without descriptors: begin beside the one that runs, and come in its place when ready
    ► stop    name, generation            ► release  name            ► stand_in  as start, why; its sockets
    ► expect  port; name, service and prefix of each component that is to be on it
    ► measure
    ◄ hello   group, pid                  ◄ runs     name, generation, since, for each that runs; then ◄ told
    ◄ ended   name, generation, code, why, asked, unshareable       ◄ measures  of each
    ◄ renewed  name, generation, why, is_done, needs_process
    ◄ noted   name, generation, text: what it did to the others

One who commands at a time: the newest. It is told what runs, so that one who comes back can go on. Lives in the event
loop's thread; knows the words and the host, nothing of apps.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .address import listen
from .frames import Unpacker, pack
from .front import Expected
from .hosting import Host
from .place import Order

if TYPE_CHECKING:
    from .component import Ending
    from .renewal import Renewal

_AT_ONCE = 1 << 18
_MOST_DESCRIPTORS = 64
#: What may wait for one who does not read, in bytes; a few hundred messages.
_BUFFER = 1 << 20


class Channel:
    """Obeys whoever connects at `path`, and tells of ends."""

    def __init__(self, path: str, *, group: str) -> None:
        self._listener = listen(path)
        self._path = path
        self._inode = os.stat(path).st_ino  # noqa: PTH116  (pathlib is a megabyte that an app may not need)
        self._group = group
        self._peer: socket.socket | None = None
        self._host: Host
        self._loop: asyncio.AbstractEventLoop

    def open(self, host: Host) -> None:
        """Begin to listen, in the running loop."""
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Hang up; nobody finds the socket any more, unless another host listens there by now."""
        with suppress(FileNotFoundError):
            if os.stat(self._path).st_ino == self._inode:  # noqa: PTH116  (as above)
                os.unlink(self._path)  # noqa: PTH108  (as above)
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._hang_up()

    def ended(self, name: str, generation: int, ending: Ending) -> None:
        """Tell how a component ended."""
        self._say("ended", name=name, generation=generation, **ending._asdict())

    def noted(self, name: str, generation: int, text: str) -> None:
        """Tell what a component did to the others."""
        self._say("noted", name=name, generation=generation, text=text)

    def renewed(self, name: str, generation: int, what: Renewal) -> None:
        """Tell what came of having a component renewed."""
        self._say("renewed", name=name, generation=generation, **what._asdict())

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return  # it has hung up already
        self._hang_up()
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._peer = peer
        self._frames = Unpacker()
        self._taken: deque[int] = deque()
        self._loop.add_reader(peer, self._hear, peer)
        self._say("hello", group=self._group, pid=os.getpid())
        for name, place in self._host.running():
            self._say("runs", name=name, generation=place.generation, since=place.since)
        self._say("told")

    def _hear(self, peer: socket.socket) -> None:
        try:
            data, descriptors, _flags, _address = socket.recv_fds(peer, _AT_ONCE, _MOST_DESCRIPTORS)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        self._taken.extend(descriptors)
        if not data:
            self._hang_up()
            return
        for head, payload in self._frames.feed(data):
            taken = [self._taken.popleft() for _ in range(head.get("fds", 0))]
            self._obey(head, payload, taken)

    def _obey(self, head: dict[str, Any], payload: bytes, descriptors: list[int]) -> None:
        match head["kind"]:
            case "start":
                pipe, *rest = descriptors
                self._host.start(_order(head, payload), [socket.socket(fileno=one) for one in rest], pipe)
            case "stand_in":
                held = [socket.socket(fileno=one) for one in descriptors]
                self._host.stand_in(_order(head, payload), held, head["why"])
            case "renew":
                self._host.renew(_order(head, payload))
            case "expect":
                self._host.expect(head["port"], [Expected(**one) for one in json.loads(payload)])
            case "stop":
                self._host.stop(head["name"], head["generation"])
            case "release":
                self._host.release(head["name"])
            case "measure":
                self._say("measures", json.dumps(self._host.measures()).encode())

    def _say(self, kind: str, payload: bytes = b"", **about: object) -> None:
        if self._peer is None:
            return
        try:
            self._peer.sendall(pack(kind, payload, **about))
        except OSError:  # gone, or it does not read: it will come back and ask
            self._hang_up()

    def _hang_up(self) -> None:
        if self._peer is None:
            return
        peer, self._peer = self._peer, None
        self._loop.remove_reader(peer)
        peer.close()
        while self._taken:
            os.close(self._taken.popleft())


def _order(head: dict[str, Any], payload: bytes) -> Order:
    return Order(
        name=head["name"],
        generation=head["generation"],
        target=head["target"],
        paths=tuple(head["paths"]),
        environment=json.loads(payload or b"{}"),
        drain=head["drain"],
        stop_timeout=head["stop_timeout"],
        ready_timeout=head["ready_timeout"],
        prefix=head["prefix"],
        strip_prefix=head["strip_prefix"],
    )
