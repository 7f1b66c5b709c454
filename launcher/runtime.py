"""The composition root: wires the loop, the engine, the probes, the observers and the control socket into a launcher.

The only module that knows them all; it decides nothing. `Runtime` is built when the lock of the run folder is held and
the plan is made, and `run` returns when nothing is left that can run.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from launcher.control.address import SOCKET_NAME
from launcher.control.standby import Standby
from launcher.engines.children import LocalChildren
from launcher.engines.descent import MARK
from launcher.engines.guard import Guard
from launcher.engines.local import LocalEngine
from launcher.engines.reader import Reader
from launcher.errors import InternalError, LauncherError
from launcher.observe.console import Console
from launcher.observe.counters import Counters
from launcher.observe.followers import Followers
from launcher.observe.hub import Hub
from launcher.observe.journal import Journal
from launcher.observe.logfile import LogFiles
from launcher.observe.ownlog import OwnLog
from launcher.observe.recorder import Recorder
from launcher.observe.redact import Redactor
from launcher.observe.styles import Show, style_of
from launcher.observe.tail import Tail
from launcher.observe.writer import Writer
from launcher.orchestrator.events import Event, LeaveAsked, Outcome, SnapshotAsked, StartAsked
from launcher.orchestrator.loop import Loop
from launcher.orchestrator.snapshot import Changed, Noted, Snapshot
from launcher.orchestrator.state import Memory
from launcher.plan.model import Plan
from launcher.probes.lazy import LazyProber
from launcher.profile.model import EngineName, Settings
from launcher.profile.secrets import secret_values
from launcher.world import SystemClock, SystemWorld, chance

if TYPE_CHECKING:
    from launcher.control.bridge import Sources
    from launcher.engines.forked import ForkedEngine
    from launcher.engines.hostline import Measured
    from launcher.engines.merged import MergedEngine
    from launcher.engines.supervisord.engine import SupervisordEngine
    from launcher.orchestrator.protocols import Engine, Prober, Store

#: How long the log files may take to swallow what is left at the end, in seconds.
LAST_FLUSH = 2.0


class Runtime:
    """One launcher, from its first start command to its end. The calling thread becomes the loop."""

    def __init__(
        self,
        plan: Plan,
        *,
        settings: Settings,
        folder: Path,
        guard: Guard | None,
        environ: Mapping[str, str],
        store: Store,
        memory: Memory | None,
        show: Show,
        supervised: SupervisordEngine | None = None,
        stays: bool = False,
    ) -> None:
        clock = SystemClock()
        inbox: SimpleQueue[Event] = SimpleQueue()
        labels = {instance.name: instance.label for instance in plan.instances.values()}
        self._folder = folder
        self._writer = Writer()
        self._reader = Reader()
        self.tail = Tail()
        self.console = Console(self._writer, style_of(plan, show), descriptor=show.descriptor, quiet=show.quiet)
        self._redactor = redactor = Redactor()
        redactor.learn(secret_values(environ, plan.secrets))
        log = plan.log
        self._own = OwnLog(self._writer, folder, settings=log, redaction=redactor, note=self.console.system)
        hub = Hub(
            self._writer,
            label_of=labels.__getitem__,
            redact=redactor,
            awaited=frozenset(name for name in labels if (check := plan.service_of(name).health) and check.log),
        )
        self._logs = LogFiles(self._writer, folder / "logs", note=self.say, limit=log.size, kept=log.keep)
        hub.follow(self.console.print)
        hub.follow(self._logs)
        hub.follow(self.tail)
        self.counters = Counters()
        hub.follow(self.counters.printed)
        self.timeline = Recorder(plan, now=clock.now)
        engine, children = self._engine_of(guard, supervised)
        merged = self._merged_of(plan, folder, engine)
        forked = self._forked_of(plan, folder, engine)
        engines: dict[EngineName, Engine] = {
            EngineName.LOCAL if supervised is None else EngineName.SUPERVISORD: engine,
            **({EngineName.MERGED: merged} if merged is not None else {}),
            **({EngineName.FORKED: forked} if forked is not None else {}),
        }

        def make_scheduler() -> Prober:
            from launcher.probes.scheduler import Scheduler  # noqa: PLC0415  (4 ms, where something is checked)

            return Scheduler(
                post=self._own.hearing_checks(inbox.put),
                clock=clock,
                children=children,
                taps=hub,
                folder=folder,
                timed=self.counters.checked,
            )

        world = SystemWorld(Path(plan.root), environ, procfile=plan.procfile, run=folder)
        self._prober = LazyProber(make_scheduler)
        self.loop = Loop(
            plan,
            inbox=inbox,
            engines=engines,
            prober=self._prober,
            clock=clock,
            world=world,
            store=store if supervised is None else _Committing(store, lambda: self._commit(supervised)),
            chance=chance,
            redaction=redactor,
            pid=os.getpid(),
            memory=memory,
            stays=stays,
            supervisor="" if supervised is None else supervised.identity,
        )
        self._engines = tuple(engines.values())
        self._guard = guard
        self.journal = Journal(wall=clock.wall)

        def resolve(text: str) -> str:
            from launcher.observe.history.stores import resolver  # noqa: PLC0415  (where the API has a token)

            found = resolver(world, plan.env_files)(text)
            redactor.learn({found})
            return found

        def sources() -> Sources:
            from launcher.control.bridge import Sources as Found  # noqa: PLC0415  (with the first client)

            return Found(
                folder=folder,
                plan=plan,
                post=self._own.hearing_requests(inbox.put),
                follow=hub.follow,
                journal=self.journal,
                counters=self.counters,
                timeline=self.timeline.timeline,
                history=self._followers.history,
                measure=merged.measure if merged is not None else _measure_nothing,
                epoch=f"{os.getpid():x}{time.time_ns():x}",
            )

        self._control = Standby(
            folder,
            settings.api,
            sources=sources,
            when_readable=self._reader.when_readable,
            resolve=resolve,
        )
        self._followers = Followers(
            self.journal,
            settings,
            plan=plan,
            folder=folder,
            world=world,
            children=lambda: children,
            note=self.say,
            redact=redactor.text,
        )
        self.loop.subscribe(self.console)
        self.loop.subscribe(self._own)
        self.loop.subscribe(self.journal)
        self.loop.subscribe(self._hurry_at_the_end)
        self.loop.subscribe(self.counters)
        self.loop.subscribe(self.timeline)
        self._hub = hub
        self._hurries = False

    def _engine_of(
        self, guard: Guard | None, supervised: SupervisordEngine | None
    ) -> tuple[LocalEngine | SupervisordEngine, LocalChildren]:
        if supervised is not None:
            # What the agent begets carries the agent's own mark.
            children = LocalChildren(self._reader, identity=os.environ.get(MARK, f"{os.getpid():x}-agent"))
            supervised.attach(
                self._reader,
                children,
                lost=lambda: self.loop.post(LeaveAsked()),
                say=self.say,
                ask=lambda: self._show_life(supervised),
            )
            return supervised, children
        local = LocalEngine(reader=self._reader, guard=guard)
        return local, local.children

    def _merged_of(self, plan: Plan, folder: Path, of_hosts: LocalEngine | SupervisordEngine) -> MergedEngine | None:
        """The engine of services that share a process, where any do."""
        if not any(one.is_component for one in plan.instances.values()):
            return None
        from launcher.engines.merged import MergedEngine  # noqa: PLC0415  (where services share a process)

        return MergedEngine(reader=self._reader, run_folder=str(folder.absolute()), sockets=of_hosts.sockets)

    def _forked_of(self, plan: Plan, folder: Path, of_hosts: LocalEngine | SupervisordEngine) -> ForkedEngine | None:
        """The engine of services that are forked, where any are."""
        if not any(one.is_forked for one in plan.instances.values()):
            return None
        from launcher.engines.forked import ForkedEngine  # noqa: PLC0415  (where services are forked)

        parent = of_hosts if isinstance(of_hosts, LocalEngine) else of_hosts.forks
        return ForkedEngine(parent=parent, reader=self._reader, run_folder=str(folder.absolute()))

    def _show_life(self, engine: SupervisordEngine) -> None:
        """Tell supervisord how everything is; an agent whom nobody can find any more begins anew instead."""
        if self._control.is_lost:
            self.say(f"{self._folder / SOCKET_NAME} was deleted: the agent begins anew to make it")
            self.loop.post(LeaveAsked())
        else:
            self.loop.post(SnapshotAsked(lambda snapshot: engine.tell(_encoded(snapshot))))

    def _commit(self, engine: SupervisordEngine) -> None:
        """What is wanted has been written down: have it done, and tell supervisord how everything is."""
        engine.commit(_encoded(self.loop.snapshot))

    def say(self, text: str) -> None:
        """Print words of the launcher's own, and take them down; from any thread."""
        self.console.system(text)
        self._own.say(text)

    def fail(self, error: LauncherError) -> bool:
        """Take down how a start-up ended; False: it was not printed, since in text it closes the output."""
        self._own.fail(error)
        return self.console.fail(error)

    def run(
        self,
        services: Sequence[str] | None,
        *,
        named: bool,
        alone: bool = False,
        accepted: Callable[[], None],
        settled: Callable[[Outcome], None],
    ) -> int:
        """Start `services` (none of them: all; None: nothing), go on until nothing can run, and give the exit status.

        `accepted` is called once the launcher can be spoken to; `settled` hears, in the loop's thread, how the start-up
        ended. `named`: the user named these services; `alone`: what they depend on is left as it is.
        """
        # An agent that is told to end leaves what runs to the next one; ending it is supervisord's.
        restore_signals = self._reader.forward_signals(
            (lambda _signal: self.loop.post(LeaveAsked())) if self._guard is None else self.loop.post
        )
        threading.excepthook = self._crashed
        self._control.open()
        self.loop.open(self._hub)
        self._followers.open()

        def heard(outcome: Outcome) -> None:
            settled(outcome)
            self._followers.settled()

        if services is not None:
            asked = StartAsked(services=tuple(services), by="asked for", named=named, alone=alone, reply=heard)
            self.loop.post(asked)
        accepted()
        # What was made until here stays to the end: no collection need look at it again.
        gc.freeze()
        gc.enable()
        try:
            status = self.loop.run()
        except Exception as error:  # noqa: BLE001  (a bug of ours)
            # What it quotes may be secret, by an environment that only the starts know.
            text = self._redactor.text(f"{type(error).__name__}: {error}")
            raise InternalError(text).with_traceback(error.__traceback__) from None
        finally:
            self._close()
            restore_signals()
            threading.excepthook = threading.__excepthook__
        # Not after a failure of our own: what we leave behind then, the guard ends.
        if self._guard is not None:
            self._guard.dismiss()
        return status

    def _hurry_at_the_end(self, news: Changed | Noted) -> None:  # noqa: ARG002  (any news will do)
        """Once everything is being stopped, a terminal that takes nothing may not hold up those that print to it."""
        if not self._hurries and self.loop.stage.ending is not None:
            self._hurries = True
            self.console.hurry()

    def _crashed(self, crash: threading.ExceptHookArgs) -> None:
        """Tell of a bug of ours in a thread, as Python would, but without secrets."""
        import traceback  # noqa: PLC0415  (never, one hopes)

        lines = traceback.format_exception(crash.exc_type, crash.exc_value, crash.exc_traceback)
        name = crash.thread.name if crash.thread is not None else "?"
        self.say(self._redactor.text(f"a bug of ours in the thread {name}:\n{''.join(lines)}"))

    def _close(self) -> None:
        self._followers.stop()  # before the reader, which runs the commands of notices
        self._prober.close()
        for engine in self._engines:
            engine.close()
        self._reader.close()
        self._control.close()  # after the reader: its last batches are for followers too
        self._followers.close()
        self.console.close()
        self._writer.close(LAST_FLUSH)


def _measure_nothing(done: Callable[[Mapping[str, Measured]], None]) -> None:
    """No service shares a process."""
    done({})


def _encoded(snapshot: Snapshot) -> bytes:
    from msgspec import json  # noqa: PLC0415  (under supervisord)

    return json.encode(snapshot)


class _Committing:
    """A store after which something has to be done."""

    def __init__(self, store: Store, commit: Callable[[], None]) -> None:
        self._store = store
        self._commit = commit

    def save(self, text: bytes) -> None:
        self._store.save(text)
        self._commit()
