"""What a component is started with, and the place where it lives: its sockets, and the gate that answers on them.

Knows sockets, gates and listeners; nothing of when components start or how they end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .current import Start
from .description import Description
from .front import Front, Fronts, Part
from .listener import Listener
from .turnstile import Turnstile

if TYPE_CHECKING:
    import asyncio
    import socket

    from .component import Component, Ending


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a component is started with. Times are in seconds."""

    name: str
    generation: int
    target: str
    paths: tuple[str, ...]
    environment: Mapping[str, str]
    drain: float
    stop_timeout: float
    #: How long it may take to be ready, where it starts beside one of its name.
    ready_timeout: float = 60.0
    #: Where it is mounted on a port that others may share; None: the port is its own.
    prefix: str | None = None
    strip_prefix: bool = False
    #: Whether it answers nobody before its process has taken the place of another.
    is_held: bool = False

    @property
    def start(self) -> Start:
        """As whose code it runs."""
        return Start(self.name, self.generation)

    @property
    def described(self) -> Description:
        """What is known of the component before its code is."""
        directory, *further = self.paths
        return Description(self.name, self.target, directory, tuple(further), environment=self.environment)


class Place:
    """Where a component lives: its sockets, and the gate that answers on them whether it is there or not."""

    def __init__(self, order: Order, sockets: list[socket.socket], fronts: Fronts) -> None:
        self.gate = Turnstile(order.name)
        self.sockets = sockets
        self.part: Part | None = None
        if order.prefix is not None and sockets:
            self.part = _part(order, self.gate, fronts.at(sockets, title=order.environment.get("LAUNCHER_PROFILE", "")))
            self.sockets = []
        self.listener: Listener | Part = self.part or Listener(self.gate, drain=order.drain, is_shared=True)
        #: The latest start.
        self.order = order
        self.generation = order.generation
        self.since = time.time()
        self.component: Component | None = None
        #: Done when the component has ended.
        self.life: asyncio.Future[None] | None = None
        #: The next start, beside this one until it is ready; and how this one ended, where it did so meanwhile.
        self.coming: Component | None = None
        self.ending: Ending | None = None
        #: Whether nobody is answered here: another process does so, in whose place this one is yet to come.
        self.is_held = False

    async def accept(self) -> None:
        """Answer on the sockets from now on, unless they are another process's for the time being."""
        if not self.listener.started and not self.is_held:
            await self.listener.open(self.sockets)

    async def close(self) -> None:
        """Answer no more."""
        await self.listener.close()
        for one in self.sockets:
            one.close()


def _part(order: Order, gate: Turnstile, front: Front) -> Part:
    return Part(
        front,
        gate,
        service=order.environment.get("LAUNCHER_SERVICE", order.name),
        prefix=order.prefix or "",
        strip=order.strip_prefix,
        drain=order.drain,
    )
