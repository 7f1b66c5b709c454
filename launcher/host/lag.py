"""Watches the event loop from another thread, and says whose code holds it up.

The loop beats four times a second; the watch looks when a beat is overdue, and while it is, reads the stack of the
loop's thread. It is the only thread that can: a blocked loop cannot report itself. It knows the beat, so of a stall of
0.25 s to 0.5 s it sees only part (how much, depends on where between two beats it falls), of a longer one all.

A C function that keeps the interpreter's lock for itself (a regular expression that never ends) stops this thread too,
so such a stall may go unseen, or be seen when it is over and nobody can be named.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from .current import component, entered
from .folders import is_standard

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .folders import Folders

#: Seconds between two beats.
PERIOD = 0.25
#: Of how many beats the worst is told: those of ten seconds.
BEATS = 40


@dataclass(frozen=True)
class Stall:
    """The loop does not turn, or did not."""

    #: Whose code it is; None where it cannot be told.
    component: str | None
    function: str
    file: str
    line: int
    #: How long at least: since the first beat that was overdue.
    seconds: float
    is_over: bool

    @property
    def sentence(self) -> str:
        """Tell it to a person."""
        return f"{self.component or 'code of no single component'} {self.deed}"

    @property
    def deed(self) -> str:
        """Tell it without who does it."""
        where = f"{self.function} at {self.file}:{self.line}"
        if self.is_over:
            return f"held up the event loop for {self.seconds:.2f} s, in {where}"
        return f"holds up the event loop, for {self.seconds:.2f} s so far, in {where}"


class Watch:
    """The watch over one loop.

    `report` is called in the watch's own thread, twice for each stall: when a beat is late by `threshold` seconds, and
    when it is over.
    """

    def __init__(self, report: Callable[[Stall], None], folders: Folders, threshold: float = 0.25) -> None:
        self._report = report
        self._folders = folders
        self._threshold = threshold
        self._stopped = threading.Event()
        #: How late the last beats were, in seconds.
        self._lags: deque[float] = deque(maxlen=BEATS)

    @property
    def lag(self) -> float:
        """How late a beat was at worst in the last ten seconds; asked in the loop's thread."""
        return max(self._lags, default=0.0)

    def start(self) -> None:
        """Watch the loop that runs here, until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._thread_of_loop = threading.get_ident()
        self._beaten = time.monotonic()
        with entered(None):
            self._next = self._loop.call_later(PERIOD, self._beat)
            threading.Thread(target=self._watch, name="lag", daemon=True).start()

    def stop(self) -> None:
        """Let go of the loop; called in its thread."""
        self._stopped.set()
        self._next.cancel()

    def _beat(self) -> None:
        now = time.monotonic()
        self._lags.append(max(0.0, now - self._beaten - PERIOD))
        self._beaten = now
        self._next = self._loop.call_later(PERIOD, self._beat)

    def _late(self) -> float:
        """By how much the beat that is awaited is late; below nothing while it is not yet due."""
        return time.monotonic() - self._beaten - PERIOD

    def _watch(self) -> None:
        while True:
            pause = max(0.0, self._threshold - self._late())
            asleep = time.monotonic()
            if self._stopped.wait(pause):
                return
            if self._late() >= self._threshold:
                # Who sleeps longer than asked was stopped together with the loop: no one's fault, unless seen to be.
                overslept = time.monotonic() - asleep - pause > self._threshold
                self._follow(is_doubtful=overslept)

    def _follow(self, *, is_doubtful: bool) -> None:
        """Report a stall, and its end."""
        beaten = self._beaten
        stall = self._look()
        if not (is_doubtful and stall.component is None):
            self._report(stall)
        while self._beaten == beaten:
            if self._stopped.wait(self._threshold):
                return
            if stall.component is None and self._beaten == beaten:
                stall = self._look()
        if not (is_doubtful and stall.component is None):
            self._report(replace(stall, seconds=self._beaten - beaten - PERIOD, is_over=True))

    def _look(self) -> Stall:
        """Read the stack of the loop's thread."""
        seconds = self._late()
        places = _places(sys._current_frames().get(self._thread_of_loop))  # noqa: SLF001  (made for this)
        owners = [(place, self._folders.component_of(place.file)) for place in places]
        name = _component_of_task(self._loop) or next((owner for _, owner in owners if owner), None)
        own = [place for place, owner in owners if owner and owner == name]
        # Next best: what is not Python's own, such as a module that several components share.
        others = [place for place in places if not is_standard(place.file)]
        function, file, line = (own or others or places or [Place("?", "?", 0)])[0]
        return Stall(name, function, file, line, seconds, is_over=False)


class Place(NamedTuple):
    """A frame, as it was when it was looked at: it runs on."""

    function: str
    file: str
    line: int


def _places(frame: FrameType | None) -> list[Place]:
    """List the frames, the innermost first."""
    places = []
    while frame is not None:
        places.append(Place(frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno or 0))
        frame = frame.f_back
    return places


def _component_of_task(loop: asyncio.AbstractEventLoop) -> str | None:
    """Name the component as whose code the loop's current task runs: surer than any file."""
    task = asyncio.current_task(loop)
    if task is None:
        return None
    if sys.version_info >= (3, 12):
        return task.get_context().get(component)
    # Python 3.11 has no way to ask a task; the collector knows what it holds: its context, and those of its callbacks.
    contexts = [held for held in gc.get_referents(task) if isinstance(held, contextvars.Context)]
    names = {context.get(component) for context in contexts} - {None}
    return names.pop() if len(names) == 1 else None
