"""Who can listen beside whom in one host; on addresses the kernel is asked whether it thinks the same."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from errno import EADDRINUSE

import pytest

from launcher.errors import CATALOGUE
from launcher.plan.mounting import Seat, clashes
from launcher.profile.prefixes import fault_of_prefix, normal_prefix


def seats(*texts):
    """As `a 127.0.0.1:8000/api`; without a slash the port is the component's own."""
    made = []
    for text in texts:
        component, address = text.split(" ")
        address, slash, prefix = address.partition("/")
        host, _, port = address.rpartition(":")
        made.append(Seat(component=component, host=host, port=int(port), prefix=slash + prefix if slash else None))
    return made


#: Components, and what is wrong with them.
TABLE = {
    "ports of their own": (["a 127.0.0.1:8000", "b 127.0.0.1:8001"], []),
    "prefixes of one port": (["a 127.0.0.1:8000/a", "b 127.0.0.1:8000/b", "c 127.0.0.1:8000/a/c"], []),
    "one at the root": (["a 127.0.0.1:8000/", "b 127.0.0.1:8000/b"], []),
    "one prefix on two ports": (["a 127.0.0.1:8000/a", "b 127.0.0.1:8001/a"], []),
    "one port": (["a 127.0.0.1:8000", "b 127.0.0.1:8000"], ["E7020 a and b both listen on port 8000"]),
    "a port and a prefix of it": (
        ["a 127.0.0.1:8000/a/", "b 127.0.0.1:8000"],
        ["E7020 b has port 8000 to itself, and a is mounted there at /a"],
    ),
    "one prefix": (
        ["a 127.0.0.1:8000/x", "b 127.0.0.1:8000/x/"],
        ["E7021 a and b are both mounted at /x of port 8000"],
    ),
    "two at the root": (
        ["a 127.0.0.1:8000/", "b 127.0.0.1:8000/"],
        ["E7021 a and b are both mounted at / of port 8000"],
    ),
    "one prefix, three times": (
        ["a 127.0.0.1:8000/x", "b 127.0.0.1:8000/x", "c 127.0.0.1:8000/x"],
        ["E7021 a and b are both mounted at /x of port 8000", "E7021 a and c are both mounted at /x of port 8000"],
    ),
    "a wildcard and the loopback": (
        ["a 127.0.0.1:8000/a", "b 0.0.0.0:8000/b"],
        ["E7022 b listens on all addresses (0.0.0.0:8000), so a cannot have 127.0.0.1:8000"],
    ),
    "a wildcard and the loopback by name": (
        ["a :8000", "b localhost:8000"],
        ["E7022 a listens on all addresses (0.0.0.0:8000), so b cannot have 127.0.0.1:8000"],
    ),
    "a wildcard of IPv6 and its loopback": (
        ["a [::]:8000", "b [::1]:8000"],
        ["E7022 a listens on all addresses ([::]:8000), so b cannot have [::1]:8000"],
    ),
    "one address, two names": (["a localhost:8000", "b 127.0.0.1:8000"], ["E7020 a and b both listen on port 8000"]),
}  # fmt: skip


@pytest.mark.parametrize(("texts", "wrong"), TABLE.values(), ids=TABLE)
def test_no_two_components_are_in_each_others_way(texts, wrong):
    found = clashes(seats(*texts))
    assert [f"E{error.code} {error}" for error in found] == wrong
    assert all(CATALOGUE[error.code] is type(error) and error.remedy for error in found)


@pytest.mark.parametrize("one", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1"])
@pytest.mark.parametrize("other", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1"])
def test_addresses_overlap_where_the_kernel_says_so(one, other):
    """With a socket that would take IPv4 along on "::", as the system has it by default."""
    found = clashes([Seat(component=name, host=host, port=1) for name, host in (("a", one), ("b", other))])
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
            for host in (one, other)
        )
        for each in (first, second):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if each.family is socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            first.bind((one, 0))
        except OSError as error:
            pytest.skip(f"no {one} here: {error}")
        first.listen()
        try:
            second.bind((other, first.getsockname()[1]))
            second.listen()
        except OSError as error:
            if error.errno != EADDRINUSE:
                pytest.skip(f"no {other} here: {error}")
            assert found
        else:
            assert not found


@pytest.mark.parametrize("prefix", ["/", "/api", "/api/", "/shop/v2", "/café", "/a.b/~c", "/..."])
def test_a_prefix_is_a_path(prefix):
    assert fault_of_prefix(prefix) == ""


@pytest.mark.parametrize(
    ("prefix", "fault"),
    [
        ("", '"" does not begin with a slash'),
        ("api", '"api" does not begin with a slash'),
        ("/a b", '"/a b" has a blank or control character in it, which no path has as it is'),
        ("/a\n", '"/a\n" has a blank or control character in it, which no path has as it is'),
        ("/a%20b", '"/a%20b" has "%" in it, which no path has as it is'),
        ("/a?b", '"/a?b" has "?" in it, which no path has as it is'),
        ("/{id}", '"/{id}" has "{" in it, which no path has as it is'),
        ("//a", '"//a" has two slashes in a row'),
        ("/a/../b", '"/a/../b" has a segment of dots, which browsers resolve before they ask'),
    ],
)
def test_what_no_request_could_be_meant_for_is_no_prefix(prefix, fault):
    assert fault_of_prefix(prefix) == fault


def test_a_slash_at_the_end_makes_no_difference():
    assert [normal_prefix(prefix) for prefix in ("/", "/a", "/a/", "/a/b//")] == ["", "/a", "/a", "/a/b"]
