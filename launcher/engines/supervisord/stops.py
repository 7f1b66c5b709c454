"""Has `supervisorctl stop` mean that a program stays down, also where it has no process at that moment.

Of one that has crashed, or waits for what it depends on, supervisord says that it is not running; but the agent may be
about to start it. Here it counts as stopped from then on, as with supervisord's own programs in BACKOFF: for this agent
and all that follow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.states import ProcessStates
from supervisor.xmlrpc import Faults, RPCError

#: Whom to tell of it.
_TELL = "launcher_tell"


def mend_stops(tell: Callable[[str], None]) -> None:
    """Have such stops told, by the program's name; the method is replaced once."""
    setattr(SupervisorNamespaceRPCInterface, _TELL, staticmethod(tell))
    stop = SupervisorNamespaceRPCInterface.stopProcess
    if hasattr(stop, "__wrapped__"):
        return

    @wraps(stop)  # clients are shown what it says of itself
    def stopping(self: Any, name: str, wait: bool = True) -> Any:  # noqa: FBT001, FBT002  (its interface)
        try:
            return stop(self, name, wait)
        except RPCError as refusal:
            _, process = self._getGroupAndProcess(name)
            if refusal.code != Faults.NOT_RUNNING or not _may_come_back(process):
                raise
            process.laststop = time.time()
            process.laststart = process.laststart or process.laststop  # 0: an agent that begins would start it
            process.change_state(ProcessStates.STOPPED)
            getattr(self, _TELL)(process.config.name)
            return True

    SupervisorNamespaceRPCInterface.stopProcess = stopping


def _may_come_back(process: Any) -> bool:
    """Whether it is the agent's, and neither was stopped nor has done its work."""
    if process.config.autorestart or process.config.autostart:
        return False
    if process.state == ProcessStates.STOPPED:
        return not process.laststart
    has_failed = process.state in (ProcessStates.EXITED, ProcessStates.FATAL)
    return has_failed and process.exitstatus not in process.config.exitcodes
