"""One port that several components share, each under its prefix: what answers there, and each one's part of it.

The sockets are accepted on by one listener, which belongs to none of them; a request is its component's from where its
prefix is found. Knows sockets and gates; nothing of when components start or who orders it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from .composite import Composite
from .current import component
from .gate import Gate
from .listener import Listener

if TYPE_CHECKING:
    import socket

#: How long connections of a port that nobody has any more may take to close, in seconds.
_LAST_ANSWERS = 1.0


class Expected(Gate):
    """What answers under the prefix of a component that has not been started yet: 503, as for one that has failed."""

    strip = False

    def __init__(self, name: str, *, service: str, prefix: str) -> None:
        super().__init__(name)
        self.name = name
        self.service = service
        self.prefix = prefix.rstrip("/")


class Front(Composite):
    """A shared port, from its first component to its last. `title` is what its description calls the whole."""

    def __init__(self, sockets: list[socket.socket], *, title: str) -> None:
        super().__init__(title=title)
        self._sockets = sockets
        self._expected: dict[str, Expected] = {}
        self.listener = Listener(self._mounts, drain=_LAST_ANSWERS, is_shared=True)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is there, but for those that are only expected."""
        return self._names.keys() <= self._expected.keys()

    def expect(self, one: Expected) -> None:
        """Answer for a component until it comes, unless it is there."""
        if one.prefix not in self._names:
            self._expected[one.prefix] = one
            self.mount(one)

    def expect_no_more(self, name: str) -> None:
        """Answer for a component no more that has not come."""
        for one in [one for one in self._expected.values() if one.name == name]:
            del self._expected[one.prefix]
            self.unmount(one)

    def take_in(self, part: Part) -> None:
        """A component has come."""
        self._expected.pop(part.prefix, None)
        self.mount(part)

    async def accept(self) -> None:
        """Answer on the sockets from now on, as nobody's code: a connection may bring requests for any component."""
        if self.listener.started:
            return
        context = copy_context()
        context.run(component.set, None)
        await asyncio.get_running_loop().create_task(self.listener.open(self._sockets), context=context)

    async def close(self, drain: float = _LAST_ANSWERS) -> None:
        """Answer no more; requests in flight have so many seconds."""
        self.listener.config.timeout_graceful_shutdown = drain  # type: ignore[assignment]  # see Listener
        await self.listener.close()
        for one in self._sockets:
            one.close()


class Part:
    """What a component has of a shared port; in the place of a listener of its own, and an ASGI app."""

    def __init__(self, front: Front, gate: Gate, *, service: str, prefix: str, strip: bool, drain: float) -> None:
        self.front = front
        self._gate = gate
        self._drain = drain
        self.service = service
        self.prefix = prefix.rstrip("/")
        self.strip = strip
        self.started = False
        front.take_in(self)

    @property
    def openapi_url(self) -> str | None:
        """Where the app has its description."""
        return self._gate.openapi_url

    def look_at(self, app: Any) -> None:
        """See that all routes of an app can answer; raises CannotServe."""
        self.front.learn(self, app)

    def forget(self) -> None:
        """Its app has ended."""
        self.front.forget(self)

    async def open(self, _sockets: object = ()) -> None:
        """Answer from now on, whatever the gate lets in."""
        self.started = True
        await self.front.accept()

    async def close(self) -> None:
        """Let no more in, and return when requests in flight have ended or were cut off."""
        if not self.started:
            return
        self.started = False
        tenure = self._gate.tenure
        self._gate.shut("it has been asked to end")
        if tenure is not None:
            await tenure.emptied(self._drain)

    def leave(self) -> bool:
        """Be mounted no more; whether nobody is left."""
        self.front.unmount(self)
        return self.front.is_empty

    async def on_tick(self, counter: int) -> None:
        """As a listener has it."""
        await self.front.listener.on_tick(counter)

    def __call__(self, scope: Any, receive: Any, send: Any) -> Coroutine[Any, Any, None]:
        return self._gate(scope, receive, send)


class Fronts:
    """The shared ports of one process, by their addresses."""

    def __init__(self) -> None:
        self._fronts: dict[tuple[str, int], Front] = {}
        #: Who is expected on ports that nobody has yet.
        self._expected: dict[int, list[Expected]] = {}

    def expect(self, port: int, components: Iterable[Expected]) -> None:
        """Have all these answered for on a port from its first component on, until each is there itself."""
        fronts = [front for address, front in self._fronts.items() if address[1] == port]
        if not fronts:
            self._expected[port] = list(components)
        for front in fronts:
            for one in components:
                front.expect(one)

    def expect_no_more(self, name: str) -> None:
        """Have a component answered for no more that has not come."""
        for front in self._fronts.values():
            front.expect_no_more(name)

    def at(self, sockets: list[socket.socket], *, title: str) -> Front:
        """The port that these sockets, or others of the same address, are of; those not needed are closed."""
        address = sockets[0].getsockname()[:2]
        if address in self._fronts:
            for one in sockets:
                one.close()
        else:
            front = self._fronts[address] = Front(sockets, title=title)
            for expected in self._expected.pop(address[1], ()):
                front.expect(expected)
        return self._fronts[address]

    async def shut(self, drain: float) -> None:
        """Answer on none of them any more: who comes now waits on the socket for another process."""
        await asyncio.gather(*(front.close(drain) for front in self._fronts.values()))

    def drop(self, front: Front) -> None:
        """Nobody is left at a port."""
        self._fronts = {address: one for address, one in self._fronts.items() if one is not front}
