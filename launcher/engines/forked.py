"""The forked engine: has apps forked from the zygote of their group, each a process of its own.

It only brings them into the world: the system gives a fork that its parent leaves to whoever adopts orphans, the
launcher or supervisord, and from then on it is a process of that engine like any other. Signals, output, exit codes,
descendants, the guard and held sockets are that one's, and a zygote that dies takes nothing with it. Decides nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Protocol

from launcher.engines.adoption import Adoption
from launcher.engines.line import Line, Lost
from launcher.engines.spawn import identity_of, refuse_folder
from launcher.errors import EngineCannot, HostAbsent, LauncherError, SpawnFailed
from launcher.host import channel_of
from launcher.host.frames import pack
from launcher.orchestrator.events import Post, Probed, SpawnRefused, Verdict
from launcher.orchestrator.orders import Can, Launch, Run, Stop
from launcher.plan.model import Plan
from launcher.profile.model import EngineName

if TYPE_CHECKING:
    import socket
    from typing import Any

    from launcher.engines.reader import Reader
    from launcher.orchestrator.protocols import Sink


class _Awaited:
    """A start that the zygote has been asked for: our ends of its output and its gate, and a stop asked for since."""

    def __init__(self, launch: Launch, group: str, pipe: int, gate: int) -> None:
        self.launch = launch
        self.group = group
        self.pipe = pipe
        self.gate = gate
        self.stop: Stop | None = None


class Parent(Protocol):
    """The engine that forks end up with."""

    can: frozenset[Can]

    @property
    def no_forks(self) -> str:
        """Why nothing can be forked here; empty: it can."""
        ...

    def hold(self, launch: Launch) -> socket.socket | None:
        """The listening socket of a start, bound now unless it is held already; raises what makes it impossible."""
        ...

    def when_due(self, action: Callable[[], None], how: Stop | None = None) -> None:
        """Do something in the reader's thread, as soon as a start, or such a stop, may be carried out."""
        ...

    def environment_of(self, launch: Launch) -> dict[str, str]:
        """The environment of a start as its process gets it."""
        ...

    def admit(self, launch: Launch, pid: int, pipe: IO[bytes], begin: Callable[[bool], None]) -> None:
        """Take a process in; Spawned or SpawnRefused is posted, and `begin` told whether it is watched."""
        ...

    def end(self, run: Run, how: Stop) -> None:
        """Ask a run to end; in the reader's thread."""
        ...

    def release(self, instance: str) -> None:
        """Close the socket held for an instance."""
        ...


