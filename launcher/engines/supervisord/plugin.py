"""What runs inside supervisord itself: small, never blocking. `[rpcinterface:launcher]` names `make`.

It wakes supervisord's loop (`waker`), serves the agent (`server`), sees to it that there is one (`watchdog`), keeps
sockets, logs and deadlines in order (`doors`, `logs`, `clock`), and adds XML-RPC methods that are answered from what
the agent last told. On a version of supervisor not known here it says so in supervisord's log and leaves all as it is:
ends are noticed within a second, and sockets are not held; still correct.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.http import NOT_DONE_YET
from supervisor.loggers import LevelsByName
from supervisor.options import VERSION
from supervisor.xmlrpc import Faults, RPCError

from launcher.engines.supervisord.clock import mend_clock
from launcher.engines.supervisord.doors import Doors
from launcher.engines.supervisord.logs import mend_logs
from launcher.engines.supervisord.programs import Programs, is_known, mend
from launcher.engines.supervisord.server import Server
from launcher.engines.supervisord.stops import mend_stops
from launcher.engines.supervisord.waker import Waker
from launcher.engines.supervisord.watchdog import Watchdog

_WARNING = LevelsByName.WARN
_UP = frozenset({"ready", "completed"})
_LOST = frozenset({"failed", "skipped", "stopped"})
#: A method that waits is asked again at the next turn of supervisord's loop, which turns when something happens.
_SOON = 0.001
#: Where the one interface of a supervisord's life is kept on it.
_MADE = "launcher_interface"


class Interface:
    """The methods that clients see as `launcher.NAME`."""

    def __init__(self, server: Server, trouble: Callable[[], str]) -> None:
        self._server = server
        self._trouble = trouble

    def status(self) -> dict[str, Any]:
        """Return every service as the agent last told of it.

        @return struct  `instances` by name (state, reason, pid, …); `age`, how old that is in seconds, or -1 before
                        anything was told; `trouble`, what is wrong with the agent, or an empty string
        """
        age = round(time.monotonic() - self._server.told_at, 3) if self._server.state else -1
        return {"instances": self._instances(), "age": age, "trouble": self._trouble()}

    def why(self, name: str) -> list[str]:
        """Explain the state of a service, down to its cause.

        @param string name  A service, or one of its instances
        @return array  Lines
        """
        found = self._named(name)
        if not found:
            raise RPCError(Faults.BAD_NAME, name)
        from msgspec.json import decode  # noqa: PLC0415  (4 MB, for who asks)

        from launcher.observe.why import chain  # noqa: PLC0415
        from launcher.orchestrator.snapshot import Snapshot  # noqa: PLC0415

        return chain(decode(self._server.state, type=Snapshot), found[0]["service"])

    def waitFor(self, name: str, timeout: float = 60) -> Any:  # noqa: N802  (as supervisor names its methods)
        """Wait until a service is ready, or never will be.

        @param string name  A service, or one of its instances
        @param double timeout  At most so many seconds
        @return string  Its state: ready or completed
        """
        deadline = time.monotonic() + timeout

        def look() -> Any:
            found = self._named(name)
            states = [one["state"] for one in found]
            if states and all(state in _UP for state in states):
                return states[0]
            lost = next((one for one in found if one["state"] in _LOST), None)
            if lost is not None:
                raise RPCError(Faults.ABNORMAL_TERMINATION, f"{name} is {lost['state']}: {lost['reason']['text']}")
            if time.monotonic() >= deadline:
                raise RPCError(Faults.FAILED, f"{name} is {states[0] if states else 'unknown'} after {timeout:g} s")
            return NOT_DONE_YET

        if self._server.state and not self._named(name):
            raise RPCError(Faults.BAD_NAME, name)
        look.delay = _SOON  # type: ignore[attr-defined]
        look.rpcinterface = self  # type: ignore[attr-defined]
        return look

    def _named(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self._instances().values() if name in (one["name"], one["service"], one["label"])]

    def _instances(self) -> dict[str, dict[str, Any]]:
        told = json.loads(self._server.state or b'{"instances":[]}')
        return {one["name"]: _without_none(one) for one in told["instances"]}


def _without_none(value: Any) -> Any:
    """XML-RPC knows no null."""
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value


def make(supervisord: Any, run: str = "", agent: str = "", **_config: str) -> Interface:
    """Make the interface, and mend supervisord on the way: once for each of its lives, for each HTTP server it opens.

    `run` is the run folder of the agent, `agent` the program that it is.
    """
    made = getattr(supervisord, _MADE, None)
    if isinstance(made, Interface):
        return made
    options = supervisord.options
    programs = Programs(supervisord)
    server = Server(options, Path(run), programs)

    def say(text: str) -> None:
        options.logger.log(_WARNING, "launcher: %(text)s", text=text)
        server.say(text)

    doors = Doors(options, server, say)
    watchdog = Watchdog(supervisord, agent, ask=server.ask, say=say)
    server.heard = watchdog.heard
    closing = [programs.end_leftovers, server.close, doors.close, watchdog.close]
    if is_known():
        mend()
        mend_clock()
        mend_stops(server.tell_stop)
        mend_logs(say)
        events.subscribe(events.ProcessStateStoppingEvent, lambda event: programs.stop_layer_of(event.process))
        closing.append(Waker(options, goes_on=lambda: programs.is_ending_idly).close)
    else:
        say(f"supervisor {VERSION} is not known: it is slower here, and holds no sockets")
    _before_cleanup(options, closing, programs)
    if not gc.get_freeze_count():  # what a second life makes may be garbage in a third
        gc.freeze()  # what is here stays to the end, which takes half the time if nobody looks through it
    interface = Interface(server, watchdog.trouble)
    setattr(supervisord, _MADE, interface)
    return interface


def _before_cleanup(options: Any, closing: list[Any], programs: Programs) -> None:
    """Let go when supervisord ends or reloads: `cleanup` is what it calls last."""
    cleanup = options.cleanup

    def all_of_it() -> None:
        options.cleanup = cleanup
        for close in closing:
            close()
        cleanup()
        if programs.exit_code:
            raise SystemExit(programs.exit_code)

    options.cleanup = all_of_it
