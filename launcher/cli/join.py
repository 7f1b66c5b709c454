"""`launcher start` as a client of a launcher that runs: have it start what is missing, and follow the output.

Where it ran already, Ctrl-C leaves and the launcher goes on; where this very start has brought it up (`supervised`),
Ctrl-C stops everything, as in the foreground of any launcher.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from launcher.cli.sentences import all_ready
from launcher.control import wire
from launcher.errors import LauncherGone, WaitTimeout
from launcher.orchestrator.snapshot import State

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from launcher.cli.target import Target
    from launcher.control.client import Client
    from launcher.observe.console import Console

#: How long another launcher may take from its lock to its socket, in seconds; it is a fraction of one.
PATIENCE = 10.0
#: How many lines of a failed service's log close what is said of it.
LAST_LINES = 20
_WELL = frozenset({State.COMPLETED, State.STOPPED, State.PENDING})


def join(target: Target, args: Namespace) -> int:
    """Have the running launcher start what is missing; the exit status of that start."""
    from launcher.control.client import Client  # noqa: PLC0415

    follows = not args.detach
    with _console(target, args) as console:
        console.system(
            f"{target.profile} runs already: joining it" + (" (Ctrl-C leaves it running)" if follows else "")
        )
        _await_socket(target.folder)
        scene = _Scene(console, target)
        try:
            asking = Client(folder=target.folder).start(target.services, named=target.named, output=follows)
            for line in scene.until_done(asking):
                console.system(line)
            scene.watch(asking)
        except KeyboardInterrupt:
            console.system("left; the launcher goes on (`launcher stop` ends it)")
            return 130
    return scene.status


def follow(target: Target, args: Namespace) -> int:
    """Follow the start-up that this command has begun in the background; the exit status.

    With --detach it is not followed, with --wait until it has ended. Else until everything has ended; a signal stops
    everything, a second one kills it.
    """
    from launcher.control.client import Client  # noqa: PLC0415

    began = time.monotonic()
    client = Client(folder=target.folder)
    with _console(target, args) as console:
        asking = client.start(target.services, named=target.named, output=not args.detach)
        scene = _Scene(console, target)
        if args.detach and not args.wait:
            scene.begin(asking)
            console.system(f"runs in the background as pid {_pid(target.folder)}: see `launcher status`")
            return 0
        try:
            with _signals(), _at_most(args.timeout if args.wait else None, target.folder):
                lines = scene.until_done(asking)
                console.system(all_ready(lines, time.monotonic() - began))
                if args.wait:
                    return 0
                scene.watch(asking)
        except _Signal as received:
            console.system(f"{signal.Signals(received.number).name} received")
            _stop(client, scene, target.folder)
            return 128 + received.number
        finally:
            if not args.wait or scene.has_failed:
                await_end(target.folder)
    return 0 if all(state in _WELL for state in scene.states.values()) else 1


def await_end(folder: Path) -> None:
    """Wait until the launcher of a run folder has gone, and with it a supervisord that it was the agent of."""
    from launcher.control.running import await_release  # noqa: PLC0415

    await_release(folder)
    if pid := supervisord_of(folder):
        _await_process(pid)


def supervisord_of(folder: Path) -> int:
    """The process that supervisord says it is, in a run folder; 0: none runs there."""
    with suppress(OSError, ValueError):
        return int((folder / "supervisord.pid").read_text(encoding="utf-8"))
    return 0


class _Scene:
    """Shows what a launcher sends, and remembers where each instance stands."""

    def __init__(self, console: Console, target: Target) -> None:
        self._console = console
        self._target = target
        self._began = time.time()
        self.status = 0
        self.has_failed = False
        self.states: dict[str, State] = {}

    def begin(self, asking: Generator[wire.AnySent]) -> None:
        """Return once the launcher has heard the command; leave it to its end unseen."""
        next(asking, None)
        asking.close()

    def until_done(self, asking: Iterable[wire.AnySent]) -> tuple[str, ...]:
        """Show all until the command has ended; the lines it closes with. Raises the error it ended with."""
        for sent in asking:
            if isinstance(sent, wire.Done):
                self.status = sent.status
                error = wire.error_of(sent.faults)
                if error is not None:
                    self.has_failed = True
                    if sent.culprit:
                        self._show_last_lines(sent.culprit)
                    raise error
                return sent.lines
            self._show(sent)
        raise LauncherGone("the launcher ended before it had answered")

    def watch(self, asking: Iterable[wire.AnySent]) -> None:
        """Show all that comes, until the launcher ends."""
        for sent in asking:
            self._show(sent)

    def _show_last_lines(self, instance: str) -> None:
        from launcher.observe.logfile import log_path  # noqa: PLC0415
        from launcher.observe.logread import tail  # noqa: PLC0415

        label = self._target.plan().instances[instance].label
        lines = tail(label, log_path(self._target.folder / "logs", instance), LAST_LINES, since=self._began)
        self._console.last_lines(label, [line.text for line in lines])

    def _show(self, sent: wire.AnySent) -> None:
        from launcher.observe.hub import Batch  # noqa: PLC0415
        from launcher.orchestrator.orders import Run  # noqa: PLC0415

        match sent:
            case wire.Everything(snapshot=snapshot):
                self.states.update({view.name: view.state for view in snapshot.instances})
            case wire.Moved(news=news):
                self.states[news.instance] = news.state
                self._console(news)
            case wire.Told(news=told):
                self._console(told)
            case wire.Output():
                self._console.print(Batch(Run(sent.instance, 0), sent.label, sent.text.encode(), sent.at))
            case wire.Missed(lines=lines):
                self._console.system(f"{lines} lines came too fast: see the log files")
            case _:
                pass


@contextmanager
def _console(target: Target, args: Namespace) -> Iterator[Console]:
    from launcher.cli.run import show_of  # noqa: PLC0415
    from launcher.observe.console import Console  # noqa: PLC0415
    from launcher.observe.styles import style_of  # noqa: PLC0415
    from launcher.observe.writer import Writer  # noqa: PLC0415

    plan = target.plan()
    writer = Writer()
    show = show_of(args, plan, None, target.services)
    console = Console(writer, style_of(plan, show), quiet=show.quiet)
    try:
        yield console
    finally:
        console.close()
        writer.close(1.0)


class _Signal(BaseException):
    """SIGINT, SIGTERM or SIGHUP has come."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def _signals() -> Iterator[None]:
    """Raise `_Signal` in the main thread where one comes."""

    def come(number: int, _frame: object) -> None:
        raise _Signal(number)

    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # that is what nohup means
        wanted.append(signal.SIGHUP)
    before = {number: signal.signal(number, come) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _at_most(seconds: float | None, folder: Path) -> Iterator[None]:
    """Raise WaitTimeout after so long."""

    def over(*_: object) -> None:
        raise WaitTimeout(
            f"not ready within {seconds:g} s; the launcher (pid {_pid(folder)}) goes on in the background"
        )

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds or 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(client: Client, scene: _Scene, folder: Path) -> None:
    """Stop everything; at the next signal at once: with supervisord dead, its guard leaves nothing alive."""
    try:
        with _signals(), suppress(LauncherGone):
            asking = client.stop()
            scene.until_done(asking)
    except _Signal:
        if pid := supervisord_of(folder):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _await_process(pid: int) -> None:
    if hasattr(os, "pidfd_open"):
        import select  # noqa: PLC0415

        with suppress(OSError):
            descriptor = os.pidfd_open(pid)
            select.select([descriptor], [], [], PATIENCE)
            os.close(descriptor)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _pid(folder: Path) -> int:
    from launcher.control.running import holder  # noqa: PLC0415

    found = holder(folder)
    return found.pid if found is not None else 0


def _await_socket(folder: Path) -> None:
    """The other launcher holds the lock before it can be spoken to: give it the moment that this takes.

    Nothing tells when a name appears in a folder that both Linux and macOS would know, so it is looked for.
    """
    from launcher.control.address import SOCKET_NAME  # noqa: PLC0415
    from launcher.control.running import holder  # noqa: PLC0415

    deadline = time.monotonic() + PATIENCE
    while not (folder / SOCKET_NAME).exists() and holder(folder) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
