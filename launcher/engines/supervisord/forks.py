"""What the forked engine asks of the engine that its processes end up with, where that is supervisord's.

Supervisord adopts orphans, so a fork that its zygote leaves to it is its own child; the plugin takes it in as the
process of its program. From then on it is a program like any other, for whichever agent: its output, its exit code, its
stop and its log are supervisord's. Lives in the reader's thread, but for what says otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import IO, TYPE_CHECKING

from launcher.engines.descent import MARK
from launcher.engines.sockets import variables
from launcher.orchestrator.orders import Launch, Run, Stop, StopLevel

if TYPE_CHECKING:
    import socket

    from launcher.engines.supervisord.client import Supervisor
    from launcher.engines.supervisord.engine import SupervisordEngine


class Forks:
    """Of the programs of one supervisord; `engine` is the one that drives them, `names` what they are called there.

    `environ` is the agent's own.
    """

    def __init__(
        self, engine: SupervisordEngine, supervisor: Supervisor, names: Mapping[str, str], environ: Mapping[str, str]
    ) -> None:
        self.can = engine.can
        #: Why nothing can be forked here; empty: it can.
        self.no_forks = ""
        if not supervisor.is_known:
            self.no_forks = "this version of supervisor is not known, and could not take it in"
        elif sys.platform != "linux":
            self.no_forks = "this system gives no orphans to supervisord, and a forked service is one"
        self._engine = engine
        self._supervisor = supervisor
        self._names = names
        #: The marks of supervisord itself.
        marks = environ.get(MARK, "").split()
        self._outer = [mark for mark in marks if not mark.startswith(f"{engine.identity}:")]
        self._begins: dict[Run, Callable[[bool], None]] = {}

    def hold(self, launch: Launch) -> socket.socket | None:
        """The listening socket of a start; in the loop's thread."""
        return self._engine.hold(launch)

    def when_due(self, action: Callable[[], None], how: Stop | None = None) -> None:
        """Do something in the reader's thread once it stands in `state.json`; a kill at once. In the loop's thread."""
        self._engine.want(action, at_once=how is not None and how.level is StopLevel.KILL)

    def environment_of(self, launch: Launch) -> dict[str, str]:
        """Its environment, with the mark of its program, to which it adds its own number."""
        name = self._names[launch.instance]
        mark = " ".join([*self._outer, f"{self._engine.identity}:{name}:"])
        ours = {"SUPERVISOR_PROCESS_NAME": name, "SUPERVISOR_GROUP_NAME": name, MARK: mark}
        return {**launch.env, **variables(launch.sockets), **ours}

    def admit(self, launch: Launch, pid: int, pipe: IO[bytes], begin: Callable[[bool], None]) -> None:
        """Have a process taken in as its program's; then Spawned is posted and it may begin, or SpawnRefused."""
        self._begins[launch.run] = begin
        self._engine.note_start(launch)
        with pipe:
            name = self._names[launch.instance]
            self._engine.do([partial(self._supervisor.admit, name, pid, pipe.fileno())])

    def started(self, run: Run, *, is_there: bool) -> None:
        """Supervisord has taken a process in, or has not."""
        begin = self._begins.pop(run, None)
        if begin is not None:
            begin(is_there)

    def end(self, run: Run, how: Stop) -> None:
        """Have it stopped."""
        self._engine.do([partial(self._engine.end, run, how)])

    def release(self, instance: str) -> None:
        """Close the socket held for an instance; in the loop's thread."""
        self._engine.release(instance)
