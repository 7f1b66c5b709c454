"""The notify probe: ready when the service sends sd_notify's `READY=1`, and from then on.

Each run has its own datagram socket, so that a late word of an older generation cannot be taken for the new one's.
What else the protocol knows (STOPPING, RELOADING, EXTEND_TIMEOUT_USEC, WATCHDOG, FDSTORE) is read and has no effect.
"""

from __future__ import annotations

import math
import os
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

from launcher.errors import NotifySocketUnavailable
from launcher.orchestrator.events import Imported, Post, Probed, Verdict
from launcher.orchestrator.orders import Run
from launcher.probes.base import printable
from launcher.probes.reactor import READ, Reactor

_IS_LINUX = sys.platform == "linux"

#: A path in `sockaddr_un` and its final NUL take 108 bytes on Linux, 104 on macOS and the BSDs.
LONGEST_PATH = 107 if _IS_LINUX else 103

#: What our host says of its app; sd_notify(3) keeps names that begin with X_ for such.
IMPORTED = b"X_LAUNCHER_IMPORT_SECONDS="

#: sd_notify's own limit is the page.
_DATAGRAM = 4096

_CREDENTIALS = struct.Struct("iII")


def parse_datagram(data: bytes) -> tuple[bool, str | None]:
    """Whether a datagram says READY=1, and its STATUS, if it has one; unknown lines are nobody's fault."""
    ready = False
    status = None
    for line in data.split(b"\n"):
        if line == b"READY=1":
            ready = True
        elif line.startswith(b"STATUS="):
            status = printable(line[7:])
    return ready, status


def imported_of(data: bytes) -> float | None:
    """How many seconds the import of an app took, where a datagram of our host says so."""
    for line in data.split(b"\n"):
        if line.startswith(IMPORTED):
            with suppress(ValueError):
                seconds = float(line[len(IMPORTED) :])
                return seconds if 0 <= seconds < math.inf else None
    return None


class Mailbox:
    """The socket of one run: bound when made, 0600 in a folder of 0700, removed by `close`.

    A run of another user's can't get into the run folder: its socket is that user's, in a folder of its own, which
    anybody may pass through and nobody but us may list or change.
    """

    __slots__ = (
        "_owner",
        "_private_folder",
        "has_imported",
        "is_aside",
        "is_read",
        "is_ready",
        "path",
        "sock",
        "status",
    )

    def __init__(self, folder: Path, run: Run, *, user: str = "") -> None:
        name = f"notify-{run.instance}-{run.generation}"
        self._owner = owner = _another(user)
        self._private_folder = ""
        self.path = str(folder / name)
        if owner is not None or len(os.fsencode(self.path)) > LONGEST_PATH:
            import tempfile  # noqa: PLC0415  (heavy, and only for other users and run folders with very long paths)

            # mkdtemp makes it 0700. Root's TMPDIR may be closed to others; every user gets into /tmp.
            self._private_folder = tempfile.mkdtemp(prefix="launcher-", dir=None if owner is None else "/tmp")  # noqa: S108
            self.path = f"{self._private_folder}/notify"
        else:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        #: Whether the reactor reads it.
        self.is_read = False
        self.is_ready = False
        #: Whether something else is the check: its READY=1 then says nothing.
        self.is_aside = False
        #: Whether its host has told of the import: it does so once, and others may send what they like.
        self.has_imported = False
        self.status = ""
        try:
            self.sock.setblocking(False)
            if _IS_LINUX:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            Path(self.path).unlink(missing_ok=True)
            self.sock.bind(self.path)
            Path(self.path).chmod(0o600)
            if owner is not None:
                os.chown(self.path, owner, -1)
                Path(self._private_folder).chmod(0o711)
        except OSError:
            self.close()
            raise

    def receive(self) -> bytes | None:
        """The next datagram, empty if it is of a stranger; None: there is no more.

        The room for ancillary data is that of the credentials alone: descriptors sent along (FDSTORE, BARRIER) are
        closed by the kernel, which is also what a sender of BARRIER waits for.
        """
        try:
            if not _IS_LINUX:
                return self.sock.recv(_DATAGRAM)
            data, ancillary, _, _ = self.sock.recvmsg(_DATAGRAM, socket.CMSG_SPACE(_CREDENTIALS.size))
        except OSError:
            return None
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                _, uid, _ = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])
                return data if uid in (0, os.geteuid(), self._owner) else b""
        return b""

    def remove(self) -> None:
        """Take the path away, so that nothing more can be sent."""
        with suppress(OSError):  # somebody else may have tidied up
            Path(self.path).unlink(missing_ok=True)
            if self._private_folder:
                Path(self._private_folder).rmdir()

    def close(self) -> None:
        self.sock.close()
        self.remove()


