"""The merged engine: starts and stops components in the processes of their hosts, over the sockets those listen on.

It makes no process: a host is an instance of another engine, and is up before a component starts. Listening sockets
are bound here and kept through restarts of both; each start of a component gets a pipe for its output, read as any
other's. Where a host goes, its components have ended. Decides nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from launcher.engines.adoption import Adoption
from launcher.engines.hostline import HostLine, Measured, Running
from launcher.engines.line import Lost
from launcher.engines.measuring import Measuring
from launcher.engines.sharing import SharedSockets
from launcher.engines.starts import Starts, say_start
from launcher.engines.successors import Successors
from launcher.engines.tracked import Tracked, ended_with, unwanted
from launcher.errors import HostAbsent, LauncherError
from launcher.host import channel_of
from launcher.host.blame import read_blame
from launcher.orchestrator.events import (
    Adopted,
    Exited,
    Meddled,
    NotRenewed,
    Post,
    Probed,
    Renewed,
    Spawned,
    SpawnRefused,
    Verdict,
)
from launcher.orchestrator.orders import Can, Launch, Run, Stop
from launcher.plan.model import Plan
from launcher.profile.model import EngineName

if TYPE_CHECKING:
    from launcher.engines.hostline import Heard
    from launcher.engines.reader import Reader
    from launcher.engines.sockets import HeldSockets
    from launcher.engines.successors import Successor
    from launcher.orchestrator.protocols import Sink


class MergedEngine:
    """Speaks to the hosts whose sockets lie in the run folder."""

    can = frozenset({Can.HOLD_SOCKETS})

    def __init__(self, *, reader: Reader, run_folder: str, sockets: HeldSockets | None = None) -> None:
        self._reader = reader
        self._folder = run_folder
        self._sockets = SharedSockets(sockets)
        # From here on the reader's thread's own.
        self._lines: dict[str, HostLine] = {}
        self._tracked: dict[str, Tracked] = {}
        #: Those in whose place others have come, and the lines to the hosts in which they drain.
        self._replaced: list[Tracked] = []
        self._leaving: list[HostLine] = []
        self._starts = Starts()
        self._measuring = Measuring(reader, self._tracked)

    def open(self, plan: Plan, post: Post, output: Sink) -> None:
        """Begin: tell of what runs in hosts that run already."""
        self._plan = plan
        self._post = post
        self._sink = output
        for one in plan.instances.values():
            if one.is_component and one.port is not None:
                self._sockets.take_over(one.name, one.port, is_shared=plan.services[one.service].prefix is not None)
        self._successors = Successors(
            self._reader,
            partial(channel_of, self._folder),
            post=post,
            sink=output,
            say_start=lambda *start: say_start(self._plan, *start),
            taken=self._take_over_all,
            lost=self._tell_ends,
        )
        output.on_room(self._reader.resume)
        self._adoption = Adoption(
            EngineName.MERGED,
            self._reader,
            post,
            connect=lambda group: self._connected(group) is not None,
            told=self._adopted,
        )
        groups = {one.group for one in plan.instances.values() if one.is_component}
        self._reader.call(partial(self._adoption.begin, groups))

    def change(self, plan: Plan) -> None:
        """Go by another plan from now on. What is no component any more is let go of, its socket handed over."""
        before, now = self._plan.instances.values(), plan.instances
        moved = [one.name for one in before if one.is_component and not now[one.name].is_component]
        self._plan = plan
        for instance in moved:
            self._sockets.hand_over(instance)
            self._reader.call(partial(self._release, instance))

    def start(self, launch: Launch) -> None:
        """Start a component in its host; Spawned or SpawnRefused follows."""
        try:
            held = self._hold(launch)
        except LauncherError as error:
            self._post(SpawnRefused(launch.instance, launch.generation, error))
            return
        self._reader.call(partial(self._start, launch, held))

    def resume(self, launch: Launch) -> None:
        """Know again what was started by an earlier launcher, and hold its socket, which that one has left."""
        with suppress(LauncherError):  # the next start will say so
            if (held := self._hold(launch)) is not None:
                self._reader.call(partial(self._starts.remember, launch, held))

    def renew(self, launch: Launch) -> None:
        """Have a component start anew beside itself; Renewed or NotRenewed follows, Risen if in its next process."""
        is_beside = launch.app is not None and launch.app.is_beside
        self._reader.call(partial(self._start_beside if is_beside else self._renew, launch))

    def take_place(self, host: Run) -> None:
        """Have the next process of a host come in its place, with all that was started there."""
        self._reader.call(partial(self._take_place, host))

    def stop(self, run: Run, how: Stop) -> None:  # noqa: ARG002  (there is but one way to end a component)
        """Ask a component to drain and to end; it cannot be made to."""
        self._reader.call(partial(self._stop, run))

    def release(self, instance: str) -> None:
        """Close the socket held for an instance, and answer for it no more."""
        self._sockets.release(instance)
        self._reader.call(partial(self._release, instance))

    def stand_in(self, instance: str, why: str) -> None:
        """Have the host of an instance that has failed answer 503 for it, this host or the next."""
        self._reader.call(partial(self._stand_in_for, instance, why))

    def measure(self, done: Callable[[Mapping[str, Measured]], None]) -> None:
        """Ask all hosts what their components have done; `done` is called in the reader's thread, by instance."""
        self._reader.call(lambda: self._measuring.ask(self._lines, done))

    def close(self) -> None:
        """Let go; what runs goes on."""
        self._reader.call(self._drop)
        self._sockets.close()

    def _hold(self, launch: Launch) -> socket.socket | None:
        """A copy of the socket that a start is to have; `dup` would make it block, and those of the host with it."""
        is_shared = launch.app is not None and launch.app.prefix is not None
        label = self._plan.instances[launch.instance].label
        held = self._sockets.hold(launch.instance, launch.sockets, label=label, is_shared=is_shared)
        return socket.socket(fileno=os.dup(held.fileno())) if held is not None else None

    # In the reader's thread ------------------------------------------------------------------------------------------

    def _adopt(self, group: str, line: HostLine, told: Running) -> None:
        """Go on with a run of an earlier launcher; one that nobody knows of is ended."""
        run = told.run
        one = self._plan.instances.get(run.instance)
        if one is not None and one.is_component and run.instance not in self._tracked:
            self._tracked[run.instance] = Tracked(run, group, line, told.pipe)
            self._post(Adopted(run.instance, run.generation, line.pid, told.since, told.is_up))
            return
        self._reader.read(told.pipe, partial(unwanted, told.pipe))
        if one is None or not one.is_component:
            line.is_told(partial(line.stop, run))

    def _adopted(self, group: str) -> None:
        """The loop has taken in what runs in a host: now it may hear what that prints."""
        for tracked in self._tracked.values():
            if tracked.group == group:
                tracked.read(self._reader, self._sink)

    def _connected(self, group: str) -> HostLine | None:
        """The line to a group's host, made now unless it is there; None: nobody listens."""
        line = self._lines.get(group)
        if line is None:
            try:
                line = HostLine(channel_of(self._folder, group))
            except Lost:
                return None
            self._lines[group] = line
            self._listen(group, line)
            self._starts.answer_for_all(line, group)
        return line

    def _listen(self, group: str, line: HostLine) -> None:
        self._reader.when_readable(line.fileno(), partial(self._hear, group, line))

    def _hear(self, group: str, line: HostLine) -> None:
        try:
            heard = line.hear()
        except Lost:
            self._lose(group, line)
            return
        for one in heard:
            self._take_in(group, line, one)
        self._listen(group, line)

    def _take_in(self, group: str, line: HostLine, heard: Heard) -> None:
        match heard:
            case Running():
                self._adopt(group, line, heard)
            case Exited():
                run = Run(heard.instance, heard.generation)
                tracked = self._tracked.get(heard.instance)
                if tracked is not None and tracked.run == run:
                    self._end(tracked, ended_with(self._plan.host_of(group), heard) if heard.cause else heard)
                else:
                    self._end_replaced(run)
                line.is_told(partial(line.heard, run))
            case Meddled() | NotRenewed():
                self._post(heard)
            case Renewed():
                self._take_over(heard)
            case Measured():
                self._measuring.take(heard)
            case "told":
                self._tell_of_host(group, line)
            case "measured":
                self._measuring.told(group)

    def _start(self, launch: Launch, held: socket.socket | None) -> None:
        assert launch.app is not None
        if held is not None:
            self._starts.remember(launch, held)
        else:
            self._starts.forget(launch.instance)
        line = self._connected(launch.app.group)
        host = self._plan.host_of(launch.app.group).label
        reading, writing = os.pipe()
        is_told = line is not None and line.is_told(
            partial(say_start, self._plan, line, launch, (writing, reading), held)
        )
        os.close(writing)
        if line is None or not is_told:
            os.close(reading)
            error = HostAbsent(f'cannot start "{launch.instance}": {host}, in whose process it runs, does not answer')
            self._post(SpawnRefused(launch.instance, launch.generation, error))
            return
        tracked = Tracked(launch.run, launch.app.group, line, reading)
        self._tracked[launch.instance] = tracked
        tracked.read(self._reader, self._sink)
        self._post(Spawned(launch.instance, launch.generation, line.pid))

    def _renew(self, launch: Launch) -> None:
        tracked = self._tracked.get(launch.instance)
        line = tracked.line if tracked is not None else None
        if line is None or not line.is_told(partial(line.renew, launch)):
            self._post(NotRenewed(launch.instance, launch.generation - 1, "the process it runs in does not answer"))
            return
        self._starts.renewed(launch)

    def _take_over(self, told: Renewed) -> None:
        """The next start has come in the place of the one before, and writes to its pipe."""
        tracked = self._tracked.get(told.instance)
        if tracked is None or tracked.run.generation != told.generation:
            return
        if tracked.pipe >= 0:
            self._sink.end(tracked.run)
        tracked.run = Run(told.instance, told.generation + 1)
        self._post(told)

    def _start_beside(self, launch: Launch) -> None:
        self._successors.start(launch, self._starts.socket_of(launch.instance))

    def _take_place(self, host: Run) -> None:
        group = self._plan.instances[host.instance].group
        successor = self._successors.take_place(host, group)
        if successor is not None:
            self._starts.answer_for_all(successor.line, group)
            successor.line.is_told(successor.line.take_place)

    def _take_over_all(self, group: str, successor: Successor) -> None:
        """Another host has come in the place of a group's, which drains from now on."""
        before = self._lines.get(group)
        self._lines[group] = successor.line
        self._listen(group, successor.line)
        for instance, (tracked, launch) in successor.coming.items():
            if instance in self._tracked:
                self._replaced.append(self._tracked[instance])
            self._tracked[instance] = tracked
            self._starts.renewed(launch)
            self._post(Renewed(instance, tracked.run.generation - 1, ""))
        if successor.host is not None:
            self._post(Renewed(successor.host.instance, successor.host.generation, ""))
        if before is not None:
            self._leaving.append(before)
            before.is_told(before.leave)

    def _tell_ends(self, successor: Successor) -> None:
        """A host that was taking the place of another is gone: what has ended meanwhile has."""
        for told in successor.ended.values():
            self._end(self._tracked[told.instance], told)

    def _end_replaced(self, run: Run) -> None:
        for tracked in [one for one in self._replaced if one.run == run]:
            self._replaced.remove(tracked)
            tracked.finish(self._reader, self._sink)

    def _stop(self, run: Run) -> None:
        tracked = self._tracked.get(run.instance)
        if tracked is not None and tracked.run == run:
            tracked.line.is_told(partial(tracked.line.stop, run))

    def _release(self, instance: str) -> None:
        launch = self._starts.forget(instance)
        group = self._plan.instances[instance].group if launch is None or launch.app is None else launch.app.group
        line = self._lines.get(group)
        if line is not None:
            line.known_ports &= self._starts.ports
            line.is_told(partial(line.release, instance))

    def _stand_in_for(self, instance: str, why: str) -> None:
        line = self._lines.get(self._starts.fails(instance, why))
        if line is not None:
            self._starts.answer_for(line, instance)

    def _lose(self, group: str, line: HostLine) -> None:
        """The host is gone, and with it all that ran in it."""
        is_current = self._lines.get(group) is line
        if is_current:
            del self._lines[group]
        else:
            self._leaving.remove(line)
        self._reader.end_of(line.pid, partial(self._end_all, group, line, is_current))

    def _end_all(self, group: str, line: HostLine, is_current: bool, code: int | None) -> None:  # noqa: FBT001
        label = self._plan.host_of(group).label
        cause, when = read_blame(channel_of(self._folder, group), code) if is_current else ("", "")
        by = f", by {self._plan.instances[cause].label}" if cause in self._tracked else ""
        for tracked in [one for one in self._replaced if one.line is line]:
            self._end_replaced(tracked.run)
        for tracked in [one for one in self._tracked.values() if one.line is line]:
            run = tracked.run
            why = (
                f"it took {label} along {when}" if run.instance == cause else f"{label}, in which it ran, has ended{by}"
            )
            self._end(tracked, Exited(run.instance, run.generation, 1, why, cause if by else ""))
            self._starts.mend(run.instance)
        if is_current:
            self._adoption.has_told(group)
            self._measuring.told(group)
        line.close()

    def _tell_of_host(self, group: str, line: HostLine) -> None:
        """A host that was there before has told of all that runs in it. So it is up, whoever heard it say so."""
        if self._adoption.awaits(group):
            host = self._plan.host_of(group)
            self._post(Probed(host.name, line.generation, Verdict(ok=True, answer="READY=1")))
        self._adoption.has_told(group)

    def _end(self, tracked: Tracked, told: Exited) -> None:
        tracked.finish(self._reader, self._sink)
        successor = self._successors.of(tracked.group)
        if successor is not None and successor.holds_back(told):
            return
        del self._tracked[tracked.run.instance]
        if told.code and not told.cause:
            self._starts.fails(tracked.run.instance, told.why)
        self._post(told)

    def _drop(self) -> None:
        for line in (*self._lines.values(), *self._leaving):
            self._reader.listen_no_more(line.fileno())
            line.close()
        self._lines.clear()
        self._leaving.clear()
        self._successors.drop()
        for tracked in (*self._tracked.values(), *self._replaced):
            if tracked.pipe >= 0:
                self._reader.finish(tracked.pipe)
        self._tracked.clear()
        self._replaced.clear()
        self._starts.clear()
