"""The engine's end of the line to one host: what can be said to it, and what is heard, in types.

Knows the host's words (`host/channel`), nothing of plans or of other hosts.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec
from msgspec import Struct

from launcher.engines.line import Line
from launcher.host.frames import pack
from launcher.orchestrator.events import Exited, Meddled, NotRenewed, Renewed, Risen
from launcher.orchestrator.orders import Launch, Run

_CREDENTIALS = struct.Struct("iII")


class Expected(Struct, frozen=True):
    """A component that is to be under a prefix of a port."""

    name: str
    service: str
    prefix: str


class Measured(Struct, frozen=True, kw_only=True):
    """What a component has done since it was first started in this host; times in seconds."""

    instance: str = ""
    requests: int = 0
    #: Answers of 500 and above, and 503 in its place.
    errors: int = 0
    #: From each request to the end of its answer, added up.
    seconds: float = 0.0
    under_way: int = 0
    #: How long its code has kept the event loop.
    busy: float = 0.0
    #: By how much that loop was late at worst in the last 10 s.
    lag: float = 0.0


class Running(Struct, frozen=True):
    """What runs in a host that was there before: since when (wall clock), and whether it has said that it is ready.

    `pipe` is what its output is read from, the hearer's to close; -1: nobody can read that.
    """

    run: Run
    since: float
    is_up: bool
    pipe: int


#: What ends a component with its host, when nobody asked it to end.
HOST = "host"

#: `told`: all that runs was told; `measured`: all was told; `taken`: it has come in the place of another host.
Heard = Running | Exited | Meddled | Renewed | NotRenewed | Risen | Measured | Literal["told", "measured", "taken"]


class HostLine(Line):
    """A connection to the host that listens at `path`; raises Lost, here and in all it does."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        #: The shared ports of which this host knows who is to be on them.
        self.known_ports: set[int] = set()
        self.pid = _peer_of(self._sock)
        #: Which start of the host this is, once it has said so; 0: none of a launcher's.
        self.generation = 0
        self._stopped: set[Run] = set()

    def hear(self) -> list[Heard]:
        """What has been said since."""
        return [heard for head, payload in self.take() for heard in self._understood(head, payload)]

    def start(self, launch: Launch, pipe: tuple[int, int], held: socket.socket | None) -> None:
        """Have a component started, its output in `pipe`: the end to write to, and the one that is read."""
        descriptors = [*pipe, *([held.fileno()] if held is not None else [])]
        env = json.dumps(dict(launch.env)).encode()  # msgspec refuses what is no UTF-8
        self.say(_order("start", launch, descriptors, env), descriptors)

    def expect(self, port: int, components: Sequence[Expected]) -> None:
        """Have these answered for on a port that they share, until each is started; said once is enough."""
        if port not in self.known_ports:
            self.known_ports.add(port)
            self.say(pack("expect", msgspec.json.encode(components), port=port))

    def renew(self, launch: Launch) -> None:
        """Have a component started anew beside itself."""
        self.say(_order("renew", launch, [], msgspec.json.encode(launch.env)))

    def stand_in(self, launch: Launch, held: socket.socket, why: str) -> None:
        """Have a component that has failed answered for."""
        self.say(_order("stand_in", launch, [held.fileno()], why=why), [held.fileno()])

    def stop(self, run: Run) -> None:
        """Have a component drained and ended."""
        self._stopped.add(run)
        self.say(pack("stop", name=run.instance, generation=run.generation))

    def heard(self, run: Run) -> None:
        """Say that the end of a component has been heard, and all that it printed."""
        self.say(pack("heard", name=run.instance, generation=run.generation))

    def release(self, instance: str) -> None:
        """Have a component that has failed answered for no more."""
        self.say(pack("release", name=instance))

    def take_place(self) -> None:
        """Have it come in the place of the host beside which it began; `taken` follows."""
        self.say(pack("take_place"))

    def leave(self) -> None:
        """Have it drain and end: another host has come in its place."""
        self.say(pack("leave"))

    def measure(self) -> None:
        """Ask what each component has done."""
        self.say(pack("measure"))

    def _ended(self, run: Run, head: dict[str, Any]) -> Exited:
        is_with_host = head["asked"] and run not in self._stopped
        self._stopped.discard(run)
        cause, why = HOST if is_with_host else "", head["why"]
        more = {"unshareable": head["unshareable"], "spoilt": head["spoilt"]}
        return Exited(run.instance, run.generation, head["code"], why, cause, **more)

    def _understood(self, head: dict[str, Any], payload: bytes) -> Iterator[Heard]:
        match head["kind"]:
            case "hello":
                self.pid, self.generation = head["pid"], head["generation"]
            case "runs":
                pipe = self.descriptor() if head["fds"] else -1
                yield Running(Run(head["name"], head["generation"]), head["since"], head["is_up"], pipe)
            case "told" | "taken" as word:
                yield word
            case "ended":
                yield self._ended(Run(head["name"], head["generation"]), head)
            case "renewed":
                yield _renewal(head)
            case "risen":
                yield Risen(head["name"], head["generation"] - 1)
            case "noted":
                yield Meddled(head["name"], head["generation"], head["text"])
            case "measures":
                for name, told in msgspec.json.decode(payload).items():
                    yield msgspec.convert({**told, "instance": name}, Measured)
                yield "measured"


def _order(kind: str, launch: Launch, descriptors: list[int], payload: bytes = b"", **more: str) -> bytes:
    app = launch.app
    assert app is not None
    return pack(
        kind,
        payload,
        name=launch.instance,
        generation=launch.generation,
        target=app.target,
        paths=app.paths,
        drain=app.drain,
        stop_timeout=app.stop_timeout,
        ready_timeout=app.ready_timeout,
        prefix=app.prefix,
        strip_prefix=app.strip_prefix,
        is_held=app.is_beside,
        fds=len(descriptors),
        **more,
    )


def _renewal(head: dict[str, Any]) -> Renewed | NotRenewed:
    name, before, why = head["name"], head["generation"] - 1, head["why"]
    return Renewed(name, before, why) if head["is_done"] else NotRenewed(name, before, why, head["needs_process"])


def _peer_of(sock: socket.socket) -> int:
    """The process that listens at the other end, where the system tells; it says so itself, a moment later."""
    if sys.platform == "linux":
        with suppress(OSError):
            told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            return int(_CREDENTIALS.unpack(told)[0])
    return os.getpid()
