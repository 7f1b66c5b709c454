"""The agent's end of the line to supervisord: what it can ask the plugin there, and what it hears, in types.

`Supervisor` belongs to one thread. Knows supervisord's words, nothing of instances, plans or events.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from launcher.engines.supervisord import SOCKET
from launcher.errors import CommandNotFound, LauncherError, NotExecutable, SpawnFailed
from launcher.host.frames import Unpacker, pack

#: supervisord reads whenever its loop turns; if it does not for so long, in seconds, it hangs.
PATIENCE = 10.0
_AT_ONCE = 1 << 18
_MOST_DESCRIPTORS = 64

#: States in which a program has a process.
_RUNS = frozenset({"STARTING", "RUNNING", "STOPPING"})


class Faults(IntEnum):
    """supervisord's own (supervisor/xmlrpc.py, whose import would be 6 MB)."""

    BAD_NAME = 10
    NO_FILE = 20
    NOT_EXECUTABLE = 21


class Unreachable(Exception):
    """supervisord does not answer: it is about to end, has ended, or is being reloaded."""


class Program(Struct, frozen=True, kw_only=True):
    """A program as supervisord has it. `started` is in whole seconds of the wall clock, 0 for never in its life."""

    name: str
    pid: int
    state: str
    started: int = 0
    #: What supervisord makes of its last process's end: below zero, a signal ended it, which it does not say.
    exit_code: int | None = None
    #: That process's wait status, where supervisord's inner parts are known.
    status: int | None = None

    @property
    def runs(self) -> bool:
        """Whether it has a process, one that is being stopped included."""
        return self.pid > 0 and self.state in _RUNS

    @property
    def was_stopped(self) -> bool:
        """Whether it ended because somebody asked supervisord for it."""
        return self.state == "STOPPED" and self.started > 0

    @property
    def has_exited(self) -> bool:
        """Whether its last process ended by itself."""
        return self.state == "EXITED"

    @property
    def code(self) -> int | None:
        """The exit code of its last process, minus the signal's number; None: a signal, which one nobody knows."""
        if self.status is not None:
            return os.waitstatus_to_exitcode(self.status)
        return self.exit_code if self.exit_code is not None and self.exit_code >= 0 and self.has_exited else None


class Started(Struct, frozen=True):
    """What came of a start that was asked for: the program as it is then, or why it has no process."""

    name: str
    result: Program | LauncherError


class Runs(Struct, frozen=True):
    """A program runs that somebody started."""

    name: str
    pid: int
    started: int


class Ended(Struct, frozen=True):
    """A program's process has ended, and all that it printed was told before."""

    program: Program


class Printed(Struct, frozen=True):
    """A program has printed something."""

    name: str
    pid: int
    data: bytes


class Missed(Struct, frozen=True):
    """Programs have printed more than could be told; this one goes on."""

    name: str


class Asked(Struct, frozen=True):
    """Supervisord wants to be told how everything is: a sign of life."""


class Added(Struct, frozen=True):
    """Supervisord's configuration has a program more: new, or changed."""

    name: str


class Removed(Struct, frozen=True):
    """Supervisord's configuration has a program less; it had been stopped before."""

    name: str


class Rests(Struct, frozen=True):
    """Somebody wants a program down that has no process."""

    name: str


class Said(Struct, frozen=True):
    """Supervisord has something to tell people."""

    text: str


_CHANGES: dict[str, type[Added | Removed | Rests]] = {"added": Added, "removed": Removed, "rests": Rests}

Heard = Started | Runs | Ended | Printed | Missed | Asked | Added | Removed | Rests | Said


