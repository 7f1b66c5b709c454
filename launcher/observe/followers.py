"""Who follows the journal in a thread of its own: the history and the notices, as the profile's settings ask for.

A thread is there from the start and asleep; what it runs is imported a while after the first start-up has settled, for
no service is to wait for that, nor its first words. What happens meanwhile is in the journal. Decides nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from launcher.observe.journal import KEPT, Journal
from launcher.plan.model import Plan
from launcher.profile.model import Settings

if TYPE_CHECKING:
    from launcher.observe.history.record import Store
    from launcher.orchestrator.protocols import Children, World

#: How long a start-up is waited for, in seconds, and how far the journal may fill up meanwhile.
LATEST = 10.0
#: For how long the services have the processor to themselves once they are up, in seconds.
CALM = 0.5
ROOM = KEPT // 2
#: How long what is left at the end may take, in seconds.
LAST_WRITE, LAST_NOTICE = 2.0, 5.0


class Running(Protocol):
    """What follows the journal: `run` returns soon after some other thread has called `stop`."""

    def run(self) -> None: ...

    def stop(self) -> None: ...


class Follower:
    """One thread, and what it runs once there is time. `name` is what people know it by."""

    def __init__(
        self, name: str, journal: Journal, make: Callable[[], Running], *, note: Callable[[str], None]
    ) -> None:
        self._name = name
        self._journal = journal
        self._make = make
        self._note = note
        self._hurry = threading.Event()
        self._made: Running | None = None
        self._closing = False
        self._making = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def open(self) -> None:
        """Begin, with as little as possible."""
        self._thread.start()

    def settled(self) -> None:
        """The first start-up is over, well or not."""
        self._hurry.set()

    def stop(self) -> None:
        """Nothing will change any more: let it finish."""
        with self._making:
            self._closing = True
            if self._made is not None:
                self._made.stop()
        self._stopped.set()
        self._hurry.set()

    def join(self, patience: float) -> None:
        """Wait until it has finished, for so many seconds."""
        self._thread.join(patience)
        if self._thread.is_alive():
            self._note(f"{self._name}: not finished after {patience:g} s, what was left is lost")

    def _run(self) -> None:
        latest = time.monotonic() + LATEST
        while not self._hurry.wait(1.0) and time.monotonic() < latest and self._journal.last < ROOM:
            pass
        self._stopped.wait(CALM)
        with self._making:
            self._made = self._make()
            if self._closing:
                self._made.stop()
        self._made.run()


class Followers:
    """The history and the notices of one launcher; neither, where the settings want none.

    `children` is asked for when a notice is first to be told by a command.
    """

    def __init__(
        self,
        journal: Journal,
        settings: Settings,
        *,
        plan: Plan,
        folder: Path,
        world: World,
        children: Callable[[], Children],
        note: Callable[[str], None],
        redact: Callable[[str], str] = str,
    ) -> None:
        def make_store(wall: Callable[[], float], set_aside: Callable[[str], None] = lambda _: None) -> Store:
            from launcher.observe.history.stores import prefix_of, resolver, store_of  # noqa: PLC0415

            return store_of(
                settings.history,
                folder=folder,
                prefix=prefix_of(plan.root, plan.profile),
                resolve=resolver(world, plan.env_files),
                wall=wall,
                set_aside=set_aside,
            )

        def keeper() -> Running:
            from launcher.observe.history.keeper import Keeper  # noqa: PLC0415

            return Keeper(journal, make_store, session=os.urandom(6).hex(), pid=os.getpid(), note=note, redact=redact)

        def notifier() -> Running:
            from launcher.observe.history.stores import resolver  # noqa: PLC0415
            from launcher.observe.notify import Deliver, Notifier, by_command, by_url  # noqa: PLC0415

            notify = settings.notify
            assert notify is not None

            def make() -> Deliver:
                if notify.url:
                    return by_url(resolver(world, plan.env_files)(notify.url), timeout=notify.timeout)
                environ = world.environ()
                return by_command(
                    children(), notify.command, environ=environ, directory=plan.root, timeout=notify.timeout
                )

            return Notifier(journal, notify.on, make, profile=plan.profile, project=plan.root, note=note, redact=redact)

        self._make_store = make_store
        self._history = [Follower("history", journal, keeper, note=note)] if settings.history.enabled else []
        self._notices = [Follower("notices", journal, notifier, note=note)] if settings.notify is not None else []

    def open(self) -> None:
        """Begin."""
        for follower in (*self._history, *self._notices):
            follower.open()

    def settled(self) -> None:
        """The first start-up is over, well or not: there is time for this now."""
        for follower in (*self._history, *self._notices):
            follower.settled()

    def history(self, services: tuple[str, ...], since: float | None) -> bytes:
        """What `launcher history` would tell now, as JSON; takes its time. Raises HistoryUnreadable."""
        import time  # noqa: PLC0415

        from msgspec import json  # noqa: PLC0415

        from launcher.errors import HistoryUnreadable  # noqa: PLC0415
        from launcher.observe.history.asking import ask  # noqa: PLC0415
        from launcher.observe.history.record import StoreTrouble  # noqa: PLC0415

        if not self._history:
            raise HistoryUnreadable("no history is kept", remedy="Take `enabled = false` out of [launcher.history].")
        store = self._make_store(time.time)
        try:
            return json.encode(ask(store, services, since=since, lines=None, pid=os.getpid()))
        except StoreTrouble as trouble:
            raise HistoryUnreadable(str(trouble)) from trouble
        finally:
            store.close()

    def stop(self) -> None:
        """Nothing will change any more: tell what is left, while commands can still be run, and begin to write it."""
        for follower in (*self._history, *self._notices):
            follower.stop()
        for follower in self._notices:
            follower.join(LAST_NOTICE)

    def close(self) -> None:
        """Wait until all is written."""
        for follower in self._history:
            follower.join(LAST_WRITE)
