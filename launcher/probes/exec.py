"""The exec probe: healthy when a command exits with 0.

The command is a child like any other, run and killed at its time-out by the engine's `Children`. Knows no process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from launcher.orchestrator.orders import Watch
from launcher.probes.base import Done, Finding, no_answer_within, with_text
from launcher.probes.reactor import Reactor

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Children

_NOT_EXECUTABLE = 126
_NOT_FOUND = 127


def argv_of(command: str | list[str]) -> tuple[str, ...]:
    """A string is the shell's, a list is executed as it is."""
    return ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)


def judge(code: int | None, output: bytes, timeout: float) -> Finding:
    """What the end of a command amounts to; its last lines stand below the summary."""
    if code is None:
        summary = no_answer_within(timeout, "the command was killed")
    elif code < 0:
        import signal  # noqa: PLC0415  (only where a command was killed by somebody else)

        try:
            summary = f"ended by {signal.Signals(-code).name}"
        except ValueError:
            summary = f"ended by signal {-code}"
    elif code in (_NOT_EXECUTABLE, _NOT_FOUND):
        summary = f"exit code {code} (not executable)" if code == _NOT_EXECUTABLE else f"exit code {code} (not found)"
    else:
        summary = f"exit code {code}"
    return Finding(code == 0, with_text(summary, output, last=True))


class ExecProbe:
    """Runs a command in the directory and with the environment of its service."""

    __slots__ = ("_argv", "_children", "_reactor", "_watch")

    def __init__(self, reactor: Reactor, children: Children, *, command: str | list[str], watch: Watch) -> None:
        self._reactor = reactor
        self._children = children
        self._argv = argv_of(command)
        self._watch = watch

    def begin(self, done: Done) -> Command:
        command = Command(self._reactor, timeout=self._watch.health.timeout, done=done)
        command.cancel = self._children.run(
            self._argv,
            env=self._watch.env,
            directory=self._watch.directory,
            timeout=self._watch.health.timeout,
            done=command.ended,
        )
        return command


class Command:
    """One run of the command. Dropped, it is killed; of an end that is under way by then nobody hears."""

    __slots__ = ("_done", "_reactor", "_timeout", "cancel")

    def __init__(self, reactor: Reactor, *, timeout: float, done: Done) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._done: Done | None = done
        self.cancel: Callable[[], None]

    def ended(self, code: int | None, output: bytes) -> None:
        """Take the end from the thread that awaits children to the probing thread."""
        self._reactor.call(lambda: self._tell(judge(code, output, self._timeout)))

    def drop(self) -> None:
        self._done = None
        self.cancel()

    def _tell(self, finding: Finding) -> None:
        if self._done is not None:
            self._done(finding)
