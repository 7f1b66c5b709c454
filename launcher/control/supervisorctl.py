"""What supervisorctl gains: `why`, `health`, `timeline`, `wait` and `down`, answered by the agent inside supervisord.

Where the agent does not answer, supervisord does: with what is wrong with the agent, what it told last, and how old
that is. `[ctlplugin:launcher]` of an exported configuration names `make`. supervisorctl's own commands are left as they
are.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xmlrpc.client import Error as RpcError

from supervisor.supervisorctl import ControllerPluginBase, LSBInitExitStatuses, LSBStatusExitStatuses

from launcher.control import wire
from launcher.control.client import Client
from launcher.control.named import views_of
from launcher.errors import LauncherError, LauncherGone, NothingRunning
from launcher.orchestrator.snapshot import State

_UP = frozenset({State.READY, State.COMPLETED})
#: How long the agent may take to answer, in seconds: milliseconds, unless it hangs.
_PATIENCE = 2.0
#: How long one that supervisord has just started may take until it can be asked, in seconds; it is a fraction of one.
_COMING = 10.0

#: Lines from supervisord's `launcher` methods, and what its `launcher.status` said.
_Recall = Callable[[Any, Mapping[str, Any]], Iterable[str]]


class Plugin(ControllerPluginBase):  # type: ignore[misc]  # supervisor has no types
    """The commands, by supervisorctl's rule of names: `do_X` and `help_X`."""

    name = "launcher"

    def __init__(self, controller: Any, run: str) -> None:
        self.ctl = controller
        self._client = Client(folder=Path(run), patience=_PATIENCE)

    def do_why(self, arg: str) -> None:
        """Explain the state of a service."""

        def tell(words: list[str]) -> Iterable[str]:
            from launcher.observe.why import chain  # noqa: PLC0415

            (name,) = words
            snapshot = self._client.status()
            views_of(snapshot, name)
            return chain(snapshot, name)

        self._answer(arg, tell, takes=1, recall=lambda rpc, _told: map(str, rpc.why(arg.strip())))

    def help_why(self) -> None:
        self.ctl.output("why NAME\tExplain the state of a service, down to its cause.")

    def do_health(self, arg: str) -> None:
        """Show the state of each service."""

        def tell(_words: list[str]) -> Iterable[str]:
            views = self._client.status().instances
            if any(view.state not in _UP for view in views):
                self.ctl.exitstatus = LSBStatusExitStatuses.NOT_RUNNING
            return _table((view.label, view.state, view.reason.text) for view in views)

        self._answer(arg, tell, takes=0, recall=_all_states)

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

        def tell(words: list[str]) -> Iterable[str]:
            self._await_agent()  # one that hangs is noticed here, and a wait may take any time
            return self._follow(self._client.wait(words))

        self._answer(arg, tell, recall=_all_states)

    def help_wait(self) -> None:
        self.ctl.output("wait [NAME…]\tWait until services are ready, or never will be.")

    def _await_agent(self) -> None:
        """Return when the agent answers: supervisord may just have been started, and have one in a moment."""
        deadline = time.monotonic() + _COMING
        while True:
            try:
                self._client.status()
            except NothingRunning:
                if time.monotonic() > deadline or self._is_in_trouble():
                    raise
                time.sleep(0.05)  # nobody tells of a socket that is not there yet
            else:
                return

    def _is_in_trouble(self) -> bool:
        try:
            return bool(self.ctl.get_server_proxy("launcher").status()["trouble"])
        except (OSError, RpcError):
            return True

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

    def _answer(
        self,
        arg: str,
        tell: Callable[[list[str]], Iterable[str]],
        *,
        takes: int | None = None,
        recall: _Recall | None = None,
    ) -> None:
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
            if isinstance(error, LauncherGone | NothingRunning):
                for line in self._recalled(recall):
                    self.ctl.output(line)

    def _recalled(self, recall: _Recall | None) -> Iterator[str]:
        """What supervisord knows of an agent that does not answer, and of what it told."""
        rpc = self.ctl.get_server_proxy("launcher")
        try:
            told = rpc.status()
            if told["trouble"]:
                yield told["trouble"]
            if recall is None:
                return
            if told["age"] < 0:
                yield "It has told nothing of the services yet."
                return
            yield f"What it told {told['age']:.0f} s ago:"
            yield from recall(rpc, told)
        except (OSError, RpcError) as problem:
            yield f"supervisord does not answer for it: {problem}"


def _all_states(_rpc: Any, told: Mapping[str, Any]) -> Iterable[str]:
    return _table((one["label"], one["state"], one["reason"]["text"]) for one in told["instances"].values())


def _table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    found = list(rows)
    width = max((len(label) for label, _, _ in found), default=0)
    return [f"{label:<{width}}  {state:<9}  {text}" for label, state, text in found]


def make(controller: Any, run: str = "") -> Plugin:
    """Make the plugin; `run` is the run folder of the agent."""
    return Plugin(controller, run)
