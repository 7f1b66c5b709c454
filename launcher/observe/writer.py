"""The writer: one thread that writes for everybody, behind a buffer of bounded size.

Whoever has something to say puts it and goes on; the writer takes what has gathered for a target and hands it to the
kernel in one call. What a target doesn't take, a terminal held by Ctrl-S say, gathers until the buffer is `full`; the
reader then leaves the pipes alone and the kernel slows the services. Nothing is lost by that, and memory stays bounded.

A target that fails (disk full, terminal closed) is given up: it hears of that once, and what is put for it from then
on is counted and dropped. Knows bytes and descriptors, and of lines only that a newline ends one.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

#: How many bytes may wait, for all targets together, before the buffer is full; at half of it there is room again.
MOST_WAITING = 1024 * 1024
#: How many chunks go into one call; IOV_MAX is 1024 on Linux and macOS.
MOST_CHUNKS = 256
#: After a write, more is likely: for a while it gathers instead of waking the thread for each line, unless it becomes
#: more than `CROWD` bytes or is the first for a target that somebody watches. So many seconds at first, twice as long
#: each time that something came, up to the second figure. A hundred wakings cost whoever puts the lines 10 ms.
NAP, LONGEST_NAP = 0.001, 0.016
CROWD = 64 * 1024
#: How long `close` waits, in seconds, for a thread that still has something it cannot write.
LAST_CALL = 0.2


class Target(Protocol):
    """Somewhere to write to. Its methods are called by the writing thread only."""

    @property
    def block(self) -> int:
        """How many bytes go into one call at most, a longer chunk apart."""
        ...

    @property
    def sip(self) -> int:
        """Not 0: the descriptor blocks, so this is how much is written at a time, and only once it is writable."""
        ...

    @property
    def watched(self) -> bool:
        """Whether people wait for what is written: they are not made to by what others wrote just before."""
        ...

    def prepare(self, size: int) -> int:
        """Give the descriptor for the next `size` bytes, which are whole chunks: the time to open or rotate a file."""
        ...

    def failed(self, error: OSError) -> None:
        """Hear that the target is given up."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class _Lane:
    """What waits for one target. `chunks` is taken from by the writing thread only; the rest is under its lock."""

    __slots__ = (
        "accepted",
        "chunks",
        "dropped",
        "due",
        "fd",
        "mark",
        "patience",
        "queued",
        "shut",
        "stuck",
        "target",
        "torn",
        "waiting",
        "writable",
    )

    def __init__(self, target: Target) -> None:
        self.target = target
        self.chunks: deque[bytes] = deque()
        self.fd = -1
        #: Whether the first chunk is the rest of one that is partly written.
        self.torn = False
        #: Whether it stands in the queue of lanes to be written, or waits for its descriptor to be writable.
        self.queued = False
        #: Whether it waits for its descriptor to be writable, and whether that has been found so just now.
        self.stuck = False
        self.writable = False
        #: Whether all that comes is dropped.
        self.shut = False
        #: Lines dropped.
        self.dropped = 0
        #: Bytes that came, and those of them that wait.
        self.accepted = self.waiting = 0
        #: In a hurry: what came before `mark` must be written at `due`, or the lane is shut.
        self.patience = 0.0
        self.due = 0.0
        self.mark = 0

    def block(self) -> list[bytes]:
        """Give the chunks that go into the next call."""
        room = self.target.block
        block: list[bytes] = []
        for chunk in self.chunks:
            room -= len(chunk)
            if block and (room < 0 or len(block) == MOST_CHUNKS):
                break
            block.append(chunk)
        return block

    def advance(self, written: int) -> None:
        """Take from the front what has been written."""
        self.torn = False
        while written:
            chunk = self.chunks.popleft()
            if len(chunk) > written:
                self.chunks.appendleft(chunk[written:])
                self.torn = True
                return
            written -= len(chunk)


