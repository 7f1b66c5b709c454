"""supervisord's programs as the agent needs them: started with an environment of this start, a socket handed over.

Runs inside supervisord, beside its own methods, which do all the rest. What it changes in `Subprocess` is no API of
supervisor: only on versions that were looked at (`is_known`); elsewhere programs start with what the configuration
says, and how a process was killed is not told.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from supervisor.options import VERSION
from supervisor.process import Subprocess
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.states import RUNNING_STATES, STOPPED_STATES, SupervisorStates, getProcessStateDescription
from supervisor.xmlrpc import Faults, RPCError

#: The versions whose inner parts were looked at.
KNOWN = ("4.2", "4.3")
#: Of this supervisord, and none before or after it.
IDENTITY = f"{os.getpid()}@{time.time():.3f}"
#: What descends from a program has this in its environment (`engines.descent` tells the form, and imports more).
_MARK = "LAUNCHER_MARK"
#: Where a process's wait status is kept on it.
_STATUS = "launcher_wait_status"
#: The socket that each program's next processes are handed: its descriptor and its name.
_held: dict[str, tuple[int, str]] = {}
#: What supervisord exits with where services have failed for good (`exporters.boot` tells systemd of it).
GAVE_UP = 69  # EX_UNAVAILABLE of sysexits.h
#: Who forks faster than this is beyond us.
_MOST_ROUNDS = 20
#: What supervisord has of the pipes of a process (`make_pipes`).
_PIPES = ("child_stdin", "stdin", "stdout", "child_stdout", "stderr", "child_stderr")
#: sd_listen_fds(3): the first descriptor handed over.
_FIRST = 3


def is_known() -> bool:
    """Whether this supervisor's inner parts were looked at."""
    return bool(VERSION.startswith(KNOWN))


class Programs:
    """The programs of one supervisord; each is alone in a group of its name."""

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord
        self._rpc = SupervisorNamespaceRPCInterface(supervisord)
        self._is_ending = False
        #: What supervisord is to exit with.
        self.exit_code = 0

    def all(self) -> list[dict[str, object]]:
        """Every program as it is, event listeners (the agent) too."""
        return [
            _told(process)
            for group in list(self._supervisord.process_groups.values())
            for process in list(group.processes.values())
        ]

    def start(self, name: str, environment: dict[str, str]) -> dict[str, object]:
        """Start a program, `environment` over what its configuration says; how it is then, or a `fault` and its text.

        One that runs is left as it is.
        """
        process = self._of(name)
        if process is None:
            return {"fault": Faults.BAD_NAME, "text": name}
        own = process.config.environment
        process.config.environment = {**(own or {}), **environment}
        try:
            self._rpc.startProcess(f"{name}:{name}", False)
        except RPCError as refusal:
            if refusal.code not in (Faults.ALREADY_STARTED, Faults.ABNORMAL_TERMINATION):
                text = process.spawnerr or refusal.text.partition(": ")[2] or refusal.text
                return {"fault": refusal.code, "text": text}
        finally:
            process.config.environment = own  # else `supervisorctl update` would see a change
        return _told(process)

    def adopt_orphans(self) -> None:
        """Become the parent of what programs fork and leave, as their forks are."""
        from launcher.engines.descent import become_subreaper  # noqa: PLC0415  (where services are forked)

        become_subreaper()

    def admit(self, name: str, pid: int, pipe: int) -> dict[str, object]:
        """Take in a child of ours that was forked elsewhere, as if it had been started here; `pipe` is its output."""
        process = self._of(name)
        is_free = process is not None and not process.pid
        if not is_free or not is_known() or _parent_of(pid) != os.getpid():
            os.close(pipe)
            text = f"process {pid} cannot be taken in" if process is None or is_free else f"{name} runs already"
            return {"fault": Faults.SPAWN_ERROR, "text": text}
        os.set_blocking(pipe, False)
        options = self._supervisord.options
        unused = [pipe]
        # It has its pipe, and has been forked: what supervisord does besides is the same.
        options.make_pipes = lambda _stderr: dict.fromkeys(_PIPES) | {"stdout": unused.pop()}
        options.fork = lambda: pid
        try:
            return self.start(name, {})
        finally:
            del options.make_pipes, options.fork
            for one in unused:
                os.close(one)

    def stop(self, name: str, pid: int) -> None:
        """Have a program's process stopped, with its own signal."""
        process = self._of(name)
        if process is not None and pid and process.pid == pid:
            with suppress(RPCError):  # it, or supervisord, is ending already
                self._rpc.stopProcess(f"{name}:{name}", False)

    def signal(self, name: str, pid: int, number: int) -> None:
        """Send a signal to the group of a program's process, whatever supervisord is doing with it."""
        process = self._of(name)
        if process is not None and pid and process.pid == pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)

    def hold(self, name: str, descriptor: int, fdname: str) -> None:
        """Hand a socket to the processes of a program that are started from now on."""
        _held[name] = (descriptor, fdname)

    def release(self, name: str) -> None:
        """Hand nothing over any more."""
        _held.pop(name, None)

    def stop_layer_of(self, stopping: Any) -> None:
        """Stop what has the same priority as a program that supervisord stops because it ends.

        It stops one program after the other, each when the one before has ended; those of a layer do not depend on
        each other.
        """
        if self._is_ending or self._supervisord.options.mood >= SupervisorStates.RUNNING:
            return
        self._is_ending = True  # for each of these is told of, too
        for group in self._supervisord.process_groups.values():
            for process in group.processes.values():
                if process.config.priority == stopping.config.priority and process.state in RUNNING_STATES:
                    process.stop()
        self._is_ending = False

    @property
    def is_ending_idly(self) -> bool:
        """Whether supervisord ends and what it waits for has ended: it takes note of one program in a turn."""
        supervisord = self._supervisord
        if supervisord.options.mood >= SupervisorStates.RUNNING or not supervisord.stopping:
            return False
        return not supervisord.stop_groups or not supervisord.stop_groups[-1].get_unstopped_processes()

    def shut_down(self, *, failed: bool) -> None:
        """Have supervisord stop what runs, and end; where it `failed`, with an exit code that says so."""
        self.exit_code = GAVE_UP if failed else 0
        with suppress(RPCError):  # it is ending already
            self._rpc.shutdown()

    def end_leftovers(self) -> None:
        """Kill what ended programs have left behind, in whatever session."""
        mains = {str(told["pid"]) for told in self.all() if told["pid"]}
        for _ in range(_MOST_ROUNDS):
            found = [pid for pid, main in _marked() if main not in mains]
            for pid in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if not found:
                return

    def _of(self, name: str) -> Any:
        group = self._supervisord.process_groups.get(name)
        return None if group is None else group.processes.get(name)


