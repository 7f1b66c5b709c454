"""Tells the observers what happens: in order, without secrets, and of a start-up when there is nothing else to do.

Telling of a hundred starts takes 7 ms, in which all of them could have been started: so what is told of a start
gathers while further instances start, but not for long. Knows observers and news; not how these come about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from launcher.orchestrator.snapshot import Changed, Noted, State

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Clock, Observer, Redaction

#: For how long news may gather, in seconds.
GATHERING = 0.05
#: What is told of a start; all else is told at once.
_OF_A_START = frozenset({State.WAITING, State.STARTING, State.READY})


class Telling:
    """The observers, and what they have not heard yet. Only the loop's thread may touch it."""

    def __init__(self, clock: Clock, redaction: Redaction) -> None:
        self._clock = clock
        self._redaction = redaction
        self._observers: tuple[Observer, ...] = ()
        self._untold: list[Changed | Noted] = []
        self._due = 0.0

    def subscribe(self, observer: Observer) -> None:
        """Tell `observer`, too, from now on."""
        self._observers = (*self._observers, observer)

    def put(self, news: Changed | Noted) -> None:
        """Take news to be told, at once or soon."""
        if not self._untold:
            self._due = self._clock.now() + GATHERING
        self._untold.append(news)
        if isinstance(news, Noted) or news.state not in _OF_A_START:
            self.tell()

    def tell(self) -> None:
        """Tell all that has gathered."""
        untold, self._untold = self._untold, []
        for news in map(self._redacted, untold):
            for observer in self._observers:
                observer(news)

    def tell_in_time(self, *, starting: bool) -> None:
        """Tell what has gathered unless more is `starting` just now and it is not due."""
        if self._untold and (not starting or self._clock.now() >= self._due):
            self.tell()

    def _redacted(self, news: Changed | Noted) -> Changed | Noted:
        # Texts of services are redacted as they come in (`reactions`); here all that goes out is, once more, since a
        # secret may have become known meanwhile, and a command's words come from outside too.
        if isinstance(news, Noted):
            return replace(news, text=self._redaction.text(news.text))
        if (text := self._redaction.text(news.reason.text)) != news.reason.text:
            return replace(news, reason=replace(news.reason, text=text))
        return news
