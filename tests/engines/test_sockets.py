"""Held sockets: who gets them, as what, and what is said when they can't be had."""

from __future__ import annotations

import os
import re
import socket
import subprocess

import pytest

from launcher.engines.local import LocalEngine
from launcher.errors import EngineCannot, SocketUnavailable
from launcher.orchestrator.events import Exited, Spawned, SpawnRefused
from launcher.orchestrator.orders import HeldSocket, Run, Stop, StopLevel
from launcher.profile.model import Limits
from tests.engines.world import Events, Memory, launch, python

#: Holds a port until its input ends.
LISTEN = """import socket, sys; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True)
sys.stdin.read()"""

WEB, API = Run("web.1", 1), Run("api.1", 1)

#: Answers one connection on descriptor 3, and tells how it was started.
SERVE = """
import os, socket, sys
print(os.environ["LISTEN_FDS"], os.environ["LISTEN_FDNAMES"], os.environ["LISTEN_PID"], os.getpid(), flush=True)
listener = socket.socket(fileno=3)
descriptors = sorted(map(int, os.listdir("/proc/self/fd")))[:4]
print(listener.getsockname(), os.readlink("/proc/self/fd/0"), descriptors, flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(os.environ.get("ANSWER", "hello").encode())
    connection.close()
"""


def ask(port: int) -> bytes:
    """What is answered on the port."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        return connection.recv(100)


@pytest.mark.parametrize("limits", [Limits(), Limits(open_files=99)], ids=["alone", "with-limits"])
def test_the_socket_is_handed_over_as_systemd_does(
    local: LocalEngine, events: Events, sink: Memory, unused_port: int, limits: Limits
) -> None:
    """Descriptor 3, with the service's own number in LISTEN_PID, and nothing where standard input was."""
    held = (HeldSocket("web", "127.0.0.1", unused_port),)
    local.start(launch(argv=python(SERVE), sockets=held, limits=limits))
    pid = events.until(Spawned).pid
    assert ask(unused_port) == b"hello"
    sink.wait_for(WEB, b"[0, 1, 2, 3]\n")
    assert sink.output[WEB].decode().splitlines() == [
        f"1 web {pid} {pid}",
        f"('127.0.0.1', {unused_port}) /dev/null [0, 1, 2, 3]",
    ]


def test_connections_wait_in_the_socket_through_a_restart(local: LocalEngine, events: Events, unused_port: int) -> None:
    """Who connects while nobody serves is answered by the next generation."""
    held = (HeldSocket("web", "127.0.0.1", unused_port),)
    local.start(launch(argv=python(SERVE), sockets=held))
    assert ask(unused_port) == b"hello"
    local.stop(WEB, Stop(level=StopLevel.KILL))
    events.until(Exited)
    with socket.create_connection(("127.0.0.1", unused_port), timeout=5) as waiting:
        local.start(launch(generation=2, argv=python(SERVE), sockets=held, env={**os.environ, "ANSWER": "again"}))
        assert waiting.recv(100) == b"again"


def test_no_other_service_inherits_it(local: LocalEngine, events: Events, sink: Memory, unused_port: int) -> None:
    """What one service listens on is nobody else's."""
    local.start(launch(argv=python(SERVE), sockets=(HeldSocket("web", "127.0.0.1", unused_port),)))
    sink.wait_for(WEB, b"/dev/null")
    local.start(launch("api.1", argv=python("import os; print(sorted(os.listdir('/proc/self/fd'))[:4])")))
    assert events.until(Exited) == Exited("api.1", 1, 0)
    # 3 is the folder being listed.
    assert sink.output[API] == b"['0', '1', '2', '3']\n"


def test_a_shell_command_finds_it_too(local: LocalEngine, events: Events, sink: Memory, unused_port: int) -> None:
    """Verbatim or not: the line that hands over stands before it."""
    held = (HeldSocket("web", "127.0.0.1", unused_port),)
    text = 'test "$LISTEN_PID" = $$ && readlink /proc/$$/fd/3; exit 5'
    local.start(launch(shell=text, sockets=held))
    assert events.until(Exited).code == 5
    assert sink.output[WEB].startswith(b"socket:[")


def test_a_changed_address_is_bound_anew(local: LocalEngine, events: Events, unused_port: int) -> None:
    """The old one is closed, and so is one that is no longer wanted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = server.getsockname()[1]
    for generation, port in enumerate((unused_port, other), 1):
        local.start(launch(generation=generation, argv=("true",), sockets=(HeldSocket("web", "127.0.0.1", port),)))
        events.until(Exited)
    socket.create_connection(("127.0.0.1", other), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", unused_port), timeout=5)
    local.start(launch(generation=3, argv=("true",)))
    events.until(Exited)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", other), timeout=5)


def refused(events: Events) -> SpawnRefused:
    event = events.next()
    assert isinstance(event, SpawnRefused)
    return event


def test_a_port_that_is_taken_names_who_has_it(local: LocalEngine, events: Events) -> None:
    """The number of the process and its command, of which a long one is cut, where the system tells."""
    argv = (*python(LISTEN), "x" * 500)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        local.start(launch(argv=("true",), sockets=(HeldSocket("web", "127.0.0.1", port),)))
        error = refused(events).error
        other.communicate()
    assert isinstance(error, SocketUnavailable)
    command = re.escape(" ".join(argv)[:80])
    assert re.fullmatch(rf'cannot start "web": port {port} is taken by pid {other.pid} \({command}\)', str(error))


def test_an_address_that_is_not_ours_cannot_be_listened_on(local: LocalEngine, events: Events) -> None:
    """The system's own reason, in the sentence."""
    local.start(launch(argv=("true",), sockets=(HeldSocket("web", "192.0.2.1", 80),)))
    error = refused(events).error
    assert isinstance(error, SocketUnavailable)
    assert str(error) == 'cannot start "web": cannot listen on 192.0.2.1:80: Cannot assign requested address'


def test_more_than_one_socket_is_refused(local: LocalEngine, events: Events) -> None:
    """Rather than handing over some of them."""
    held = tuple(HeldSocket(name, "127.0.0.1", 0) for name in "ab")
    local.start(launch(argv=("true",), sockets=held))
    assert isinstance(refused(events).error, EngineCannot)
