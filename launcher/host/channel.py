"""The line between a host of many components and whoever commands it: a Unix socket on which the host listens.

    ► start   name, generation, target, paths, drain, stop_timeout, prefix, strip_prefix, fds; its environment;
              both ends of a pipe and its sockets
    ► renew   as start, without descriptors: begin beside the one that runs, and come in its place when ready
    ► stop    name, generation            ► release  name            ► stand_in  as start, why; its sockets
    ► expect  port; name, service and prefix of each component that is to be on it
    ► heard   name, generation: how it ended, and all that it printed
    ► measure                             ► take_place               ► leave
    ◄ hello   group, pid, generation      ◄ runs     name, generation, since, is_up, for each that runs, and the end
                                                     from which its pipe is read; then ◄ told
    ◄ ended   name, generation, code, why, asked, unshareable, spoilt
    ◄ measures  of each
    ◄ renewed  name, generation, why, is_done, needs_process
    ◄ noted   name, generation, text: what it did to the others

A process may begin beside another that listens at the same path. What is started in it with is_held answers nobody
(◄ risen: it could), until it is told to take the place of the other (◄ taken: all answer); that one is told to leave.

One who commands at a time: the newest. It is told what runs, and of each end of which nobody has said that he heard, so
that one who comes back can go on. Lives in the event loop's thread; knows the words and the host, nothing of apps.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .address import beside, listen, listen_beside, take_place
from .blame import Blame
from .frames import pack
from .front import Expected
from .hosting import Host
from .inbox import HungUp, Inbox
from .notify import generation
from .place import Order

if TYPE_CHECKING:
    from .component import Ending
    from .output import Output
    from .renewal import Renewal

#: What may wait for one who does not read, in bytes; a few hundred messages.
_BUFFER = 1 << 20
#: By this the launcher knows what descends from its processes (`engines/descent`); a component's children are the
#: host's, whoever commands it at the time.
_MARK = "LAUNCHER_MARK"


class Channel:
    """Obeys whoever connects at `path`, and tells of ends."""

    def __init__(self, path: str, output: Output, blame: Blame, *, group: str, is_beside: bool = False) -> None:
        self._output = output
        self._blame = blame
        self._mark = {name: value for name, value in os.environ.items() if name == _MARK}
        #: How components ended, as far as nobody has said that he heard it: who commands may be about to die.
        self._unheard: dict[str, tuple[int, Ending]] = {}
        self._listener = listen_beside(path) if is_beside else listen(path)
        #: Where it can be found, and is to be found once it has taken the place of another.
        self._path = beside(path) if is_beside else path
        self._place = path
        self._inode = os.stat(self._path).st_ino  # noqa: PTH116  (pathlib is a megabyte that an app may not need)
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
        self._part()  # whoever commands has the other ends of the pipes, and reads on

    def ended(self, name: str, generation: int, ending: Ending) -> None:
        """Tell how a component ended, and the next who commands again, until one has said that it was heard."""
        self._unheard[name] = (generation, ending)
        self._say("ended", name=name, generation=generation, **ending._asdict())

    def noted(self, name: str, generation: int, text: str) -> None:
        """Tell what a component did to the others."""
        self._say("noted", name=name, generation=generation, text=text)

    def renewed(self, name: str, generation: int, what: Renewal) -> None:
        """Tell what came of having a component renewed."""
        self._say("renewed", name=name, generation=generation, **what._asdict())

    def risen(self, name: str, generation: int) -> None:
        """Tell that a component could answer, which is held until this process has taken the place of another."""
        self._say("risen", name=name, generation=generation)

    def taken(self) -> None:
        """Tell that all of them answer."""
        self._say("taken")

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return  # it has hung up already
        self._hang_up()
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._peer = peer
        self._inbox = Inbox(peer)
        self._loop.add_reader(peer, self._hear, peer)
        self._output.is_read_by(peer)
        self._say("hello", group=self._group, pid=os.getpid(), generation=generation())
        for name, place in self._host.running():
            is_up = place.component is not None and place.component.is_served
            self._tell_running(name, place.generation, place.since, is_up=is_up)
        for name, (ended, _) in self._unheard.items():
            self._tell_running(name, ended, time.time(), is_up=False)
        self._say("told")
        for name, (ended, ending) in self._unheard.items():
            self.ended(name, ended, ending)

    def _heard(self, name: str, generation: int) -> None:
        if self._unheard.get(name, (0,))[0] == generation:
            del self._unheard[name]
            self._output.forget(name)

    def _tell_running(self, name: str, generation: int, since: float, *, is_up: bool) -> None:
        reading = self._output.reading_of(name)
        pipe = [reading] if reading >= 0 else []
        self._say("runs", descriptors=pipe, name=name, generation=generation, since=since, is_up=is_up, fds=len(pipe))

    def _hear(self, peer: socket.socket) -> None:
        try:
            frames = self._inbox.take()
        except HungUp:
            self._hang_up()
            return
        for head, payload in frames:
            if self._peer is not peer:
                break  # it has hung up since: nobody would hear of the rest
            self._obey(head, payload, [self._inbox.descriptor() for _ in range(head.get("fds", 0))])

    def _obey(self, head: dict[str, Any], payload: bytes, descriptors: list[int]) -> None:
        match head["kind"]:
            case "start" | "stand_in" | "renew":
                self._put(head, payload, descriptors)
            case "expect":
                self._host.expect(head["port"], [Expected(**one) for one in json.loads(payload)])
            case "heard":
                self._heard(head["name"], head["generation"])
            case "stop":
                self._host.stop(head["name"], head["generation"])
            case "release":
                self._host.release(head["name"])
            case "take_place":
                self._take_place()
            case "leave":
                os.kill(os.getpid(), signal.SIGTERM)  # to itself alone: what its components started goes on with them
            case "measure":
                self._say("measures", json.dumps(self._host.measures()).encode())

    def _put(self, head: dict[str, Any], payload: bytes, descriptors: list[int]) -> None:
        """A component, or what answers for it, is to come into its place."""
        match head["kind"]:
            case "start":
                writing, reading, *rest = descriptors
                order = _order(head, payload, self._mark)
                self._unheard.pop(order.name, None)
                self._host.start(order, [socket.socket(fileno=one) for one in rest], (writing, reading))
            case "stand_in":
                held = [socket.socket(fileno=one) for one in descriptors]
                self._host.stand_in(_order(head, payload, {}), held, head["why"])
            case "renew":
                self._host.renew(_order(head, payload, self._mark))

    def _take_place(self) -> None:
        take_place(self._place)
        self._path = self._place
        self._blame.move(self._place)
        self._host.take_place()

    def _say(self, kind: str, payload: bytes = b"", *, descriptors: Sequence[int] = (), **about: object) -> bool:
        """Say something; False: nobody hears it."""
        if self._peer is None:
            return False
        frame = pack(kind, payload, **about)
        try:
            sent = socket.send_fds(self._peer, [frame], descriptors) if descriptors else 0
            self._peer.sendall(frame[sent:])
        except OSError:  # gone, or it does not read: it will come back and ask
            self._hang_up()
            return False
        return True

    def _hang_up(self) -> None:
        self._output.is_read_by(None)
        self._part()

    def _part(self) -> None:
        if self._peer is None:
            return
        peer, self._peer = self._peer, None
        self._loop.remove_reader(peer)
        with suppress(OSError):
            peer.shutdown(socket.SHUT_RDWR)  # for whoever waits that it reads, too
        peer.close()
        self._inbox.close()


def _order(head: dict[str, Any], payload: bytes, mark: Mapping[str, str]) -> Order:
    return Order(
        name=head["name"],
        generation=head["generation"],
        target=head["target"],
        paths=tuple(head["paths"]),
        environment={**json.loads(payload or b"{}"), **mark},
        drain=head["drain"],
        stop_timeout=head["stop_timeout"],
        ready_timeout=head["ready_timeout"],
        prefix=head["prefix"],
        strip_prefix=head["strip_prefix"],
        is_held=head.get("is_held", False),
    )
