"""Sees to it that there is an agent: asks it for a sign of life, kills one that hangs, paces one that does not come up.

Runs inside supervisord, whose own are the starts themselves (`autorestart`) and the clock, a tick every five seconds:
counted, not measured, so that neither a clock that jumps nor a supervisord that was halted makes an agent look old.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from supervisor import events
from supervisor.states import ProcessStates, getProcessStateDescription

from launcher.engines.supervisord.programs import is_known

#: After so many ticks without a sign of life an agent is killed: 10 to 15 s. One that has never given any may be
#: coming up on a machine that does so itself.
_MOST = 3
_MOST_AT_FIRST = 12
#: How long the next start of an agent that does not come up is put off at most, in seconds.
_LONGEST_PAUSE = 30
#: How much is kept of what it last said, in bytes.
_LAST_WORDS = 4096
_ERROR = re.compile(r"E\d{4} ")


class Watchdog:
    """Of the program `agent`. `ask` asks it for a sign of life, `say` writes to supervisord's log."""

    def __init__(self, supervisord: Any, agent: str, *, ask: Callable[[], None], say: Callable[[str], None]) -> None:
        self._supervisord = supervisord
        self._agent = agent
        self._ask = ask
        self._say = say
        self._pid = 0
        #: So many ticks have come since the last sign of life; whether there ever was one.
        self._silent = 0
        self._has_come_up = False
        self._words = b""
        self._subscribed = [
            (events.Tick5Event, self._tick),
            (events.ProcessStateBackoffEvent, self._failed),
            (events.ProcessLogStderrEvent, self._said),
        ]
        for kind, action in self._subscribed:
            events.subscribe(kind, action)

    def close(self) -> None:
        """Watch no more."""
        for kind, action in self._subscribed:
            with suppress(ValueError):  # supervisord forgets all subscribers when it begins anew
                events.unsubscribe(kind, action)

    def heard(self) -> None:
        """The agent has given a sign of life."""
        process = self._process()
        self._pid, self._silent, self._has_come_up = 0 if process is None else process.pid, 0, True

    def trouble(self) -> str:
        """What is wrong with the agent, in a sentence; empty: nothing that is known here."""
        process = self._process()
        if process is None:
            return f"supervisord has no program {self._agent}: export again, then `supervisorctl update`"
        if process.state == ProcessStates.BACKOFF:
            wait = max(0, round(process.delay - time.time()))
            return f"the agent does not come up, and is tried again in {wait} s: {process.spawnerr}"
        if not process.pid:
            state = getProcessStateDescription(process.state)
            return f"the agent is {state}: `supervisorctl start {self._agent}`"
        if self._silent > 1 and process.pid == self._pid:
            return f"the agent (pid {process.pid}) does not answer"
        return ""

    def _process(self) -> Any:
        group = self._supervisord.process_groups.get(self._agent)
        return None if group is None else group.processes.get(self._agent)

    def _tick(self, _event: object) -> None:
        process = self._process()
        if process is None or process.state not in (ProcessStates.STARTING, ProcessStates.RUNNING):
            return
        if process.pid != self._pid:
            self._pid, self._silent, self._has_come_up = process.pid, 0, False
        self._silent += 1
        if self._silent < (_MOST if self._has_come_up else _MOST_AT_FIRST):
            self._ask()
            return
        self._say(f"the agent (pid {process.pid}) gives no sign of life: it is killed, and started anew")
        self._silent = 0
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

    def _said(self, event: Any) -> None:
        if event.process.config.name == self._agent:
            data = event.data if isinstance(event.data, bytes) else event.data.encode()
            self._words = (self._words + data)[-_LAST_WORDS:]

    def _failed(self, event: Any) -> None:
        """Have it tried again at once the first time, then ever later, and say why."""
        process = event.process
        if process.config.name != self._agent or not is_known():
            return
        process.backoff = min(process.backoff, _LONGEST_PAUSE + 1)
        process.delay = time.time() + process.backoff - 1
        lines = [line for line in self._words.decode(errors="replace").splitlines() if line.strip()]
        self._words = b""
        if lines and (process.spawnerr or "").startswith("Exited too quickly"):
            process.spawnerr = next((line for line in reversed(lines) if _ERROR.match(line)), lines[-1]).strip()
