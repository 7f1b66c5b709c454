"""Held listening sockets under supervisord: bound by the agent, and left with supervisord, where they outlive it.

The plugin hands each to the next processes of its program; those of components it only keeps, for the next agent: a
component gets its own from whoever starts it. Used by the loop's thread; what is to be said to supervisord is given to
`want` and `now`, for the reader's.
"""

from __future__ import annotations

import os
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
    """The sockets held, by instance; `names` is what each instance is called in supervisord.

    What is given to `want` is done with the next commit, what to `now` at once.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        names: Mapping[str, str],
        want: Callable[[Callable[[], None]], None],
        now: Callable[[Callable[[], None]], None],
    ) -> None:
        #: Those of components, which have no program.
        self.components = ComponentSockets(supervisor, now)
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
            one = plan.instances[instance]
            held = self.components if one.is_component else self._held
            held.take_over(instance, HeldSocket(one.service, host, port), kept)

    def hold(self, launch: Launch, *, label: str) -> socket.socket | None:
        """Bind what is to be held, unless it is, and leave it with supervisord."""
        if not self._supervisor.is_known:
            return None  # an app then binds its own port
        instance = launch.instance
        if not launch.sockets:
            self.release(instance)
            return None
        had = self._held.held(instance)
        bound = self._held.hold(instance, launch.sockets, label=label)
        if bound is not None and bound is not had:
            copy = bound.dup()  # it may be closed here before it is sent
            self._want(partial(self._keep, instance, copy, launch.sockets[0].name))
        return bound

    def release(self, instance: str) -> None:
        """Close the socket held for an instance."""
        if self._held.release(instance):
            self._want(partial(self._supervisor.free, _key(instance), self._names[instance]))

    def close(self) -> None:
        """Let go of those of programs; supervisord keeps them."""
        self._held.close()

    def _keep(self, instance: str, held: socket.socket, fdname: str) -> None:
        with held:
            self._supervisor.keep(_key(instance), held.fileno())
        self._supervisor.hand_over(_key(instance), self._names[instance], fdname)


class ComponentSockets(HeldSockets):
    """Of each of which supervisord has a copy before it is handed to a component, until it is released."""

    def __init__(self, supervisor: Supervisor, now: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self._supervisor = supervisor
        self._now = now

    def hold(self, instance: str, wanted: tuple[HeldSocket, ...], *, label: str) -> socket.socket | None:
        """The socket of `instance`, bound now unless it is held already, and left with supervisord then."""
        had = self.held(instance)
        bound = super().hold(instance, wanted, label=label)
        if bound is not None and bound is not had:
            # `dup` would have it block, and it is one with the host's.
            self._now(partial(self._keep, instance, socket.socket(fileno=os.dup(bound.fileno()))))
        return bound

    def release(self, instance: str) -> bool:
        """Close what is held for `instance`, here and there; False: nothing was."""
        is_held = super().release(instance)
        if is_held:
            self._now(partial(self._supervisor.free, _key(instance)))
        return is_held

    def close(self) -> None:
        """Let go; supervisord keeps them."""
        for instance in list(self._held):
            super().release(instance)

    def _keep(self, instance: str, held: socket.socket) -> None:
        with held:
            self._supervisor.keep(_key(instance), held.fileno())


def _key(instance: str) -> str:
    """Under what a held socket is kept."""
    return f"socket {instance}"