class ForkedEngine:
    """Speaks to the zygotes whose sockets lie in the run folder; `parent` is the engine that the forks end up with.

    That one must be opened before, and closed after.
    """

    def __init__(self, *, parent: Parent, reader: Reader, run_folder: str) -> None:
        self.can = parent.can
        self._parent = parent
        self._reader = reader
        self._folder = run_folder
        # From here on the reader's thread's own.
        self._lines: dict[str, Line] = {}
        self._awaited: dict[Run, _Awaited] = {}

    def open(self, plan: Plan, post: Post, output: Sink) -> None:  # noqa: ARG002  (it is the parent's)
        """Begin: find the zygotes that run already. What they have forked is the parent's to tell of."""
        self._plan = plan
        self._post = post
        self._adoption = Adoption(EngineName.FORKED, self._reader, post, connect=self._finds, told=_nothing)
        groups = {one.group for one in plan.instances.values() if one.is_forked}
        self._reader.call(partial(self._adoption.begin, groups))

    def change(self, plan: Plan) -> None:
        """Go by another plan from now on."""
        self._plan = plan

    def start(self, launch: Launch) -> None:
        """Have a process forked; Spawned or SpawnRefused follows."""
        what = f'cannot start "{self._plan.instances[launch.instance].label}"'
        try:
            if self._parent.no_forks:
                raise EngineCannot(
                    f"{what}: {self._parent.no_forks}",
                    remedy='Forked services need Linux; elsewhere use mode = "multi", or placement = "own".',
                )
            refuse_folder(launch, what)
            identity = identity_of(launch.user, what)
            held = self._parent.hold(launch)
        except LauncherError as error:
            self._post(SpawnRefused(launch.instance, launch.generation, error))
            return
        self._parent.when_due(partial(self._start, launch, identity, held.dup() if held is not None else None))

    def stop(self, run: Run, how: Stop) -> None:
        """As the parent does; one that is being forked is stopped as soon as it is there."""
        self._parent.when_due(partial(self._stop, run, how), how)

    def release(self, instance: str) -> None:
        """Close the socket held for an instance."""
        self._parent.release(instance)

    def close(self) -> None:
        """Let go; what runs goes on."""
        self._reader.call(self._drop)

    # In the reader's thread ------------------------------------------------------------------------------------------

    def _start(self, launch: Launch, identity: dict[str, Any], held: socket.socket | None) -> None:
        assert launch.app is not None
        group = launch.app.group
        pipe, output = os.pipe()
        waiting, gate = os.pipe()
        awaited = self._awaited[launch.run] = _Awaited(launch, group, pipe, gate)
        descriptors = [output, waiting, *([held.fileno()] if held is not None else [])]
        try:
            line = self._connected(group)
            line.say(_order(launch, identity, self._parent.environment_of(launch), descriptors), descriptors)
        except Lost:
            self._refuse(awaited, self._absent(awaited))
            if group in self._lines:
                self._lines[group].break_off()
        finally:
            os.close(output)
            os.close(waiting)
            if held is not None:
                held.close()

    def _stop(self, run: Run, how: Stop) -> None:
        awaited = self._awaited.get(run)
        if awaited is None:
            self._parent.end(run, how)
        else:
            awaited.stop = how

    def _connected(self, group: str) -> Line:
        """The line to a group's zygote, made now unless it is there; raises Lost."""
        line = self._lines.get(group)
        if line is None:
            line = self._lines[group] = Line(channel_of(self._folder, group))
            self._listen(group, line)
        return line

    def _finds(self, group: str) -> bool:
        with suppress(Lost):
            return bool(self._connected(group))
        return False

    def _listen(self, group: str, line: Line) -> None:
        self._reader.when_readable(line.fileno(), partial(self._hear, group, line))

    def _hear(self, group: str, line: Line) -> None:
        if self._lines.get(group) is not line:  # let go of meanwhile
            return
        try:
            frames = line.take()
        except Lost:
            self._lose(group, line)
            return
        for head, _ in frames:
            if head["kind"] == "hello":
                self._tell_of_zygote(group, head["generation"])
            awaited = self._awaited.get(Run(head["name"], head["generation"])) if "name" in head else None
            if awaited is not None and head["kind"] == "born":
                self._take_in(awaited, head["pid"])
            elif awaited is not None and head["kind"] == "unborn":
                label = self._plan.instances[awaited.launch.instance].label
                self._refuse(awaited, SpawnFailed(f'cannot start "{label}": {head["why"]}'))
        self._listen(group, line)

    def _tell_of_zygote(self, group: str, generation: int) -> None:
        """It answers, so it is up: if it was there before us, whoever heard it say so."""
        if self._adoption.awaits(group):
            host = self._plan.host_of(group)
            self._post(Probed(host.name, generation, Verdict(ok=True, answer="READY=1")))
        self._adoption.has_told(group)

    def _take_in(self, awaited: _Awaited, pid: int) -> None:
        """It is there: have it watched, and let it begin."""
        launch = awaited.launch
        del self._awaited[launch.run]
        pipe = os.fdopen(awaited.pipe, "rb", buffering=0)
        self._parent.admit(launch, pid, pipe, partial(_open_gate, awaited.gate))
        if awaited.stop is not None:
            self._parent.end(launch.run, awaited.stop)

    def _refuse(self, awaited: _Awaited, error: LauncherError) -> None:
        launch = awaited.launch
        del self._awaited[launch.run]
        os.close(awaited.pipe)
        os.close(awaited.gate)  # if it is there after all, it ends
        self._post(SpawnRefused(launch.instance, launch.generation, error))

    def _absent(self, awaited: _Awaited) -> LauncherError:
        label = self._plan.instances[awaited.launch.instance].label
        host = self._plan.host_of(awaited.group).label
        return HostAbsent(f'cannot start "{label}": {host}, from which it is forked, does not answer')

    def _lose(self, group: str, line: Line) -> None:
        """The zygote is gone, and with it what it was asked for; what it has forked goes on."""
        del self._lines[group]
        line.close()
        self._adoption.has_told(group)
        for awaited in [one for one in self._awaited.values() if one.group == group]:
            self._refuse(awaited, self._absent(awaited))

    def _drop(self) -> None:
        for line in self._lines.values():
            self._reader.listen_no_more(line.fileno())
            line.close()
        self._lines.clear()
        for awaited in self._awaited.values():
            os.close(awaited.pipe)
            os.close(awaited.gate)
        self._awaited.clear()


def _order(launch: Launch, identity: dict[str, Any], environment: dict[str, str], descriptors: list[int]) -> bytes:
    app, limits = launch.app, launch.limits
    assert app is not None
    asked = {"RLIMIT_NOFILE": limits.open_files, "RLIMIT_DATA": limits.memory}
    return pack(
        "fork",
        json.dumps(environment).encode(),  # msgspec refuses what is no UTF-8
        name=launch.instance,
        generation=launch.generation,
        target=app.target,
        paths=app.paths,
        drain=app.drain,
        prefix=app.prefix or "",
        strip_prefix=app.strip_prefix,
        directory=launch.directory,
        limits={name: limit for name, limit in asked.items() if limit is not None},
        identity=[identity["user"], identity["group"], identity["extra_groups"]] if identity else None,
        fds=len(descriptors),
    )


def _nothing(_group: str) -> None:
    """What runs is not a zygote's to tell."""


def _open_gate(gate: int, is_watched: bool) -> None:  # noqa: FBT001  (whether it is, is all there is to tell)
    """Let a process begin, or end where nobody watches it."""
    if is_watched:
        with suppress(BrokenPipeError):  # it has been killed
            os.write(gate, b"\n")
    os.close(gate)
