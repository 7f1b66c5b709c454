"""What supervisorctl gains: `why`, `health`, `timeline`, `wait` and `down`, answered by the agent inside supervisord.

`[ctlplugin:launcher]` of an exported configuration names `make`. supervisorctl's own commands are left as they are.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from supervisor.supervisorctl import ControllerPluginBase, LSBInitExitStatuses

from launcher.control import wire
from launcher.control.client import Client
from launcher.control.named import views_of
from launcher.errors import LauncherError
from launcher.orchestrator.snapshot import State

_UP = frozenset({State.READY, State.COMPLETED})


class Plugin(ControllerPluginBase):  # type: ignore[misc]  # supervisor has no types
    """The commands, by supervisorctl's rule of names: `do_X` and `help_X`."""

    name = "launcher"

    def __init__(self, controller: Any, run: str) -> None:
        self.ctl = controller
        self._client = Client(folder=Path(run))

    def do_why(self, arg: str) -> None:
        """Explain the state of a service."""

        def tell(words: list[str]) -> Iterable[str]:
            from launcher.observe.why import chain  # noqa: PLC0415

            (name,) = words
            snapshot = self._client.status()
            views_of(snapshot, name)
            return chain(snapshot, name)

        self._answer(arg, tell, takes=1)

    def help_why(self) -> None:
        self.ctl.output("why NAME\tExplain the state of a service, down to its cause.")

    def do_health(self, arg: str) -> None:
        """Show what the last check of each service answered."""

        def tell(_words: list[str]) -> Iterable[str]:
            views = self._client.status().instances
            width = max((len(view.label) for view in views), default=0)
            if any(view.state not in _UP for view in views):
                self.ctl.exitstatus = LSBInitExitStatuses.NOT_RUNNING
            return [f"{view.label:<{width}}  {view.state:<9}  {view.reason.text}" for view in views]

        self._answer(arg, tell, takes=0)

    def help_health(self) -> None:
        self.ctl.output("health\t\tShow the state of each service and why it is in it; exit 3 unless all are up.")

    def do_timeline(self, arg: str) -> None:
        """Show how the last start-up went."""

        def tell(_words: list[str]) -> Iterable[str]:
            from launcher.observe.waterfall import ASCII, waterfall  # noqa: PLC0415

            return [waterfall(self._client.timeline(), width=100, strokes=ASCII)]

        self._answer(arg, tell, takes=0)

    def help_timeline(self) -> None:
        self.ctl.output("timeline\tShow how the last start-up went, and what would make it shorter.")

    def do_wait(self, arg: str) -> None:
        """Wait until services are ready, completed, or never will be."""
        self._answer(arg, lambda words: self._follow(self._client.wait(words)))

    def help_wait(self) -> None:
        self.ctl.output("wait [NAME…]\tWait until services are ready, or never will be.")

    def do_down(self, arg: str) -> None:
        """Stop everything in reverse order, and supervisord after it."""
        self._answer(arg, lambda _words: self._follow(self._client.stop()), takes=0)

    def help_down(self) -> None:
        self.ctl.output("down\t\tStop everything, dependents first, and then supervisord.")

    def _follow(self, sent: Iterable[wire.AnySent]) -> list[str]:
        for one in sent:
            if isinstance(one, wire.Done):
                if one.status:
                    self.ctl.exitstatus = one.status
                return [*one.lines, *(f"E{fault.code} {fault.sentence}" for fault in one.faults)]
        return []

    def _answer(self, arg: str, tell: Callable[[list[str]], Iterable[str]], *, takes: int | None = None) -> None:
        words = shlex.split(arg)
        if takes is not None and len(words) != takes:
            self.ctl.output(f"Error: {takes or 'no'} name{'' if takes == 1 else 's'} expected; see `help`.")
            self.ctl.exitstatus = LSBInitExitStatuses.INVALID_ARGS
            return
        try:
            for line in tell(words):
                self.ctl.output(line)
        except LauncherError as error:
            self.ctl.output(f"E{error.code} {error.sentence}")
            self.ctl.exitstatus = error.status


def make(controller: Any, run: str = "") -> Plugin:
    """Make the plugin; `run` is the run folder of the agent."""
    return Plugin(controller, run)