class Writer:
    """Writes in its own thread what any thread puts for a target, in the order in which it was put."""

    def __init__(self, *, most_waiting: int = MOST_WAITING) -> None:
        self._most = most_waiting
        self._lanes: dict[Target, _Lane] = {}
        self._ready: list[_Lane] = []
        self._hurried: tuple[_Lane, ...] = ()
        self._wakes: tuple[Callable[[], None], ...] = ()
        self._stuck = 0
        self._waiting = 0
        self._full = False
        self._idle = False
        self._napping = False
        self._written_last: list[_Lane] = []
        self._closing = False
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._rope, False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        # A daemon: a write to a descriptor that blocks after all may never return.
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    # What any thread may call ------------------------------------------------------------------------------------

    def put(self, target: Target, data: bytes) -> bool:
        """Take `data`, whole lines, for `target`; False: taken, but the buffer is full now."""
        with self._lock:
            lane = self._lane(target)
            if lane.shut or self._closing:
                lane.dropped += data.count(b"\n")
                return not self._full
            lane.chunks.append(data)
            lane.accepted += len(data)
            lane.waiting += len(data)
            self._waiting += len(data)
            if self._waiting > self._most:
                self._full = True
            if not lane.queued:
                lane.queued = True
                self._ready.append(lane)
                self._wake()
            if self._napping and (self._waiting > CROWD or (target.watched and lane not in self._written_last)):
                self._napping = False
                self._ring()
            return not self._full

    @property
    def full(self) -> bool:
        """Whether more waits than should; `on_room` tells when that has passed."""
        return self._full

    def on_room(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from the writing thread, whenever the buffer was full and has room again."""
        with self._lock:
            self._wakes = (*self._wakes, wake)

    def hurry(self, target: Target, patience: float) -> None:
        """From now on, once something has waited for `patience` to twice as many seconds, the target is shut.

        What waits then is dropped and counted, but for the rest of a line that is partly written, and so is all that
        comes; the target no longer makes the buffer full.
        """
        with self._lock:
            lane = self._lane(target)
            lane.patience = patience
            lane.due = time.monotonic() + patience
            lane.mark = lane.accepted
            self._hurried = (*(each for each in self._hurried if each is not lane), lane)
            self._wake()

    def dropped(self, target: Target) -> int:
        """How many lines were dropped because the target failed or was shut."""
        with self._lock:
            return self._lane(target).dropped

    def flush(self, timeout: float, target: Target | None = None) -> bool:
        """Wait until all that was put (for `target`) is written or dropped; False: not within `timeout` seconds."""
        with self._lock:
            lanes = self._lanes.values() if target is None else (self._lane(target),)
            return self._settled.wait_for(lambda: not any(lane.waiting for lane in lanes), timeout)

    def close(self, timeout: float) -> bool:
        """Write what waits, for `timeout` seconds at most, and end; False: something was left."""
        done = self.flush(timeout)
        with self._lock:
            if not self._closing:
                self._closing = True
                self._ring()
        self._thread.join(timeout if done else LAST_CALL)
        return done

    # Under the lock ----------------------------------------------------------------------------------------------

    def _lane(self, target: Target) -> _Lane:
        lane = self._lanes.get(target)
        if lane is None:
            lane = self._lanes[target] = _Lane(target)
        return lane

    def _wake(self) -> None:
        if self._idle:
            self._idle = False
            self._ring()

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # the pipe is full of rings that nobody has heard yet
            os.write(self._rope, b"!")

    def _drop(self, lane: _Lane, *, keep: bytes = b"") -> None:
        lane.shut = True
        lane.dropped += sum(chunk.count(b"\n") for chunk in lane.chunks) - keep.count(b"\n")
        lane.chunks.clear()
        if keep:
            lane.chunks.append(keep)
        self._written(lane, lane.waiting - len(keep))

    def _written(self, lane: _Lane, count: int) -> None:
        lane.waiting -= count
        self._waiting -= count
        if not lane.waiting:
            self._settled.notify_all()

    # In the writing thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        ready: list[_Lane] = []
        nap = NAP
        while not self._closing:
            with self._lock:
                self._written_last = ready
                ready, self._ready = self._ready, []
                self._napping = bool(self._written_last) and not ready
                self._idle = not self._written_last and not ready
            for lane in ready:
                self._write(lane)
            if self._napping:
                self._wait(nap)
                nap = min(2 * nap, LONGEST_NAP)
            elif self._idle:
                self._wait(None)
                nap = NAP
            elif self._stuck or self._hurried:
                self._wait(0)
        for lane in self._lanes.values():
            lane.target.close()
        self._selector.close()
        with self._lock:  # whoever closes the writer may be about to ring
            os.close(self._bell)
            os.close(self._rope)

    def _write(self, lane: _Lane) -> None:
        with self._lock:
            block = lane.block()
            if not block:
                lane.queued = False
                return
        sip = lane.target.sip
        try:
            if not lane.torn:
                lane.fd = lane.target.prepare(sum(map(len, block)))
            if sip and not lane.writable:
                self._stall(lane)
                return
            lane.writable = False
            written = os.write(lane.fd, block[0][:sip]) if sip else os.writev(lane.fd, block)
        except BlockingIOError:
            self._stall(lane)
            return
        except OSError as error:
            with self._lock:
                lane.queued = False
                self._drop(lane)
            lane.target.failed(error)
        else:
            with self._lock:
                lane.advance(written)
                self._written(lane, written)
                lane.queued = bool(lane.chunks)
                if lane.queued:
                    self._ready.append(lane)
        self._tell_of_room()

    def _stall(self, lane: _Lane) -> None:
        """Come back to the lane when its descriptor is writable."""
        self._selector.register(lane.fd, selectors.EVENT_WRITE, lane)
        lane.stuck = True
        self._stuck += 1

    def _unstall(self, lane: _Lane) -> None:
        if lane.stuck:
            self._selector.unregister(lane.fd)
            lane.stuck = False
            self._stuck -= 1

    def _wait(self, timeout: float | None) -> None:
        if timeout is None and self._hurried:
            timeout = max(0.0, min(lane.due for lane in self._hurried) - time.monotonic())
        for key, _ in self._selector.select(timeout):
            lane = key.data
            if lane is None:
                os.read(self._bell, 512)
            else:
                self._unstall(lane)
                lane.writable = True
                with self._lock:
                    self._ready.append(lane)
        if self._hurried:
            self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        with self._lock:
            for lane in self._hurried:
                if lane.due > now:
                    continue
                if lane.accepted - lane.waiting < lane.mark:
                    first = lane.chunks[0]
                    keep = first[: first.find(b"\n") + 1] if lane.torn else b""
                    self._drop(lane, keep=keep)
                    if not keep:
                        self._unstall(lane)
                lane.due = now + lane.patience
                lane.mark = lane.accepted
            self._hurried = tuple(lane for lane in self._hurried if not lane.shut)
        self._tell_of_room()

    def _tell_of_room(self) -> None:
        if self._full:
            with self._lock:
                if self._waiting > self._most // 2:
                    return
                self._full = False
                wakes = self._wakes
            for wake in wakes:
                wake()
