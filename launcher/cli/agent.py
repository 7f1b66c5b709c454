"""The agent: the launcher as an event listener inside supervisord, run by the configuration that `export` writes.

    python -m launcher.cli.agent launcher.plan

supervisord's events arrive on standard input and are hints to look; standard output belongs to that protocol, so all
that people read goes to standard error, which supervisord keeps as `agent.log`. Ending the agent ends nothing else;
stopping everything (`launcher stop`) ends supervisord too.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from launcher.engines.supervisord.engine import SupervisordEngine
    from launcher.exporters.handover import Handover
    from launcher.runtime import Runtime


def main(argv: list[str] | None = None) -> int:
    """Run until told to end; the exit status."""
    from launcher.cli.lean import import_foundation, import_lean  # noqa: PLC0415
    from launcher.cli.main import answer  # noqa: PLC0415

    import_foundation()
    import_lean("http.client", without="ssl")  # over Unix sockets there is none
    words = sys.argv[1:] if argv is None else argv
    return answer(lambda: _run(words))


def _run(words: list[str]) -> int:
    from launcher.control.running import Lock  # noqa: PLC0415
    from launcher.engines.supervisord.engine import SupervisordEngine, until_it_answers, wanted  # noqa: PLC0415
    from launcher.engines.supervisord.rpc import Supervisor, Unreachable  # noqa: PLC0415
    from launcher.errors import EngineCannot, Usage  # noqa: PLC0415
    from launcher.observe.styles import Show  # noqa: PLC0415
    from launcher.orchestrator.store import FileStore  # noqa: PLC0415
    from launcher.runtime import Runtime  # noqa: PLC0415

    url = os.environ.get("SUPERVISOR_SERVER_URL", "")
    if len(words) != 1 or not url:
        raise Usage(
            "the agent is run by supervisord, with the file that stands beside its configuration",
            remedy="`launcher export supervisord DIR`, then `supervisord -c DIR/supervisord.conf`.",
        )
    given = _read(Path(words[0]))
    folder = Path(given.run)
    lock = Lock(folder)
    if not lock.acquire(given.plan.profile):
        raise EngineCannot(f"another launcher runs in {folder}", remedy="`launcher status` tells which.")
    notes: list[str] = []
    store = FileStore(folder / "state.json", notes.append)
    memory = store.load()
    past = memory.instances if memory else {}
    try:
        with closing(Supervisor(url)) as supervisor:
            programs = until_it_answers(supervisor)
    except Unreachable as problem:
        raise EngineCannot(str(problem)) from problem
    wishes = {name: one.wish for name, one in past.items()}
    services = sorted(wanted(given.plan, programs, wishes, given.names))
    engine = SupervisordEngine(url, names=given.names, generations={name: one.generation for name, one in past.items()})
    runtime = Runtime(
        given.plan,
        settings=given.settings,
        folder=folder,
        guard=None,
        environ=os.environ,
        store=store,
        memory=memory,
        show=Show(descriptor=sys.stderr.fileno(), quiet=frozenset(given.plan.services)),
        supervised=engine,
    )
    for note in [*notes, *_strangers(given, programs)]:
        runtime.say(note)
    threading.Thread(target=_listen, args=(engine,), name="events", daemon=True).start()
    return _end(runtime, runtime.run(services, named=False, accepted=_nothing, settled=_nothing), url)


def _read(path: Path) -> Handover:
    from launcher.errors import EngineCannot  # noqa: PLC0415
    from launcher.exporters.handover import Handover, read  # noqa: PLC0415

    try:
        found = read(path.read_bytes())
    except OSError as problem:
        raise EngineCannot(f"cannot read {path}: {problem.strerror}", remedy="Export again.") from problem
    if not isinstance(found, Handover):
        raise EngineCannot(f"{path} is not what `launcher export` wrote: {found}", remedy="Export again.")
    return found


def _strangers(given: Handover, programs: Collection[str]) -> list[str]:
    from launcher.exporters.supervisord import AGENT  # noqa: PLC0415

    unknown = sorted(set(programs) - set(given.names.values()) - {AGENT})
    missing = sorted(set(given.names.values()) - set(programs))
    return [
        *([f"left alone, for they are not in the profile: {', '.join(unknown)}"] if unknown else []),
        *([f"missing in supervisord's configuration: {', '.join(missing)}"] if missing else []),
    ]


def _end(runtime: Runtime, status: int, url: str) -> int:
    """Everything was stopped by a command, or the agent was only told to leave."""
    from launcher.engines.supervisord.rpc import Supervisor, Unreachable  # noqa: PLC0415

    if runtime.loop.was_left:
        return 0
    with suppress(Unreachable), closing(Supervisor(url)) as supervisor:
        supervisor.shut_down()
    return status


def _listen(engine: SupervisordEngine) -> None:
    """The event listener's protocol; the end of input is supervisord's end, which is a signal to us as well."""
    # Unbuffered: the interpreter may end while this thread waits within.
    events = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
    answers = sys.stdout.fileno()
    while True:
        os.write(answers, b"READY\n")
        head = events.readline()
        if not head:
            os.kill(os.getpid(), 15)
            return
        words = dict(word.split(":", 1) for word in head.decode().split())
        size, payload = int(words["len"]), b""
        while len(payload) < size and (part := events.read(size - len(payload))):
            payload += part
        if words["eventname"].startswith("PROCESS_LOG"):
            line, _, data = payload.partition(b"\n")
            about = dict(word.split(":", 1) for word in line.decode().split())
            engine.printed(about["processname"], int(about["pid"]), data)
        else:
            engine.hint()
        os.write(answers, b"RESULT 2\nOK")


def _nothing(*_: object) -> None:
    """Nobody waits for the agent."""


if __name__ == "__main__":
    raise SystemExit(main())
