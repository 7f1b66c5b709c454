"""supervisord's XML-RPC over its Unix socket, in types: what its programs are doing, start, stop, signal.

After any error the connection is made anew: supervisor's transport keeps one that failed for ever. One `Supervisor` for
each thread. Knows supervisord's words, nothing of instances, plans or events.
"""

from __future__ import annotations

import http.client
import os
import socket
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from msgspec import Struct
from supervisor.states import RUNNING_STATES, ProcessStates

from launcher.errors import CommandNotFound, LauncherError, NotExecutable, SpawnFailed

#: A call that supervisord does not answer within so many seconds is given up: it is blocked by another.
PATIENCE = 10.0


class Faults(IntEnum):
    """supervisord's own (supervisor/xmlrpc.py, whose import would be 6 MB)."""

    SHUTDOWN_STATE = 6
    BAD_NAME = 10
    NO_FILE = 20
    NOT_EXECUTABLE = 21
    ABNORMAL_TERMINATION = 40
    ALREADY_STARTED = 60
    NOT_RUNNING = 70


class Unreachable(Exception):
    """supervisord does not answer: it is about to end, has ended, or is being reloaded."""


class Program(Struct, frozen=True, kw_only=True):
    """A program as supervisord has it. `started` and `stopped` are whole seconds, 0 for never in its life."""

    name: str
    state: int
    pid: int
    started: int
    stopped: int
    #: Below zero: a signal ended it, and supervisord does not say which.
    exit_code: int

    @property
    def runs(self) -> bool:
        """Whether it has a process, one that is being stopped included."""
        return self.pid > 0 and (self.state in RUNNING_STATES or self.state == ProcessStates.STOPPING)

    @property
    def was_stopped(self) -> bool:
        """Whether it ended because somebody asked supervisord for it."""
        return self.state == ProcessStates.STOPPED and self.started > 0


class Supervisor:
    """One supervisord, by the `unix://` address of its socket."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: ServerProxy | None = None

    def programs(self) -> dict[str, Program]:
        """Every program by its name, event listeners (the agent) too."""
        found: list[dict[str, Any]] = self._call(lambda proxy: proxy.supervisor.getAllProcessInfo())
        return {one["name"]: _program(one) for one in found}

    def ends(self) -> dict[str, int]:
        """Exit codes of the last processes that ended, minus the signal's number; empty without our plugin."""
        try:
            found: dict[str, int] = self._call(lambda proxy: proxy.launcher.ends())
        except Fault:
            return {}
        return {name: os.waitstatus_to_exitcode(status) for name, status in found.items()}

    def start(self, names: Sequence[str]) -> Iterator[Program | LauncherError]:
        """Start programs, in one call, without waiting for them: each as it is then, or why it cannot be started."""
        calls = [
            call
            for name in names
            for call in (
                {"methodName": "supervisor.startProcess", "params": [_full(name), False]},
                {"methodName": "supervisor.getProcessInfo", "params": [_full(name)]},
            )
        ]
        found: list[Any] = self._call(lambda proxy: proxy.system.multicall(calls))
        for name, begun, info in zip(names, found[::2], found[1::2], strict=True):
            fault = Fault(begun["faultCode"], begun["faultString"]) if isinstance(begun, dict) else None
            if fault is None or fault.faultCode in (Faults.ALREADY_STARTED, Faults.ABNORMAL_TERMINATION):
                yield _program(info)
            else:
                yield _refusal(name, fault)

    def stop(self, name: str) -> None:
        """Have a program stopped, with its own signal; one that does not run is left alone."""
        self._leniently(lambda proxy: proxy.supervisor.stopProcess(_full(name), False))

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, by its name without SIG."""
        self._leniently(lambda proxy: proxy.supervisor.signalProcess(_full(name), signal))

    def shut_down(self) -> None:
        """Have supervisord stop what runs, and end."""
        self._leniently(lambda proxy: proxy.supervisor.shutdown())

    def close(self) -> None:
        """Let go of the connection."""
        made, self._made = self._made, None
        if made is not None:
            made("close")()

    def _leniently(self, ask: Callable[[ServerProxy], object]) -> None:
        try:
            self._call(ask)
        except Fault as fault:
            if fault.faultCode not in (Faults.NOT_RUNNING, Faults.SHUTDOWN_STATE, Faults.BAD_NAME):
                raise

    def _call(self, ask: Callable[[ServerProxy], Any]) -> Any:
        if self._made is None:
            self._made = ServerProxy("http://supervisord", transport=_Transport(self._url.removeprefix("unix://")))
        try:
            return ask(self._made)
        except Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise Unreachable("supervisord is shutting down") from fault
            raise
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise Unreachable(f"supervisord does not answer: {problem}") from problem


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("supervisord", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket, on one connection that is kept."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._kept: _Connection | None = None

    def make_connection(self, host: object) -> _Connection:  # noqa: ARG002  (the socket's path says it)
        if self._kept is None:
            self._kept = _Connection(self._path)
        return self._kept

    def close(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


def _program(found: dict[str, Any]) -> Program:
    return Program(
        name=found["name"],
        state=found["state"],
        pid=found["pid"],
        started=found["start"],
        stopped=found["stop"],
        exit_code=found["exitstatus"],
    )


def _full(name: str) -> str:
    # Each program is alone in a group of its name.
    return f"{name}:{name}"


def _refusal(name: str, fault: Fault) -> LauncherError:
    text = fault.faultString.partition(": ")[2] or fault.faultString
    match fault.faultCode:
        case Faults.NO_FILE:
            return CommandNotFound(f'cannot start "{name}": {text}')
        case Faults.NOT_EXECUTABLE:
            return NotExecutable(f'cannot start "{name}": {text}')
        case Faults.BAD_NAME:
            return SpawnFailed(
                f'supervisord has no program "{name}"',
                remedy="Export again, then `supervisorctl update`.",
            )
    return SpawnFailed(f'cannot start "{name}": {text}')