def _another(user: str) -> int | None:
    """The number of a user that is not ours, if we may make a process that user's; None: it is ours, or none."""
    if not user or os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415  (few services name a user)

    try:
        number = pwd.getpwnam(user).pw_uid
    except KeyError:  # the engine refuses the start
        return None
    return number or None


class NotifyProbes:
    """The mailboxes of all runs with a notify probe. Its methods are the loop's; reading is the reactor's."""

    def __init__(self, reactor: Reactor, folder: Path, post: Post) -> None:
        self._reactor = reactor
        self._folder = folder
        self._post = post
        self._mailboxes: dict[Run, Mailbox] = {}

    def prepare(self, run: Run, *, user: str = "") -> dict[str, str]:
        """Bind the socket of a run, which `user` will own; what is sent before the run is watched waits in it."""
        try:
            mailbox = Mailbox(self._folder, run, user=user)
        except OSError as error:
            raise NotifySocketUnavailable(
                f'cannot start "{run.instance}": no socket for its READY=1 in {self._folder}: {error.strerror}'
            ) from error
        self._mailboxes[run] = mailbox
        return {"NOTIFY_SOCKET": mailbox.path}

    def prepare_aside(self, run: Run, *, user: str = "") -> dict[str, str]:
        """Bind the socket of a run that is checked otherwise, for what its host has to tell; it can do without."""
        try:
            env = self.prepare(run, user=user)
        except NotifySocketUnavailable:
            return {}
        self._mailboxes[run].is_aside = True
        return env

    def watch_aside(self, run: Run) -> None:
        """Read what the host of a run has to tell, if it was prepared for that."""
        mailbox = self._mailboxes.get(run)
        if mailbox is not None:
            self._reactor.start()
            self._reactor.call(lambda: self._listen(run, mailbox))

    def watch(self, run: Run) -> None:
        """Read what was and will be sent; of a run that was not prepared nothing can come."""
        mailbox = self._mailboxes.get(run)
        if mailbox is None:
            self._tell(run, Verdict(ok=False, answer="the service was started without a NOTIFY_SOCKET"))
            return
        self._reactor.start()
        self._reactor.call(lambda: self._listen(run, mailbox))

    def unwatch(self, run: Run) -> None:
        """Remove the socket; of a run that has none: nothing happens."""
        mailbox = self._mailboxes.pop(run, None)
        if mailbox is None:
            return
        if self._reactor.is_running:
            mailbox.remove()
            self._reactor.call(lambda: self._forget(mailbox))
        else:
            mailbox.close()

    def close(self) -> None:
        for run in list(self._mailboxes):
            self.unwatch(run)

    def _listen(self, run: Run, mailbox: Mailbox) -> None:
        if not mailbox.is_read:
            mailbox.is_read = True
            self._reactor.register(mailbox.sock, READ, lambda: self._read(run, mailbox))

    def _forget(self, mailbox: Mailbox) -> None:
        if mailbox.is_read:
            self._reactor.unregister(mailbox.sock)
        mailbox.sock.close()

    def _read(self, run: Run, mailbox: Mailbox) -> None:
        # Read on after READY=1 too: a full socket would block the service in its next STATUS or WATCHDOG.
        while (data := mailbox.receive()) is not None:
            seconds = None if mailbox.has_imported else imported_of(data)
            if seconds is not None:
                mailbox.has_imported = True
                self._post(Imported(run.instance, run.generation, seconds))
            if mailbox.is_ready or mailbox.is_aside:
                continue
            mailbox.is_ready, status = parse_datagram(data)
            if status is not None:
                mailbox.status = status
            said = f"\n{mailbox.status}" if mailbox.status else ""
            if mailbox.is_ready:
                self._tell(run, Verdict(ok=True, answer=f"READY=1{said}"))
            elif status:
                self._tell(run, Verdict(ok=False, answer=f"no READY=1 yet{said}"))

    def _tell(self, run: Run, verdict: Verdict) -> None:
        self._post(Probed(run.instance, run.generation, verdict))
