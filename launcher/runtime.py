"""The composition root: wires the loop, the engine, the probes, the observers and the control socket into a launcher.

The only module that knows them all; it decides nothing. `Runtime` is built when the lock of the run folder is held and
the plan is made, and `run` returns when nothing is left that can run.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue

from msgspec import Struct

from launcher.control.standby import Standby
from launcher.engines.guard import Guard
from launcher.engines.local import LocalEngine
from launcher.engines.reader import Reader
from launcher.observe.console import Console
from launcher.observe.counters import Counters
from launcher.observe.hub import Hub
from launcher.observe.logfile import LogFiles
from launcher.observe.recorder import Recorder
from launcher.observe.tail import Tail
from launcher.observe.writer import Writer
from launcher.orchestrator.events import Event, Outcome, StartAsked
from launcher.orchestrator.loop import Loop
from launcher.orchestrator.protocols import Prober
from launcher.orchestrator.snapshot import Changed, Noted
from launcher.orchestrator.state import Memory
from launcher.orchestrator.store import FileStore
from launcher.plan.model import Plan
from launcher.probes.lazy import LazyProber
from launcher.profile.model import EngineName
from launcher.world import SystemClock, SystemWorld, chance

#: How long the log files may take to swallow what is left at the end, in seconds.
LAST_FLUSH = 2.0


class Show(Struct, frozen=True, kw_only=True):
    """What appears on the terminal."""

    colour: bool = False
    prefix: bool = True
    #: Services whose lines are not shown.
    quiet: frozenset[str] = frozenset()
    descriptor: int = 1
    #: Who sets the width and the colours; empty: all instances.
    labels: tuple[str, ...] = ()


class Runtime:
    """One launcher, from its first start command to its end. The calling thread becomes the loop."""

    def __init__(
        self,
        plan: Plan,
        *,
        folder: Path,
        guard: Guard,
        environ: Mapping[str, str],
        store: FileStore,
        memory: Memory | None,
        show: Show,
    ) -> None:
        clock = SystemClock()
        inbox: SimpleQueue[Event] = SimpleQueue()
        labels = {instance.name: instance.label for instance in plan.instances.values()}
        self._writer = Writer()
        self._reader = Reader()
        self.tail = Tail()
        self.console = Console(
            self._writer,
            labels=show.labels or labels.values(),
            descriptor=show.descriptor,
            colour=show.colour,
            prefix=show.prefix,
            quiet=show.quiet,
            procfile=plan.procfile,
            signals={
                name: "" if service.stop.command else service.stop.signal for name, service in plan.services.items()
            },
        )
        hub = Hub(
            self._writer,
            label_of=labels.__getitem__,
            awaited=frozenset(name for name in labels if (check := plan.service_of(name).health) and check.log),
        )
        self._logs = LogFiles(self._writer, folder / "logs", note=self.console.system)
        hub.follow(self.console.print)
        hub.follow(self._logs)
        hub.follow(self.tail)
        self.counters = Counters()
        hub.follow(self.counters.printed)
        self.timeline = Recorder(plan, now=clock.now)
        engine = LocalEngine(reader=self._reader, guard=guard)

        def make_scheduler() -> Prober:
            from launcher.probes.scheduler import Scheduler  # noqa: PLC0415  (4 ms, where something is checked)

            return Scheduler(
                post=inbox.put,
                clock=clock,
                children=engine.children,
                taps=hub,
                folder=folder,
                timed=self.counters.checked,
            )

        self._prober = LazyProber(make_scheduler)
        self.loop = Loop(
            plan,
            inbox=inbox,
            engines={EngineName.LOCAL: engine},
            prober=self._prober,
            clock=clock,
            world=SystemWorld(Path(plan.root), environ, procfile=plan.procfile),
            store=store,
            chance=chance,
            pid=os.getpid(),
            memory=memory,
        )
        self._engine = engine
        self._guard = guard
        self._control = Standby(
            folder,
            post=inbox.put,
            follow=hub.follow,
            when_readable=self._reader.when_readable,
            timeline=self.timeline.timeline,
        )
        self.loop.subscribe(self.console)
        self.loop.subscribe(self._hurry_at_the_end)
        self.loop.subscribe(self.counters)
        self.loop.subscribe(self.timeline)
        self.loop.subscribe(self._control)
        self._hub = hub
        self._hurries = False

    def run(
        self,
        services: Sequence[str],
        *,
        named: bool,
        accepted: Callable[[], None],
        settled: Callable[[Outcome], None],
    ) -> int:
        """Start `services` (none: all), go on until nothing can run any more, and give the exit status.

        `accepted` is called once the launcher can be spoken to; `settled` hears, in the loop's thread, how the start-up
        ended. `named`: the user named these services.
        """
        restore_signals = self._reader.forward_signals(self.loop.post)
        self._control.open()
        self.loop.open(self._hub)
        self.loop.post(StartAsked(services=tuple(services), by="asked for", named=named, reply=settled))
        accepted()
        # What was made until here stays to the end: no collection need look at it again.
        gc.freeze()
        gc.enable()
        try:
            status = self.loop.run()
        finally:
            self._close()
            restore_signals()
        # Not after a failure of our own: what we leave behind then, the guard ends.
        self._guard.dismiss()
        return status

    def _hurry_at_the_end(self, news: Changed | Noted) -> None:  # noqa: ARG002  (any news will do)
        """Once everything is being stopped, a terminal that takes nothing may not hold up those that print to it."""
        if not self._hurries and self.loop.stage.ending is not None:
            self._hurries = True
            self.console.hurry()

    def _close(self) -> None:
        self._prober.close()
        self._engine.close()
        self._reader.close()
        self._control.close()  # after the reader: its last batches are for followers too
        self.console.close()
        self._writer.close(LAST_FLUSH)
