"""Sockets that several instances hold together: bound once, closed when the last lets go."""

from __future__ import annotations

import socket

import pytest

from launcher.engines.sharing import SharedSockets
from launcher.engines.sockets import HeldSockets
from launcher.errors import SocketUnavailable
from launcher.orchestrator.orders import HeldSocket


@pytest.fixture
def sockets():
    made = SharedSockets()
    yield made
    made.close()


@pytest.fixture
def port():
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def hold(sockets, instance, port, *, is_shared=True):
    wanted = (HeldSocket(instance, "127.0.0.1", port),)
    return sockets.hold(instance, wanted, label=instance, is_shared=is_shared)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_shared_port_is_one_socket_until_the_last_lets_go(sockets, port):
    assert hold(sockets, "a", port) is hold(sockets, "b", port)
    sockets.release("a")
    assert listens(port)
    sockets.release("b")
    assert not listens(port)


def test_a_restart_keeps_it(sockets, port):
    assert hold(sockets, "a", port) is hold(sockets, "a", port)


def test_one_of_its_own_is_shared_with_nobody(sockets, port):
    """The plan keeps this from happening; the kernel does, too."""
    hold(sockets, "a", port, is_shared=False)
    with pytest.raises(SocketUnavailable):
        hold(sockets, "b", port)


def test_another_engine_finds_what_one_holds_alone(port):
    """Nobody is refused when a component is moved to a process of its own."""
    held = HeldSockets()
    shared = SharedSockets(held)
    bound = hold(shared, "a", port)
    assert held.hold("a", (HeldSocket("a", "127.0.0.1", port),), label="a") is bound
    held.close()


def test_what_the_first_lets_go_of_the_others_keep(sockets, port):
    """It may come back to it; and once all have let go, the next is a first one again."""
    first = hold(sockets, "a", port)
    hold(sockets, "b", port)
    sockets.release("a")
    assert hold(sockets, "a", port) is first
    sockets.release("a")
    sockets.release("b")
    assert hold(sockets, "b", port) is not first
    assert listens(port)


def test_letting_go_of_nothing_is_nothing(sockets, port):
    hold(sockets, "a", port)
    sockets.release("stranger")
    assert listens(port)


def test_what_one_holds_alone_is_handed_over(port):
    """To whoever holds by the same names; it listens all the while."""
    held = HeldSockets()
    sockets, wanted = SharedSockets(held), (HeldSocket("a", "127.0.0.1", port),)
    bound = hold(sockets, "a", port, is_shared=False)
    sockets.hand_over("a")
    sockets.release("a")
    assert listens(port)
    assert held.hold("a", wanted, label="a") is bound
    held.close()
    assert not listens(port)


@pytest.mark.parametrize("is_shared", [True, False])
def test_what_a_launcher_before_has_left_is_held_for_whom_it_was(port, is_shared):
    """Under whichever name that was, until the last of them lets go."""
    held = HeldSockets()
    wanted = HeldSocket("a", "127.0.0.1", port)
    bound = held.hold("a", (wanted,), label="a")
    sockets = SharedSockets(held)
    for instance in ("a", "b"):
        sockets.take_over(instance, port, is_shared=is_shared)
    if is_shared:
        assert hold(sockets, "b", port) is bound
        sockets.release("b")
        assert listens(port)
    assert hold(sockets, "a", port, is_shared=is_shared) is bound
    sockets.release("a")
    assert not listens(port)


def test_a_shared_one_is_not_handed_over(sockets, port):
    """It goes with the last who holds it."""
    hold(sockets, "a", port)
    hold(sockets, "b", port)
    sockets.hand_over("a")
    assert listens(port)
    sockets.hand_over("b")
    assert not listens(port)
