"""The one thread that hears processes: their output, their ends, and the signals sent to the launcher itself.

One selector over pidfds, a wake pipe and, as one member, a second selector with all output pipes: when the sink is
full that member is taken out, so that pipes wait (and the kernel slows who writes to them) while exits go on. Each
round serves exits first and then reads 64 KiB of each pipe that has something, so a flood starves nobody.

It is the only place that reaps: children watched here, and orphans that the sub-reaper inherited. Knows nothing of
runs, engines or the loop; what it hears it hands to callables, in its own thread.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import IO

from launcher.engines.exits import Ended, Exits, best_exits
from launcher.orchestrator.events import Post, Signalled

Action = Callable[[], None]

#: Takes a batch, empty at the end; False: no pipe is to be read until `resume`.
Took = Callable[[bytes], bool]

#: The capacity of a pipe on Linux: no read returns more, unless somebody enlarged it.
BATCH = 65536

#: A pipe holds 1 MiB at most (fs.pipe-max-size); more in one go comes from somebody who never stops writing.
_LAST_BATCHES = 16

#: How long a look at a burst of exits may be put off by further exits.
_BURST = 0.01

#: After a birth, others are likely: for a while they gather instead of waking the thread for each. So many seconds at
#: first, twice as long each time that there were some, up to the second figure. A hundred wakings would cost a start-up
#: of a hundred services 15 ms, in which the loop waits for the interpreter.
_NAP, _LONGEST_NAP = 0.001, 0.016

#: Of how many that have ended it is remembered how; and how long the word of an end may take, in seconds.
_REMEMBERED = 64
_END_PATIENCE = 1.0

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Reader:
    """Runs from its making to `close`. `exits` replaces the way it hears of ends (tests do)."""

    def __init__(self, *, exits: Callable[[selectors.BaseSelector], Exits] = best_exits) -> None:
        self._selector = selectors.DefaultSelector()
        self._pipes = selectors.DefaultSelector()
        self._exits = exits(self._selector)
        self._actions: SimpleQueue[Action] = SimpleQueue()
        self._timers: list[tuple[float, int, Action]] = []
        self._order = count()
        self._looks: list[Action] = []
        self._look_by = 0.0
        self._pacing = False
        self._paused = False
        self._closing = False
        self._newborn: set[int] = set()
        self._ends: dict[int, int | None] = {}
        self._asked: dict[int, list[Ended]] = {}
        #: Whether `call_soon` need wake nobody: the queue will be looked at soon. And how soon, in seconds.
        self._napping = False
        self._nap = _NAP
        #: Held while a child is made: between its fork and its exec it can't be told from an orphan.
        self.no_births = threading.Lock()
        self._post: Post | None = None
        woken, waker = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(waker, False)
        # File objects, so that a wake after `close` meets a closed file and not somebody else's new descriptor.
        self._woken = open(woken, "rb", buffering=0)  # noqa: PTH123, SIM115  (a descriptor, closed by `close`)
        self._waker = open(waker, "wb", buffering=0)  # noqa: PTH123, SIM115  (as above)
        self._selector.register(woken, selectors.EVENT_READ, self._hear)
        self._selector.register(_number(self._pipes), selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    # From any thread -----------------------------------------------------------------------------------------------

    def call(self, action: Action) -> None:
        """Run `action` in the reader's thread, in the order of the calls."""
        self._actions.put(action)
        self._wake()

    def call_soon(self, action: Action) -> None:
        """As `call`, but within a burst of them up to 16 ms later."""
        self._actions.put(action)
        if not self._napping:
            self._wake()

    def resume(self) -> None:
        """The sink has room again: read pipes."""
        self.call(self._resume)

    def when_readable(self, descriptor: int, action: Action) -> None:
        """Run `action` once, in the reader's thread, as soon as `descriptor` is readable.

        Said in that thread it holds at once: what it does next may close the descriptor.
        """

        def listen() -> None:
            with contextlib.suppress(OSError, ValueError):  # whoever asked has closed it meanwhile
                self._selector.register(descriptor, selectors.EVENT_READ, heard)

        def heard() -> None:
            key = self._selector.get_map().get(descriptor)
            if key is not None and key.data is heard:  # else it is not wanted any more, since this very round
                self._selector.unregister(descriptor)
                action()

        if threading.current_thread() is self._thread:
            listen()
        else:
            self.call(listen)

    def beget(self, make: Callable[[], subprocess.Popen[bytes]]) -> tuple[int, IO[bytes]]:
        """Make a child that `watch` is going to reap, and nobody takes for an orphan: its number and its output."""
        with self.no_births:
            child = make()
            self._newborn.add(child.pid)
        child.returncode = 0  # so that subprocess neither waits for it nor warns that it should have
        assert child.stdout is not None
        return child.pid, child.stdout

    def close(self) -> None:
        """End the thread; what it watched lives on. Every action asked for before is done, no further one."""
        self.call(self._close)
        self._thread.join()
        if self._post is not None and threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)  # its number will be another file's; the handlers stay until they are undone
        self._waker.close()
        self._woken.close()
        self._pipes.close()
        self._selector.close()

    # From the main thread ------------------------------------------------------------------------------------------

    def forward_signals(self, post: Post) -> Action:
        """Post SIGINT, SIGTERM and SIGHUP as Signalled, hear of SIGCHLD; returns what undoes it.

        Python's C handler writes the signal's number into the wake pipe, so the handlers have nothing to do. A SIGHUP
        that is ignored stays so: that is what nohup means.
        """
        self._post = post
        wanted = [*_FORWARDED, signal.SIGCHLD]
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            wanted.remove(signal.SIGHUP)
        before = {number: signal.signal(number, _nothing) for number in wanted}
        descriptor = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

        def restore() -> None:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)

        return restore

    def _wake(self) -> None:
        with contextlib.suppress(ValueError):  # closed: nobody is left to act
            self._waker.write(b"\0")  # None when the pipe is full of wakes: it is awake

    # In the reader's thread ----------------------------------------------------------------------------------------

    def watch(self, pid: int, ended: Ended) -> None:
        """Tell `ended` when the process ends; a child is reaped then. A pid below zero is a process group."""
        self._ends.pop(pid, None)
        needs_look = self._exits.watch(pid, partial(self._ended, pid, ended))
        self._newborn.discard(pid)
        if needs_look:  # it may have ended before it was watched
            self.when_quiet(_nothing)

    def end_of(self, pid: int, told: Ended) -> None:
        """Tell how a process that is watched here has ended, or ends within a second; None: that is not known here."""
        if not self._exits.watches(pid):
            told(self._ends.get(pid))
            return
        asked = self._asked.setdefault(pid, [])
        asked.append(told)

        def give_up() -> None:
            if told in asked:
                asked.remove(told)
                told(None)

        self.after(_END_PATIENCE, give_up)

    def owns(self, pid: int) -> bool:
        """Whether somebody here watches this process, or will: it's no orphan."""
        return self._exits.watches(pid) or pid in self._newborn

    def listen_no_more(self, descriptor: int) -> None:
        """Whether or not `descriptor` becomes readable, what `when_readable` was told is not run."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    def read(self, pipe: int, took: Took) -> None:
        """Hand what comes through `pipe` to `took`, until it was handed the empty bytes of the end."""
        os.set_blocking(pipe, False)
        self._pipes.register(pipe, selectors.EVENT_READ, took)

    def finish(self, pipe: int) -> None:
        """Hand over what is in `pipe` now, and the end, without waiting for whoever still holds it open.

        A full sink gets it all the same: the loop must hear of an exit after the last lines and without waiting for a
        terminal, and what is handed over here is one pipe's content, which would otherwise sit in the kernel.
        """
        try:
            took = self._pipes.unregister(pipe).data
        except KeyError:
            return  # the end has been handed over
        for _ in range(_LAST_BATCHES):
            try:
                batch = os.read(pipe, BATCH)
            except BlockingIOError:
                break
            if not batch:
                break
            took(batch)
        took(b"")

    def after(self, seconds: float, action: Action) -> None:
        """Run `action` in so many seconds; whoever asks sees to it that it's harmless when no longer wanted."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), action))

    def when_quiet(self, action: Action) -> None:
        """Run `action` once, as soon as no further exit or action is at hand, and within 10 ms."""
        if not self._looks:
            self._look_by = time.monotonic() + _BURST
        if action not in self._looks:
            self._looks.append(action)

    def _ended(self, pid: int, ended: Ended, code: int | None) -> None:
        self._ends[pid] = code
        if len(self._ends) > _REMEMBERED:
            del self._ends[next(iter(self._ends))]
        asked = self._asked.pop(pid, [])
        while asked:
            asked.pop()(code)
        ended(code)

    def _run(self) -> None:
        while not self._closing:
            quiet = True
            readable = False
            for key, _ in self._selector.select(self._patience()):
                if key.data is None:
                    readable = True
                else:
                    quiet = False
                    key.data()
            if readable and not self._paused:
                self._read_round()
            self._ring()
            if self._looks and (quiet or time.monotonic() > self._look_by):
                self._look()

    def _patience(self) -> float | None:
        if self._looks:
            return 0
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _ring(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    def _look(self) -> None:
        looks, self._looks = self._looks, []
        again = self._exits.look()
        if again is not None and not self._pacing:
            self._pacing = True
            self.after(again, self._pace)
        for look in looks:
            look()
        self._reap_orphans()

    def _pace(self) -> None:
        self._pacing = False
        self.when_quiet(_nothing)

    def _hear(self) -> None:
        # Each signal counts, also of two alike: a second Ctrl-C is an answer to the first.
        for number in (self._woken.read(4096) or b"").replace(b"\0", b""):
            if number == signal.SIGCHLD:
                self.when_quiet(_nothing)
            elif self._post is not None:
                self._post(Signalled(number))
        self._act()

    def _act(self) -> None:
        due = self._actions.qsize()
        for _ in range(due):
            with contextlib.suppress(Empty):
                self._actions.get_nowait()()
        if due and not self._napping:
            self._napping = True
            self.after(self._nap, self._end_nap)

    def _end_nap(self) -> None:
        self._napping = False  # from here on `call_soon` wakes; what came before is in the queue
        self._nap = _NAP if self._actions.empty() else min(2 * self._nap, _LONGEST_NAP)
        self._act()

    def _read_round(self) -> None:
        for key, _ in self._pipes.select(0):
            try:
                batch = os.read(key.fd, BATCH)
            except BlockingIOError:
                continue
            if not batch:
                self._pipes.unregister(key.fd)
            if not key.data(batch):
                self._pause()
                return

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._selector.unregister(_number(self._pipes))

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._selector.register(_number(self._pipes), selectors.EVENT_READ, None)

    def _reap_orphans(self) -> None:
        """Reap the dead whom nobody watches. One in our own session is some library's child and left to it.

        The kernel shows the first dead child only; one that is watched is reaped by its watcher in the next round,
        which comes here again.
        """
        if sys.platform != "linux":
            return  # no sub-reaper, so no orphans; and macOS' Python has no waitid
        with self.no_births, contextlib.suppress(ChildProcessError):
            while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if self.owns(dead.si_pid):
                    return
                session = _session_of(dead.si_pid)
                if session == os.getsid(0):
                    return
                if session is not None:
                    os.waitpid(dead.si_pid, 0)

    def _close(self) -> None:
        self._closing = True


def _session_of(pid: int) -> int | None:
    """The session of a child; None: who made it has reaped it just now."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _number(selector: selectors.BaseSelector) -> int:
    """The descriptor of an epoll or kqueue, which another one can wait on."""
    return int(selector.fileno())  # type: ignore[attr-defined]  # typeshed has no common class of the two


def _nothing(*_: object) -> None:
    pass
