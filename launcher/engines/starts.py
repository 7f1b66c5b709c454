"""The last start of each component whose socket is held, with a copy of that, and why those that failed did.

So that a host can answer for who has failed, this one or the next, and for who has not come yet.
Belongs to the reader's thread; knows launches and sockets, nothing of what runs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from launcher.engines.hostline import Expected

if TYPE_CHECKING:
    import socket

    from launcher.engines.hostline import HostLine
    from launcher.orchestrator.orders import Launch
    from launcher.plan.model import Plan


def say_start(plan: Plan, line: HostLine, launch: Launch, pipe: tuple[int, int], held: socket.socket | None) -> None:
    """Have a component started, and before the first on a shared port, its neighbours there answered for."""
    if launch.app is not None and launch.app.prefix is not None and held is not None:
        port = launch.sockets[0].port
        components = [one for one in plan.components_of(launch.app.group) if one.port == port]
        prefixes = {one.name: plan.services[one.service].prefix for one in components}
        line.expect(
            port, [Expected(one.name, one.service, at) for one in components if (at := prefixes[one.name]) is not None]
        )
    line.start(launch, pipe, held)


class Starts:
    """By instance. The sockets are ours to close."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Launch, socket.socket]] = {}
        self._failed: dict[str, str] = {}

    @property
    def ports(self) -> set[int]:
        """The ports that are held."""
        return {launch.sockets[0].port for launch, _ in self._last.values()}

    def remember(self, launch: Launch, held: socket.socket) -> None:
        """Take this for the last start of an instance, with this socket."""
        self.forget(launch.instance)
        self._last[launch.instance] = (launch, held)

    def renewed(self, launch: Launch) -> None:
        """Take this for the last start of an instance, with the socket that it has."""
        if launch.instance in self._last:
            self._last[launch.instance] = (launch, self._last[launch.instance][1])

    def socket_of(self, instance: str) -> socket.socket | None:
        """The socket that an instance has."""
        return self._last[instance][1] if instance in self._last else None

    def forget(self, instance: str) -> Launch | None:
        """Let go of an instance's socket; its last start."""
        self._failed.pop(instance, None)
        launch, held = self._last.pop(instance, (None, None))
        if held is not None:
            held.close()
        return launch

    def fails(self, instance: str, why: str) -> str:
        """An instance has failed; its group, if it ever listened."""
        launch, _ = self._last.get(instance, (None, None))
        if launch is None or launch.app is None:
            return ""
        self._failed[instance] = why
        return launch.app.group

    def mend(self, instance: str) -> None:
        """An instance has not failed after all, and is likely to start in the next host at once."""
        self._failed.pop(instance, None)

    def answer_for(self, line: HostLine, instance: str) -> None:
        """Have a host answer 503 for one that has failed."""
        launch, held = self._last[instance]
        line.is_told(partial(line.stand_in, launch, held, self._failed[instance]))

    def answer_for_all(self, line: HostLine, group: str) -> None:
        """Have a new host answer for those of its group that failed in the one before."""
        for instance in self._failed:
            app = self._last[instance][0].app
            if app is not None and app.group == group:
                self.answer_for(line, instance)

    def clear(self) -> None:
        """Let go of all."""
        for instance in list(self._last):
            self.forget(instance)