def _parent_of(pid: int) -> int:
    """The parent of a process that is alive; 0: it is not."""
    with suppress(OSError):
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return int(parent) if state != "Z" else 0
    return 0


def _marked() -> Iterator[tuple[int, str]]:
    """The processes that descend from a program of this supervisord, and the process which that was."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            mark = next((one for one in variables if one.startswith(f"{_MARK}=".encode())), b"").decode(
                errors="replace"
            )
            for word in mark.removeprefix(f"{_MARK}=").split():
                if word.startswith(f"{IDENTITY}:"):
                    yield int(folder.name), word.split(":")[2]


def end_of(process: Any) -> dict[str, object] | None:
    """How a program's process ended, once its state says that it has; None: it has not."""
    return _told(process) if process.pid and process.state in STOPPED_STATES else None


def _told(process: Any) -> dict[str, object]:
    return {
        "name": process.config.name,
        "pid": process.pid,
        "state": getProcessStateDescription(process.state),
        "started": int(process.laststart),
        "exit_code": process.exitstatus,
        "status": getattr(process, _STATUS, None),
    }


def mend() -> None:
    """Have every process remember its wait status, and take over the socket held for it: once, for all that come."""
    finish, prepare = Subprocess.finish, Subprocess._prepare_child_fds  # noqa: SLF001  (there is no other place)
    if getattr(finish, "is_ours", False):
        return

    def remembering(self: Any, pid: int, status: int) -> Any:
        setattr(self, _STATUS, status)
        return finish(self, pid, status)

    def handing_over(self: Any) -> None:
        # In the child, which is about to become the program: what is changed here is nobody else's.
        options = self.config.options
        options.close_fd = _nothing  # a thousand calls: below it is one
        prepare(self)
        first = _FIRST
        handed = {_MARK: f"{os.environ.get(_MARK, '')} {IDENTITY}:{self.config.name}:{os.getpid()}".strip()}
        if (held := _held.get(self.config.name)) is not None:
            descriptor, name = held
            if descriptor == _FIRST:
                os.set_inheritable(_FIRST, True)  # dup2 would leave it as it is
            else:
                os.dup2(descriptor, _FIRST)
            first += 1
            handed |= {"LISTEN_FDS": "1", "LISTEN_FDNAMES": name, "LISTEN_PID": str(os.getpid())}
        self.config.environment = {**(self.config.environment or {}), **handed}
        os.closerange(first, max(options.minfds, first))

    remembering.is_ours = True  # type: ignore[attr-defined]
    Subprocess.finish = remembering
    Subprocess._prepare_child_fds = handing_over  # noqa: SLF001


def _nothing(_descriptor: int) -> None:
    """Close nothing."""
