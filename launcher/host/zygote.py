"""The zygote: a process that has imported what several apps have in common, and forks for each start of one.

    ► fork    name, generation, target, paths, drain, directory, limits, identity, fds; its environment; a pipe, a gate,
              its sockets: see `birth`
    ◄ hello   group, pid, generation
    ◄ born    name, generation, pid           ◄ unborn  name, generation, why

It listens on a Unix socket, obeys the newest who connects, and does nothing else: no event loop, no thread, no
collection of garbage. A child's parent is whoever adopts orphans, the launcher: the process that forked it for the
zygote ends at once. So the kernel itself tells the launcher of a child's end, with the code, whatever has become of the
zygote. Knows the channel and fork(2); what a child does with itself is `birth`'s.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from .address import listen
from .birth import Order, begin, come_into_being
from .frames import pack
from .inbox import HungUp, Inbox
from .notify import generation, notify

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Zygote:
    """Listens at `path`."""

    def __init__(self, path: str, *, group: str) -> None:
        self._path = path
        self._listener = listen(path)
        self._listener.setblocking(True)
        self._group = group
        self._peer: socket.socket | None = None

    def fork_as_told(self) -> Order:
        """Until a signal ends this process; returns in each child, with what it is."""
        handlers = {number: signal.signal(number, self._end) for number in _ENDING}
        self._woken, waker = os.pipe()  # a signal that comes just before `poll` would not wake it
        os.set_blocking(waker, False)
        wakeup = signal.set_wakeup_fd(waker)
        gc.freeze()  # what has been imported stays: no collection, here or in a child, need touch its pages
        try:
            notify("READY=1")
        except OSError as error:
            sys.stderr.write(f"ready to fork, but $NOTIFY_SOCKET could not be told: {error}\n")
        order = None
        while order is None:
            order = self._turn()
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        os.close(self._woken)
        os.close(waker)
        self._hang_up()
        self._listener.close()
        begin(order)
        return order

    def _turn(self) -> Order | None:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        if self._peer is not None:
            poll.register(self._peer, select.POLLIN)
        for descriptor, _ in poll.poll():
            if descriptor == self._listener.fileno():
                self._accept()
            elif self._peer is not None and descriptor == self._peer.fileno():
                return self._hear(self._peer)
        return None

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        self._hang_up()
        self._peer = peer
        self._inbox = Inbox(peer)
        self._say("hello", group=self._group, pid=os.getpid(), generation=generation())

    def _hear(self, peer: socket.socket) -> Order | None:
        try:
            frames = self._inbox.take()
        except HungUp:
            self._hang_up()
            return None
        for head, payload in frames:
            if self._peer is not peer:
                break  # it has hung up since: nobody would hear of the rest
            taken = [self._inbox.descriptor() for _ in range(head.get("fds", 0))]
            if head["kind"] == "fork":
                order = Order.of(head, payload, taken)
                if self._fork(order):
                    return order
                order.close()
        return None

    def _fork(self, order: Order) -> bool:
        """Fork, and tell of it; True in the child."""
        answers, answer = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # our way to end is not the child's
        try:
            between = os.fork()
            if not between:
                os.close(answers)
                return _fork_again(order, answer)
            os.waitpid(between, 0)
            told = {}
        except OSError as error:
            told = _refusal(error)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        os.close(answer)
        with open(answers, "rb") as pipe:  # noqa: PTH123  (a descriptor)
            told = told or json.loads(pipe.read() or b'{"why": "it ended before it began"}')
        self._say("unborn" if "why" in told else "born", name=order.name, generation=order.generation, **told)
        return False

    def _end(self, *_: object) -> None:
        with suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108  (pathlib is a megabyte that an app may not need)
        os._exit(0)

    def _say(self, kind: str, **about: Any) -> None:
        if self._peer is None:
            return
        try:
            self._peer.sendall(pack(kind, **about))
        except OSError:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None
            self._inbox.close()


def _fork_again(order: Order, answer: int) -> bool:
    """Leave a child to whoever adopts orphans; what becomes of it is answered. Returns in that child alone."""
    try:
        if os.fork():
            os._exit(0)
        come_into_being(order)
    except Exception as error:  # noqa: BLE001  (whatever it is, the zygote is to tell of it)
        os.write(answer, json.dumps(_refusal(error)).encode())
        os._exit(1)
    os.write(answer, json.dumps({"pid": os.getpid()}).encode())
    os.close(answer)
    return True


def _refusal(error: Exception) -> dict[str, str]:
    return {"why": error.strerror or str(error) if isinstance(error, OSError) else str(error)}
