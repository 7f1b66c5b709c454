"""The plugin's end of the line to the agent: a Unix socket on which supervisord itself listens.

Runs inside supervisord's loop and never blocks it. The agent says what is to be started, stopped and kept; it hears,
in the order in which they happened, what programs print and how they begin and end. What must outlive an agent is
kept here: sockets (held listeners, and those on which services say that they are ready), and the last state that the
agent told, for those who ask meanwhile. One agent at a time: the newest.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from supervisor import events

from launcher.engines.supervisord import SOCKET
from launcher.engines.supervisord.programs import IDENTITY, Programs, end_of, is_known
from launcher.host.frames import pack
from launcher.host.inbox import HungUp, Inbox

#: So many bytes of output wait for an agent that does not read, or for the next one; what comes then is in the
#: program's log file only.
_MOST = 4 * 1024 * 1024


class Server:
    """Listens in the run folder until `close`."""

    def __init__(self, options: Any, run: Path, programs: Programs) -> None:
        self._sockets = options.get_socket_map()
        self.path = path = run / SOCKET
        self._programs = programs
        self._kept: dict[str, int] = {}
        self._agent: _Connection | None = None
        #: What programs printed since the last agent left, and how much that is.
        self._unheard: list[bytes] = []
        self._unheard_size = 0
        #: Called when the agent tells how everything is.
        self.heard: Callable[[], None] = _nothing
        #: What happens while a program is being started: told after the answer.
        self._aside: list[bytes] | None = None
        #: How processes ended meanwhile, by program: supervisord looks for ends before it says how a start went.
        self._over: dict[object, dict[str, object]] = {}
        #: What the agent last told of itself, and when (monotonic).
        self.state = b""
        self.told_at = 0.0
        path.unlink(missing_ok=True)  # of a supervisord that was killed
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.setblocking(False)
        mask = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        finally:
            os.umask(mask)
        self._listener.listen(4)
        self._sockets[self._listener.fileno()] = self
        self._subscribed = [
            (events.ProcessStateEvent, self._moved),
            (events.ProcessLogStdoutEvent, self._printed),
            (events.ProcessGroupAddedEvent, self._added),
            (events.ProcessGroupRemovedEvent, self._removed),
        ]
        for kind, action in self._subscribed:
            events.subscribe(kind, action)

    def close(self) -> None:
        """Let go of everything."""
        for kind, action in self._subscribed:
            with contextlib.suppress(ValueError):  # it forgets all subscribers when it begins anew
                events.unsubscribe(kind, action)
        self._drop_agent()
        self._sockets.pop(self._listener.fileno(), None)
        self._listener.close()
        self.path.unlink(missing_ok=True)
        for key in list(self._kept):
            self._free(key)

    def ask(self) -> None:
        """Ask the agent how everything is."""
        self._tell(pack("ask"))

    def say(self, text: str) -> None:
        """Have something told by the agent."""
        self._tell(pack("said", text=text))

    def tell_stop(self, name: str) -> None:
        """Tell that somebody wants a program down that has no process."""
        self._tell(pack("rests", name=name))

    def fileno(self) -> int:
        """The descriptor on which it listens."""
        return self._listener.fileno()

    # What supervisord's loop asks of its sockets ---------------------------------------------------------------------

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        """An agent calls."""
        with contextlib.suppress(BlockingIOError):
            sock, _ = self._listener.accept()
            self._drop_agent()
            self._agent = agent = _Connection(sock, self._sockets, self)
            agent.send(pack("hello", known=is_known(), identity=IDENTITY))
            for key, descriptor in self._kept.items():
                agent.send(pack("kept", key=key), descriptor)
            agent.send(pack("programs", json.dumps(self._programs.all()).encode()))
            agent.untaken.extend(self._unheard)
            agent.untaken_size, self._unheard_size = self._unheard_size, 0
            unheard, self._unheard = self._unheard, []
            for frame in unheard:
                agent.send(frame)

    def handle_error(self) -> None:
        """Go on; the next agent may have more luck."""

    # What the agent asks ---------------------------------------------------------------------------------------------

    def obey(self, head: dict[str, Any], payload: bytes, take: Any) -> None:  # noqa: C901  (a case for each)
        """Do one thing; `take` gives the descriptor that came with it."""
        match head["kind"]:
            case "start":
                self._start(head["name"], partial(self._programs.start, head["name"], json.loads(payload)))
            case "admit":
                self._start(head["name"], partial(self._programs.admit, head["name"], head["pid"], take()))
            case "stop":
                self._programs.stop(head["name"], head["pid"])
            case "signal":
                self._programs.signal(head["name"], head["pid"], head["number"])
            case "keep":
                self._keep(head["key"], take())
            case "hand":
                self._programs.hold(head["name"], self._kept[head["key"]], head["fdname"])
            case "free":
                self._programs.release(head.get("name", ""))
                self._free(head["key"])
            case "state":
                self.state, self.told_at = payload, time.monotonic()
                self.heard()  # only its loop can say this
            case "shutdown":
                self._programs.shut_down(failed=head["failed"])
            case "adopt":
                self._programs.adopt_orphans()

    def _start(self, name: str, start: Callable[[], dict[str, object]]) -> None:
        self._aside = []
        try:
            found = start()
        finally:
            aside, self._aside = self._aside, None
            over, self._over = self._over, {}
        # One that has ended already did start, whatever supervisord makes of its exit code.
        self._tell(pack("started", b"", **over.get(name, {**found, "name": name})))
        for frame in aside:
            self._tell(frame)

    def _keep(self, key: str, descriptor: int) -> None:
        self._free(key)
        self._kept[key] = descriptor

    def _free(self, key: str) -> None:
        descriptor = self._kept.pop(key, None)
        if descriptor is not None:
            os.close(descriptor)

    # What the agent is told ------------------------------------------------------------------------------------------

    def _moved(self, event: Any) -> None:
        process = event.process
        ended = end_of(process)
        if ended is not None:
            if self._aside is not None:
                self._over[ended["name"]] = ended
            self._tell(pack("ended", b"", **ended))
        elif isinstance(event, events.ProcessStateRunningEvent):
            self._tell(pack("runs", name=process.config.name, pid=process.pid, started=int(process.laststart)))

    def _added(self, event: Any) -> None:
        self._tell(pack("added", name=event.group))

    def _removed(self, event: Any) -> None:
        self._tell(pack("removed", name=event.group))

    def _printed(self, event: Any) -> None:
        agent = self._agent
        if agent is None:
            self._keep_unheard(_printing(event))
            return
        if agent.untaken_size > _MOST:
            agent.missed = True
        elif agent.missed:
            agent.missed = False
            self._tell(pack("missed", name=event.process.config.name))
        if not agent.missed:
            frame = _printing(event)
            agent.untaken.append(frame)
            agent.untaken_size += len(frame)
            self._tell(frame)

    def _keep_unheard(self, frame: bytes) -> None:
        if self._unheard_size + len(frame) <= _MOST:
            self._unheard.append(frame)
            self._unheard_size += len(frame)

    def _tell(self, frame: bytes) -> None:
        if self._aside is not None:
            self._aside.append(frame)
        elif self._agent is not None:
            self._agent.send(frame)

    def _drop_agent(self) -> None:
        agent, self._agent = self._agent, None
        if agent is not None:
            agent.close()

    def left(self, agent: _Connection) -> None:
        """An agent has hung up; what it has not taken in is for the next one."""
        if self._agent is agent:
            self._agent = None
        for frame in agent.untaken:
            self._keep_unheard(frame)


def _printing(event: Any) -> bytes:
    data = event.data if isinstance(event.data, bytes) else event.data.encode()
    return pack("out", data, name=event.process.config.name, pid=event.pid)


def _nothing() -> None:
    """Nobody listens for signs of life."""


class _Connection:
    """One agent's connection, among supervisord's sockets."""

    def __init__(self, sock: socket.socket, sockets: dict[int, Any], server: Server) -> None:
        self._sock = sock
        self._sockets = sockets
        self._server = server
        self._inbox = Inbox(sock)
        self._out: deque[tuple[bytes, int | None]] = deque()
        #: What programs printed that the agent has not said it took in: it may die with it unread.
        self.untaken: deque[bytes] = deque()
        self.untaken_size = 0
        #: Whether output is being left out for it.
        self.missed = False
        sock.setblocking(False)
        sockets[sock.fileno()] = self

    def send(self, frame: bytes, descriptor: int | None = None) -> None:
        """Send a frame now, or as soon as there is room."""
        self._out.append((frame, descriptor))
        self._flush()

    def close(self) -> None:
        """Hang up."""
        if self._sock.fileno() >= 0:
            self._sockets.pop(self._sock.fileno(), None)
            self._sock.close()
            self._inbox.close()
            self._server.left(self)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return bool(self._out)

    def handle_read_event(self) -> None:
        try:
            frames = self._inbox.take()
        except HungUp:
            self.close()
            return
        for head, payload in frames:
            if head["kind"] == "took":
                self._took(head["count"])
            else:
                self._server.obey(head, payload, self._inbox.descriptor)

    def handle_write_event(self) -> None:
        self._flush()

    def handle_error(self) -> None:
        """It said what nobody understands: the agent is started anew, and begins with what runs."""
        self.close()

    def _took(self, count: int) -> None:
        """The agent has taken in so many of the frames with output that it was sent."""
        for _ in range(min(count, len(self.untaken))):
            self.untaken_size -= len(self.untaken.popleft())

    def _flush(self) -> None:
        try:
            while self._out:
                data, descriptor = self._out[0]
                if descriptor is None:
                    sent = self._sock.send(data)
                else:
                    sent = socket.send_fds(self._sock, [data], [descriptor])
                if sent < len(data):
                    self._out[0] = (data[sent:], None)
                    return
                self._out.popleft()
        except BlockingIOError:
            return
        except OSError:
            # What it said before it hung up is still to be read, be it that all is to end; and then its end.
            self._out.clear()
