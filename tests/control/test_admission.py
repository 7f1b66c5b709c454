"""Who may ask over TCP."""

from __future__ import annotations

import http.client
import socket

import pytest

from launcher.control.admission import Rules, refusal, rules_for
from launcher.control.client import Client
from launcher.errors import ForeignRequest, NotAdmitted, WrongType
from launcher.profile.addresses import is_loopback, parse_listen
from tests.control.conftest import PATIENCE, serving

OPEN = rules_for("127.0.0.1", 9999, token="", hosts=["launcher.example"])
LOCKED = rules_for("0.0.0.0", 9999, token="s3cret", hosts=["launcher.example"])

CASES = {
    "its own address": (OPEN, {"host": "127.0.0.1:9999"}, None),
    "localhost": (OPEN, {"host": "localhost:9999"}, None),
    "IPv6": (OPEN, {"host": "[::1]:9999"}, None),
    "behind a proxy": (OPEN, {"host": "launcher.example"}, None),
    "its own page": (OPEN, {"host": "localhost:9999", "origin": "http://localhost:9999"}, None),
    "a rebound name": (OPEN, {"host": "evil.example:9999"}, ForeignRequest),
    "another port": (OPEN, {"host": "127.0.0.1:80"}, ForeignRequest),
    "no host": (OPEN, {}, ForeignRequest),
    "a foreign page": (OPEN, {"host": "localhost:9999", "origin": "http://evil.example"}, ForeignRequest),
    "a sandboxed page": (OPEN, {"host": "localhost:9999", "origin": "null"}, ForeignRequest),
    "no token": (LOCKED, {"host": "localhost:9999"}, NotAdmitted),
    "a wrong token": (LOCKED, {"host": "localhost:9999", "authorization": "Bearer s3cre"}, NotAdmitted),
    "another scheme": (LOCKED, {"host": "localhost:9999", "authorization": "Basic s3cret"}, NotAdmitted),
    "the token": (LOCKED, {"host": "localhost:9999", "authorization": "bearer s3cret"}, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_who_is_admitted(case):
    """By host, origin and token."""
    rules, headers, error = case
    found = refusal(rules, [(name.encode(), value.encode()) for name, value in headers.items()])
    assert (found if error is None else type(found)) is error


def test_over_tcp_the_rules_hold_and_over_the_unix_socket_they_do_not(loop, tmp_path):
    """The same server, two ways in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with serving(loop, rules=Rules(token="t0ken", hosts=frozenset({f"127.0.0.1:{port}"})), more=(listener,)):
            statuses = []
            for headers in ({}, {"Authorization": "Bearer t0ken"}, {"Host": "evil", "Authorization": "Bearer t0ken"}):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                connection.request("GET", "/status", headers=headers)
                statuses.append(connection.getresponse().status)
                connection.close()
            assert statuses == [401, 200, 403]
            assert Client(folder=tmp_path).status().profile == "dev"
            assert Client(host=f"http://127.0.0.1:{port}", token="t0ken").status().profile == "dev"
            with pytest.raises(NotAdmitted):
                Client(host=f"http://127.0.0.1:{port}").status()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:9999", ("::1", 9999)), ("localhost:1", ("localhost", 1))],
)
def test_an_address_to_listen_on(text, expected):
    """Host and port."""
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text", ["", "9999", ":9999", "localhost", "localhost:0", "localhost:99999", "::1:9999", "a:b"]
)
def test_what_is_none(text):
    """Told with an example."""
    with pytest.raises(WrongType):
        parse_listen(text)


@pytest.mark.parametrize(
    ("host", "is_it"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False)]
)
def test_loopback(host, is_it):
    """What only this machine reaches."""
    assert is_loopback(host) is is_it