class Supervisor:
    """One supervisord, by the run folder that its plugin was given. Raises Unreachable, here and in all it does.

    `programs` is every program as it was when this began; `early` is what happened right after, and all later is heard
    by `hear`. `kept` are the descriptors that an earlier agent left, by key: the caller's to close.
    """

    def __init__(self, run: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(PATIENCE)
        self._frames = Unpacker()
        self._taken: deque[int] = deque()
        self.kept: dict[str, int] = {}
        #: Whether it hands over sockets and takes an environment: its inner parts are known to the plugin.
        self.is_known = False
        #: Which supervisord this is, among all that ever ran; one that begins anew stays the same.
        self.identity = ""
        self.programs: dict[str, Program] = {}
        self.early: list[Heard] = []
        self._has_begun = False
        try:
            self._sock.connect(str(run / SOCKET))
            while not self._has_begun:
                self.early += self.hear()
        except OSError as problem:
            self.close()
            raise Unreachable(f"supervisord does not answer at {run / SOCKET}: {problem.strerror}") from problem

    def fileno(self) -> int:
        """The descriptor that is readable when there is something to hear."""
        return self._sock.fileno()

    def hear(self) -> Iterator[Heard]:
        """What has happened; waits for it."""
        data, descriptors, _flags, _address = socket.recv_fds(self._sock, _AT_ONCE, _MOST_DESCRIPTORS)
        self._taken.extend(descriptors)
        if not data:
            raise Unreachable("supervisord is ending")
        taken = 0
        for head, payload in self._frames.feed(data):
            if (heard := self._understood(head, payload)) is not None:
                taken += isinstance(heard, Printed)
                yield heard
        if taken:
            self._say(pack("took", count=taken))

    def start(self, name: str, environment: Mapping[str, str]) -> None:
        """Have a program started, with variables beside those that supervisord itself has; Started is heard."""
        self._say(pack("start", msgspec.json.encode(environment), name=name))

    def adopt_orphans(self) -> None:
        """Have what a program forks and leaves become supervisord's own child."""
        self._say(pack("adopt"))

    def admit(self, name: str, pid: int, pipe: int) -> None:
        """Have a child of supervisord's taken in as a program's process, its output in `pipe`; Started is heard."""
        self._say(pack("admit", name=name, pid=pid), pipe)

    def stop(self, name: str, pid: int) -> None:
        """Have a process stopped, with its program's own signal."""
        self._say(pack("stop", name=name, pid=pid))

    def signal(self, name: str, pid: int, number: int) -> None:
        """Send a signal to a process and its group."""
        self._say(pack("signal", name=name, pid=pid, number=number))

    def keep(self, key: str, descriptor: int) -> None:
        """Leave a copy of a descriptor with supervisord, for the next agent."""
        self._say(pack("keep", key=key), descriptor)

    def hand_over(self, key: str, name: str, fdname: str) -> None:
        """Have what is kept under `key` handed to a program, whoever starts it."""
        self._say(pack("hand", key=key, name=name, fdname=fdname))

    def free(self, key: str, name: str = "") -> None:
        """Have what is kept under `key` closed, and handed over no more."""
        self._say(pack("free", key=key, name=name))

    def tell(self, state: bytes) -> None:
        """Tell how everything is, for those who ask supervisord."""
        self._say(pack("state", state))

    def shut_down(self, *, failed: bool) -> None:
        """Have supervisord stop what runs, and end; where it `failed`, with an exit code that says so."""
        self._say(pack("shutdown", failed=failed))

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
        while self._taken:
            os.close(self._taken.popleft())

    def _say(self, frame: bytes, descriptor: int | None = None) -> None:
        try:
            sent = socket.send_fds(self._sock, [frame], [descriptor]) if descriptor is not None else 0
            self._sock.sendall(frame[sent:])
        except OSError as problem:
            raise Unreachable(f"supervisord does not answer: {problem.strerror or problem}") from problem

    def _understood(self, head: dict[str, Any], payload: bytes) -> Heard | None:
        heard: Heard | None = None
        match head["kind"]:
            case "out":
                heard = Printed(head["name"], head["pid"], payload)
            case "ended":
                heard = Ended(msgspec.convert(head, Program))
            case "started":
                heard = Started(head["name"], _refusal(head) if "fault" in head else msgspec.convert(head, Program))
            case "runs":
                heard = Runs(head["name"], head["pid"], head["started"])
            case "missed":
                heard = Missed(head["name"])
            case "said":
                heard = Said(head["text"])
            case "added" | "removed" | "rests":
                heard = _CHANGES[head["kind"]](head["name"])
            case "ask":
                heard = Asked()
            case _:
                self._begin(head, payload)
        return heard

    def _begin(self, head: dict[str, Any], payload: bytes) -> None:
        """Take in what stands at the beginning of a conversation."""
        match head["kind"]:
            case "hello":
                self.is_known, self.identity = head["known"], head["identity"]
            case "kept":
                self.kept[head["key"]] = self._taken.popleft()
            case "programs":
                found = msgspec.json.decode(payload, type=list[Program])
                self.programs = {one.name: one for one in found}
                self._has_begun = True


def _refusal(head: dict[str, Any]) -> LauncherError:
    name, text = head["name"], head["text"]
    match head["fault"]:
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
