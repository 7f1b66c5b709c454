"""The agent: the launcher as an event listener inside supervisord, run by the configuration that `export` writes.

    python -m launcher.cli.agent launcher.plan 1f3c09aa

It speaks to the plugin inside supervisord over a socket in the run folder. Standard output belongs to the protocol of
event listeners, so all that people read goes to standard error, which supervisord keeps as `agent.log`. Ending the
agent ends nothing else; stopping everything (`launcher stop`) ends supervisord too.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from launcher.exporters.handover import Handover
    from launcher.runtime import Runtime


#: What supervisord tells the agent of its own program, and nobody inherits.
_OF_THE_AGENT = frozenset({"SUPERVISOR_PROCESS_NAME", "SUPERVISOR_GROUP_NAME"})


def main(argv: list[str] | None = None) -> int:
    """Run until told to end; the exit status."""
    from launcher.cli.lean import import_foundation  # noqa: PLC0415
    from launcher.cli.main import answer  # noqa: PLC0415

    import_foundation()
    words = sys.argv[1:] if argv is None else argv
    return answer(lambda: _run(words))


def _run(words: list[str]) -> int:
    from launcher.control.claims import Claims  # noqa: PLC0415
    from launcher.control.running import Lock  # noqa: PLC0415
    from launcher.engines.supervisord.beginning import resting, wanted  # noqa: PLC0415
    from launcher.engines.supervisord.client import Supervisor, Unreachable  # noqa: PLC0415
    from launcher.engines.supervisord.engine import SupervisordEngine  # noqa: PLC0415
    from launcher.errors import EngineCannot, Usage  # noqa: PLC0415
    from launcher.observe.styles import Show  # noqa: PLC0415
    from launcher.orchestrator.store import FileStore  # noqa: PLC0415
    from launcher.runtime import Runtime  # noqa: PLC0415

    if len(words) not in {1, 2}:
        raise Usage(
            "the agent is run by supervisord, with the file that stands beside its configuration",
            remedy="`launcher export supervisord DIR`, then `supervisord -c DIR/supervisord.conf`.",
        )
    path = Path(words[0])
    given, planned = _read(path)
    folder = Path(given.run)
    lock = Lock(folder)
    if not lock.acquire(given.plan.profile):
        raise EngineCannot(f"another launcher runs in {folder}", remedy="`launcher status` tells which.")
    Claims().keep(one.port for one in given.plan.instances.values())
    notes: list[str] = []
    store = FileStore(folder / "state.json", notes.append)
    memory = store.load()
    past = memory.instances if memory else {}
    try:
        supervisor = Supervisor(folder)
    except Unreachable as problem:
        raise EngineCannot(str(problem)) from problem
    # What was wanted under another supervisord is of no interest to this one.
    is_same = memory is not None and memory.supervisor == supervisor.identity
    since = past if is_same else {}
    instances = sorted(wanted(given.plan, supervisor.programs, since, given.names, attended=given.attended))
    engine = SupervisordEngine(
        supervisor,
        names=given.names,
        generations={name: one.generation for name, one in past.items()},
        environ=os.environ,
        rests=resting(given.plan, supervisor.programs, since, given.names),
        is_current=lambda: _digest(path) in {planned, ""},
    )
    runtime = Runtime(
        given.plan,
        settings=given.settings,
        folder=folder,
        guard=None,
        environ={name: value for name, value in os.environ.items() if name not in _OF_THE_AGENT},
        store=store,
        memory=memory,
        show=Show(descriptor=sys.stderr.fileno(), quiet=frozenset(given.plan.services)),
        supervised=engine,
        stays=not given.attended,
    )
    if words[1:] not in ([], [planned]):
        notes.append(f"{path} is newer than supervisord's configuration: `supervisorctl update` brings them together")
    for note in [*notes, *_strangers(given, supervisor.programs)]:
        runtime.say(note)
    status = runtime.run(instances or None, named=False, alone=True, accepted=_nothing, settled=_nothing)
    return _end(runtime, status, folder)


def _read(path: Path) -> tuple[Handover, str]:
    """What the agent is given, and its digest."""
    from launcher.errors import EngineCannot  # noqa: PLC0415
    from launcher.exporters.handover import Handover, digest, read  # noqa: PLC0415

    try:
        text = path.read_bytes()
    except OSError as problem:
        raise EngineCannot(f"cannot read {path}: {problem.strerror}", remedy="Export again.") from problem
    found = read(text)
    if not isinstance(found, Handover):
        raise EngineCannot(f"{path} is not what `launcher export` wrote: {found}", remedy="Export again.")
    return found, digest(text)


def _digest(path: Path) -> str:
    """That of what stands there now; empty: it cannot be read."""
    from launcher.exporters.handover import digest  # noqa: PLC0415

    try:
        return digest(path.read_bytes())
    except OSError:
        return ""


def _strangers(given: Handover, programs: Collection[str]) -> list[str]:
    from launcher.exporters.supervisord import AGENT  # noqa: PLC0415

    unknown = sorted(set(programs) - set(given.names.values()) - {AGENT})
    missing = sorted(set(given.names.values()) - set(programs))
    return [
        *([f"left alone, for they are not in the profile: {', '.join(unknown)}"] if unknown else []),
        *([f"missing in supervisord's configuration: {', '.join(missing)}"] if missing else []),
    ]


def _end(runtime: Runtime, status: int, folder: Path) -> int:
    """Everything was stopped by a command, or the agent was only told to leave."""
    from launcher.engines.supervisord.client import Supervisor, Unreachable  # noqa: PLC0415

    if runtime.loop.was_left:
        return 0
    with suppress(Unreachable), closing(Supervisor(folder)) as supervisor:
        supervisor.shut_down(failed=status != 0)
    return status


def _nothing(*_: object) -> None:
    """Nobody waits for the agent."""


if __name__ == "__main__":
    from launcher.cli.main import leave

    leave(main())
