"""Held listening sockets under supervisord: bound by the agent, and left with supervisord, where they outlive it.

The plugin hands each to the next processes of its program. Used by the loop's thread; what is to be said to supervisord
is given to `want`, for the reader's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from launcher.engines.sockets import HeldSockets
from launcher.orchestrator.orders import HeldSocket

if TYPE_CHECKING:
    from launcher.engines.supervisord.client import Supervisor
    from launcher.orchestrator.orders import Launch
    from launcher.plan.model import Plan


class KeptSockets:
    """The sockets held, by instance; `names` is what each instance is called in supervisord."""

    def __init__(
        self, supervisor: Supervisor, names: Mapping[str, str], want: Callable[[Callable[[], None]], None]
    ) -> None:
        self._supervisor = supervisor
        self._names = names
        self._want = want
        self._held = HeldSockets()

    def take_back(self, plan: Plan) -> None:
        """Hold what an earlier agent held, and close what nobody needs any more."""
        for key, descriptor in self._supervisor.kept.items():
            kept = socket.socket(fileno=descriptor)
            instance = next((name for name in plan.instances if _key(name) == key), None)
            if instance is None:
                kept.close()
                self._want(partial(self._supervisor.free, key))
                continue
            host, port = kept.getsockname()[:2]
            self._held.take_over(instance, HeldSocket(plan.instances[instance].service, host, port), kept)

    def hold(self, launch: Launch, *, label: str) -> None:
        """Bind what is to be held, unless it is, and leave it with supervisord."""
        if not self._supervisor.is_known:
            return  # an app then binds its own port
        instance = launch.instance
        if not launch.sockets:
            self.release(instance)
            return
        had = self._held.held(instance)
        bound = self._held.hold(instance, launch.sockets, label=label)
        if bound is not None and bound is not had:
            copy = bound.dup()  # it may be closed here before it is sent
            self._want(partial(self._keep, instance, copy, launch.sockets[0].name))

    def release(self, instance: str) -> None:
        """Close the socket held for an instance."""
        if self._held.release(instance):
            self._want(partial(self._supervisor.free, _key(instance), self._names[instance]))

    def close(self) -> None:
        """Let go; supervisord keeps them."""
        self._held.close()

    def _keep(self, instance: str, held: socket.socket, fdname: str) -> None:
        with held:
            self._supervisor.keep(_key(instance), held.fileno())
        self._supervisor.hand_over(_key(instance), self._names[instance], fdname)


def _key(instance: str) -> str:
    """Under what a held socket is kept."""
    return f"socket {instance}"
