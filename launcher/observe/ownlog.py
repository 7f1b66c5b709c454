"""The launcher's own log, `launcher.log` in the run folder: entries as JSON lines, rotated like the logs of services.

An observer of the loop, told of checks and requests too. Levels decide what is written; nothing else is decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from launcher.errors import LauncherError
from launcher.observe import entries
from launcher.observe.logfile import LogFile
from launcher.observe.writer import Writer
from launcher.orchestrator.events import Event, Post, Probed, RestartAsked, StartAsked, StopAsked
from launcher.orchestrator.snapshot import Changed, Noted
from launcher.profile.model import Level, Log

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Redaction

NAME = "launcher.log"

_ASKED = {StartAsked: "start", StopAsked: "stop", RestartAsked: "restart"}


class OwnLog:
    """Writes entries; any thread may call anything. `note` hears once that the file can't be written."""

    def __init__(
        self,
        writer: Writer,
        folder: Path,
        *,
        settings: Log,
        redaction: Redaction,
        note: Callable[[str], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._writer = writer
        self._settings = settings
        self._redaction = redaction
        self._wall = wall

        def failed(error: OSError) -> None:
            note(f"cannot write {folder / NAME}: {error.strerror}; going on without")

        self._file = LogFile(folder / NAME, limit=settings.size, kept=settings.keep, failed=failed)

    def __call__(self, news: Changed | Noted) -> None:
        """Take news down (an observer of the loop)."""
        self._put(entries.of_change(news) if isinstance(news, Changed) else entries.of_note(news, self._wall()))

    def say(self, text: str) -> None:
        """Take down words that are no news of the loop's."""
        self._put(entries.of_note(Noted(text=self._redaction.text(text)), self._wall()))

    def fail(self, error: LauncherError) -> None:
        """Take down an error that a start-up ended with."""
        for entry in entries.of_error(error, self._wall()):
            self._put(entry, message=entry.message)

    def hearing_checks(self, post: Post) -> Post:
        """What probes post to, so that each verdict is taken down; `post` itself where that is not wanted."""
        if not entries.is_taken(Level.DEBUG, entries.PROBES, self._settings):
            return post

        def heard(event: Event) -> None:
            if isinstance(event, Probed):
                entry = entries.of_verdict(event, self._wall())
                self._put(entry, message=entry.message)
            post(event)

        return heard

    def hearing_requests(self, post: Post) -> Post:
        """What the control socket posts to, so that each command is taken down."""
        if not entries.is_taken(Level.INFO, entries.CONTROL, self._settings):
            return post

        def heard(event: Event) -> None:
            asked = _ASKED.get(type(event))
            if asked is not None:
                assert isinstance(event, StartAsked | StopAsked | RestartAsked)
                message = f"{asked} {', '.join(event.services) or 'everything'}: {event.by}"
                entry = entries.Entry(
                    time=entries.utc(self._wall()), level=Level.INFO, event=asked, component=entries.CONTROL
                )
                self._put(entry, message=message)
            post(event)

        return heard

    def _put(self, entry: entries.Entry, *, message: str | None = None) -> None:
        """`message` comes from outside and was not redacted yet."""
        if message is not None:
            entry = replace(entry, message=self._redaction.text(message))
        if entries.matters(entry, self._settings):
            self._writer.put(self._file, entries.encode(entry))
