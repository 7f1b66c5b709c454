"""Held sockets of which several instances may hold one together: a port with a component under each of its prefixes.

Knows instances' names and ports; nothing of prefixes or processes. Used by the loop's thread only.
"""

from __future__ import annotations

import socket

from launcher.engines.sockets import HeldSockets
from launcher.orchestrator.orders import HeldSocket


class SharedSockets:
    """The sockets held: each by one instance, or by all that asked for its port as a shared one."""

    def __init__(self, sockets: HeldSockets | None = None) -> None:
        #: May be those of another engine too: what an instance holds alone it holds under its own name.
        self._sockets = sockets if sockets is not None else HeldSockets()
        #: Under which name each instance holds what it holds.
        self._names: dict[str, str] = {}
        #: By port, who was the first to ask for it as a shared one, and how. What is shared is held under its name, so
        #: that another engine finds it there if that one is all that is left.
        self._first: dict[int, tuple[str, tuple[HeldSocket, ...]]] = {}

    def hold(
        self, instance: str, wanted: tuple[HeldSocket, ...], *, label: str, is_shared: bool
    ) -> socket.socket | None:
        """The socket of `instance`, bound now unless it, or one it is shared with, holds it; None: none is wanted."""
        name = instance
        if is_shared and wanted:
            name, wanted = self._first.setdefault(wanted[0].port, (instance, wanted))
        if self._names.get(instance, name) != name:
            self.release(instance)
        held = self._sockets.hold(name, wanted, label=label)
        self._names[instance] = name
        return held

    def take_over(self, instance: str, port: int, *, is_shared: bool) -> None:
        """Hold for `instance`, too, what a launcher before has left of its port."""
        found = self._sockets.at(port)
        if found is None:
            return
        name, wanted = found
        if is_shared:
            self._first[port] = (name, (wanted,))
        if is_shared or name == instance:
            self._names[instance] = name

    def release(self, instance: str) -> None:
        """Close what is held for `instance`, unless others hold it too."""
        name = self._names.pop(instance, "")
        if name not in self._names.values():
            self._sockets.release(name)
            self._first = {port: first for port, first in self._first.items() if first[0] != name}

    def hand_over(self, instance: str) -> None:
        """Hold nothing for `instance` any more; what it held alone stays, for whoever holds it under its name."""
        name = self._names.get(instance, "")
        if name == instance:
            del self._names[instance]
        else:
            self.release(instance)

    def close(self) -> None:
        """Close all."""
        self._sockets.close()
