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
from launcher.engines.hostline import Expected, HostLine, Measured, Running
from launcher.engines.line import Lost
from launcher.engines.measuring import Measuring
from launcher.engines.sharing import SharedSockets
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
    from launcher.orchestrator.protocols import Sink


class _Tracked:
    """A run, the group in whose host it goes on, and the pipe of its output (-1: its end has been read)."""

    def __init__(self, run: Run, group: str, pipe: int) -> None:
        self.run = run
        self.group = group
        self.pipe = pipe
        self.is_read = False


class MergedEngine:
    """Speaks to the hosts whose sockets lie in the run folder."""

    can = frozenset({Can.HOLD_SOCKETS})

    def __init__(self, *, reader: Reader, run_folder: str, sockets: HeldSockets | None = None) -> None:
        self._reader = reader
        self._folder = run_folder
        self._sockets = SharedSockets(sockets)
        # From here on the reader's thread's own.
        self._lines: dict[str, HostLine] = {}
        self._tracked: dict[str, _Tracked] = {}
        #: The last start of each instance whose socket is held, with a copy of that; and why those that failed did.
        self._launches: dict[str, tuple[Launch, socket.socket]] = {}
        self._failed: dict[str, str] = {}
        self._measuring = Measuring(reader, self._tracked)

    def open(self, plan: Plan, post: Post, output: Sink) -> None:
        """Begin: tell of what runs in hosts that run already."""
        self._plan = plan
        self._post = post
        self._sink = output
        for one in plan.instances.values():
            if one.is_component and one.port is not None:
                is_shared = plan.services[one.service].prefix is not None
                self._sockets.take_over(one.name, one.port, is_shared=is_shared)
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
        moved = [
            name
            for name, one in self._plan.instances.items()
            if one.is_component and not plan.instances[name].is_component
        ]
        self._plan = plan
        for instance in moved:
            self._sockets.hand_over(instance)
            self._reader.call(partial(self._release, instance))

    def start(self, launch: Launch) -> None:
        """Start a component in its host; Spawned or SpawnRefused follows."""
        try:
            is_shared = launch.app is not None and launch.app.prefix is not None
            label = self._plan.instances[launch.instance].label
            held = self._sockets.hold(launch.instance, launch.sockets, label=label, is_shared=is_shared)
        except LauncherError as error:
            self._post(SpawnRefused(launch.instance, launch.generation, error))
            return
        self._reader.call(partial(self._start, launch, _copy_of(held) if held is not None else None))

    def resume(self, launch: Launch) -> None:
        """Know again what was started by an earlier launcher, and hold its socket, which that one has left."""
        is_shared = launch.app is not None and launch.app.prefix is not None
        with suppress(LauncherError):  # the next start will say so
            label = self._plan.instances[launch.instance].label
            held = self._sockets.hold(launch.instance, launch.sockets, label=label, is_shared=is_shared)
            if held is not None:
                self._reader.call(partial(self._remember, launch, _copy_of(held)))

    def renew(self, launch: Launch) -> None:
        """Have a component start anew beside itself, on the same socket; Renewed or NotRenewed follows."""
        self._reader.call(partial(self._renew, launch))

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

    # In the reader's thread ------------------------------------------------------------------------------------------

    def _adopt(self, group: str, line: HostLine, told: Running) -> None:
        """Go on with a run of an earlier launcher; one that nobody knows of is ended."""
        run = told.run
        one = self._plan.instances.get(run.instance)
        if one is not None and one.is_component and run.instance not in self._tracked:
            self._tracked[run.instance] = _Tracked(run, group, told.pipe)
            self._post(Adopted(run.instance, run.generation, line.pid, told.since, told.is_up))
            return
        self._reader.read(told.pipe, partial(_ignore, told.pipe))
        if one is None or not one.is_component:
            line.is_told(partial(line.stop, run))

    def _adopted(self, group: str) -> None:
        """The loop has taken in what runs in a host: now it may hear what that prints."""
        for tracked in self._tracked.values():
            if tracked.group == group:
                self._read(tracked)

    def _remember(self, launch: Launch, held: socket.socket) -> None:
        self._forget(launch.instance)
        self._launches[launch.instance] = (launch, held)

    def _read(self, tracked: _Tracked) -> None:
        if tracked.pipe >= 0 and not tracked.is_read:
            tracked.is_read = True
            self._reader.read(tracked.pipe, partial(self._took, tracked))

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
            self._stand_in(group, line)
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
                tracked = self._tracked.get(heard.instance)
                if tracked is not None and tracked.run.generation == heard.generation:
                    self._end(tracked, self._with_host(group, heard) if heard.cause else heard)
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
            self._remember(launch, held)
        else:
            self._forget(launch.instance)
        line = self._connected(launch.app.group)
        host = self._plan.host_of(launch.app.group).label
        reading, writing = os.pipe()
        is_told = line is not None and line.is_told(partial(self._say_start, line, launch, (writing, reading), held))
        os.close(writing)
        if line is None or not is_told:
            os.close(reading)
            error = HostAbsent(f'cannot start "{launch.instance}": {host}, in whose process it runs, does not answer')
            self._post(SpawnRefused(launch.instance, launch.generation, error))
            return
        tracked = _Tracked(launch.run, launch.app.group, reading)
        self._tracked[launch.instance] = tracked
        self._read(tracked)
        self._post(Spawned(launch.instance, launch.generation, line.pid))

    def _say_start(self, line: HostLine, launch: Launch, pipe: tuple[int, int], held: socket.socket | None) -> None:
        """Have a component started, and before the first on a shared port, its neighbours there answered for."""
        if launch.app is not None and launch.app.prefix is not None and held is not None:
            line.expect(launch.sockets[0].port, self._expected_at(launch.sockets[0].port, launch.app.group))
        line.start(launch, pipe, held)

    def _expected_at(self, port: int, group: str) -> list[Expected]:
        return [
            Expected(one.name, one.service, prefix)
            for one in self._plan.components_of(group)
            if one.port == port and (prefix := self._plan.services[one.service].prefix) is not None
        ]

    def _renew(self, launch: Launch) -> None:
        tracked = self._tracked.get(launch.instance)
        line = self._lines.get(tracked.group) if tracked is not None else None
        if line is None or not line.is_told(partial(line.renew, launch)):
            self._post(NotRenewed(launch.instance, launch.generation - 1, "the process it runs in does not answer"))
            return
        if launch.instance in self._launches:
            self._launches[launch.instance] = (launch, self._launches[launch.instance][1])

    def _take_over(self, told: Renewed) -> None:
        """The next start has come in the place of the one before, and writes to its pipe."""
        tracked = self._tracked.get(told.instance)
        if tracked is None or tracked.run.generation != told.generation:
            return
        if tracked.pipe >= 0:
            self._sink.end(tracked.run)
        tracked.run = Run(told.instance, told.generation + 1)
        self._post(told)

    def _stop(self, run: Run) -> None:
        tracked = self._tracked.get(run.instance)
        line = self._lines.get(tracked.group) if tracked is not None else None
        if tracked is not None and tracked.run == run and line is not None:
            line.is_told(partial(line.stop, run))

    def _release(self, instance: str) -> None:
        launch = self._forget(instance)
        group = self._plan.instances[instance].group if launch is None or launch.app is None else launch.app.group
        line = self._lines.get(group)
        if line is not None:
            line.known_ports.intersection_update(one.sockets[0].port for one, _ in self._launches.values())
            line.is_told(partial(line.release, instance))

    def _forget(self, instance: str) -> Launch | None:
        self._failed.pop(instance, None)
        launch, held = self._launches.pop(instance, (None, None))
        if held is not None:
            held.close()
        return launch

    def _stand_in_for(self, instance: str, why: str) -> None:
        launch, held = self._launches.get(instance, (None, None))
        if launch is None or launch.app is None or held is None:
            return  # it never listened
        self._failed[instance] = why
        line = self._lines.get(launch.app.group)
        if line is not None:
            line.is_told(partial(line.stand_in, launch, held, why))

    def _stand_in(self, group: str, line: HostLine) -> None:
        """Have a new host answer for those that failed in the one before."""
        for instance, why in self._failed.items():
            launch, held = self._launches[instance]
            if launch.app is not None and launch.app.group == group:
                line.is_told(partial(line.stand_in, launch, held, why))

    def _lose(self, group: str, line: HostLine) -> None:
        """The host is gone, and with it all that ran in it."""
        del self._lines[group]
        self._reader.end_of(line.pid, partial(self._end_all, group, line))

    def _end_all(self, group: str, line: HostLine, code: int | None) -> None:
        label = self._plan.host_of(group).label
        cause, when = read_blame(channel_of(self._folder, group), code)
        by = f", by {self._plan.instances[cause].label}" if cause in self._tracked else ""
        for tracked in [one for one in self._tracked.values() if one.group == group]:
            run = tracked.run
            why = (
                f"it took {label} along {when}" if run.instance == cause else f"{label}, in which it ran, has ended{by}"
            )
            self._end(tracked, Exited(run.instance, run.generation, 1, why, cause if by else ""))
            self._failed.pop(run.instance, None)  # it did not, and is likely to start in the next host at once
        self._adoption.has_told(group)
        self._measuring.told(group)
        line.close()

    def _with_host(self, group: str, told: Exited) -> Exited:
        """The end of a component that ended because its host does."""
        host = self._plan.host_of(group)
        why = f"{host.label}, in which it ran, is ending"
        return Exited(told.instance, told.generation, 1, why, host.name)

    def _tell_of_host(self, group: str, line: HostLine) -> None:
        """A host that was there before has told of all that runs in it. So it is up, whoever heard it say so."""
        if self._adoption.awaits(group):
            host = self._plan.host_of(group)
            self._post(Probed(host.name, line.generation, Verdict(ok=True, answer="READY=1")))
        self._adoption.has_told(group)

    def _end(self, tracked: _Tracked, told: Exited) -> None:
        del self._tracked[tracked.run.instance]
        if tracked.pipe >= 0:
            self._read(tracked)
            self._reader.finish(tracked.pipe)
        if told.code and not told.cause and tracked.run.instance in self._launches:
            self._failed[tracked.run.instance] = told.why
        self._post(told)

    def _took(self, tracked: _Tracked, batch: bytes) -> bool:
        if batch:
            return self._sink.write(tracked.run, batch)
        self._sink.end(tracked.run)
        os.close(tracked.pipe)
        tracked.pipe = -1
        return True

    def _drop(self) -> None:
        for line in self._lines.values():
            self._reader.listen_no_more(line.fileno())
            line.close()
        self._lines.clear()
        for tracked in self._tracked.values():
            if tracked.pipe >= 0:
                self._reader.finish(tracked.pipe)
        self._tracked.clear()
        for instance in list(self._launches):
            self._forget(instance)


def _ignore(pipe: int, batch: bytes) -> bool:
    """Take what nobody wants, or whoever prints it would wait for ever."""
    if not batch:
        os.close(pipe)
    return True


def _copy_of(held: socket.socket) -> socket.socket:
    """A copy; `dup` would make both block, and that in the host too, whose loop accepts on a third."""
    return socket.socket(fileno=os.dup(held.fileno()))
