"""What the loop needs of the world, as protocols; engines, probes and tests implement them.

Every method returns at once and never calls back into the loop other than by `post`. This module knows no
implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, runtime_checkable

from launcher.orchestrator.events import Post
from launcher.orchestrator.orders import Can, Launch, Run, Stop, Watch
from launcher.orchestrator.snapshot import Changed, Noted
from launcher.plan.model import Plan
from launcher.profile.model import Health


class Sink(Protocol):
    """Where the output of services goes. Called by the reader thread only."""

    def write(self, run: Run, data: bytes) -> bool:
        """Take a batch of bytes; False asks the reader to stop reading pipes until `on_room` fires."""
        ...

    def end(self, run: Run) -> None:
        """The output of this run has ended: what is left of a line without newline goes out."""
        ...

    def on_room(self, wake: Callable[[], None]) -> None:
        """`wake` will be called, from any thread, whenever a full sink has room again."""
        ...


class Engine(Protocol):
    """Executes starts and stops, posts what comes of them. Decides nothing: order, gates, timers are the loop's."""

    can: frozenset[Can]

    def open(self, plan: Plan, post: Post, output: Sink) -> None:
        """Begin: post Adopted for all that already runs, then Opened."""
        ...

    def change(self, plan: Plan) -> None:
        """Instances were added or are gone; touches nothing that runs."""
        ...

    def start(self, launch: Launch) -> None:
        """Start a process; Spawned or SpawnRefused follows, and Exited once, when it and its descendants are gone."""
        ...

    def stop(self, run: Run, how: Stop) -> None:
        """Ask a run to end. Of an older generation, or one that has ended: nothing happens."""
        ...

    def release(self, instance: str) -> None:
        """Close the sockets held for an instance: it was stopped by command, skipped, or has failed."""
        ...

    def close(self) -> None:
        """Let go; ends no process."""
        ...


@runtime_checkable
class StandsIn(Protocol):
    """An engine that can answer for what has failed, where others close its sockets."""

    def stand_in(self, instance: str, why: str) -> None:
        """Say `why` to whoever asks for an instance that has failed, until it is released or started."""
        ...


@runtime_checkable
class Renews(Protocol):
    """An engine that can start an instance anew beside itself."""

    def renew(self, launch: Launch) -> None:
        """Start the next generation beside the one that runs, which then ends; Renewed or NotRenewed follows."""
        ...


@runtime_checkable
class Resumes(Protocol):
    """An engine that goes on with what it has adopted as with what it started."""

    def resume(self, launch: Launch) -> None:
        """Take this for what an adopted instance was started with."""
        ...


@runtime_checkable
class Overlaps(Protocol):
    """An engine that can start what `Renews` says in a process that begins beside the one it serves in.

    Risen or NotRenewed then follows; what has risen waits.
    """

    def take_place(self, host: Run) -> None:
        """Let the process beside a host's come in its place, with all that has risen; Renewed follows for each.

        The last is the host's; its process before is then draining, and ends by itself. NotRenewed: nothing was done.
        """
        ...


class Prober(Protocol):
    """Checks instances and posts `Probed` for each verdict."""

    def prepare(self, run: Run, health: Health, *, user: str = "", hosted: bool = False) -> Mapping[str, str]:
        """Called before the launch is built: the environment the probe needs the service to have (NOTIFY_SOCKET).

        `user` is who the run will run as, where that is said; `hosted`: our own host serves it, and may have something
        to tell whatever the check is (`Imported`).
        """
        ...

    def watch(self, watch: Watch) -> None:
        """Begin to check, at the start-up pace until the first success and then at the interval."""
        ...

    def unwatch(self, run: Run) -> None:
        """Check no more; nothing is posted for this run from now on (a verdict under way may still arrive)."""
        ...

    def check(self, run: Run) -> bool:
        """Check a watched run now, once and beside its rounds: `Checked` follows, unless it is unwatched first.

        False: its probe cannot be asked, for it waits to be told (log, notify), or the run is not watched.
        """
        ...

    def close(self) -> None:
        """End all checks."""
        ...


class Children(Protocol):
    """Runs short commands (exec probes, stop commands) and awaits them; one place reaps every child."""

    def run(
        self,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        directory: str,
        timeout: float,
        done: Callable[[int | None, bytes], None],
        told: bytes = b"",
    ) -> Callable[[], None]:
        """Run argv; `done(code, last 4096 bytes of output)` is called in the reader's thread, code None at time-out.

        `told` is what it finds on its standard input, less than a pipe holds (at most 4 KB are sure to fit).

        A command that cannot be started is told as code 127 (126: not executable) with the reason as output. What is
        returned kills it with all of its group, from any thread; its end is then told to nobody, unless it was
        just being told. Of a command that has ended: nothing happens.
        """
        ...


class Taps(Protocol):
    """Lets a log probe see the lines of a run."""

    def tap(self, run: Run, pattern: str, matched: Callable[[str], None]) -> None:
        """Call `matched(line)` once, from the reader's thread, at the first line that the expression finds."""
        ...

    def untap(self, run: Run) -> None:
        """Look at this run's lines no more."""
        ...


class Clock(Protocol):
    """Two clocks: the monotonic one decides everything, the wall clock is printed."""

    def now(self) -> float: ...

    def wall(self) -> float: ...


class World(Protocol):
    """What building a launch has to ask outside: the inherited environment, env files, the interpreter for an app."""

    def environ(self) -> Mapping[str, str]:
        """The launcher's own environment at its start."""
        ...

    def env_file(self, path: str) -> Mapping[str, str]:
        """The variables of an env file, read now; raises EnvFileMissing."""
        ...

    def run_folder(self) -> str:
        """Where the sockets of this launcher lie."""
        ...

    def python_for(self, named: str | None) -> str:
        """The interpreter that serves an `app`: the one named, else found as `[launcher] python` says."""
        ...


class Redaction(Protocol):
    """Keeps secrets out of what the loop tells."""

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these values from now on, in texts and in output; called before the start that uses them."""
        ...

    def text(self, text: str) -> str:
        """A text without secrets."""
        ...


class Observer(Protocol):
    """Hears of every transition and note, in the loop's thread; must return at once."""

    def __call__(self, news: Changed | Noted) -> None: ...


class Store(Protocol):
    """Keeps the loop's memory (`state.json`); `save` may be called at every change and coalesces by itself."""

    def save(self, text: bytes) -> None: ...
