"""Who may ask over TCP: a table of headers, and the same over a real socket."""

from __future__ import annotations

from http.client import HTTPConnection

import pytest

from launcher.control.admission import refusal, rules_for
from launcher.control.listening import listen_on
from launcher.errors import ApiUnavailable, ForeignRequest, NotAdmitted
from tests.control.conftest import PATIENCE, Asking, serving
from tests.control.test_client import free_port

OPEN = rules_for("127.0.0.1", 9999, token="", hosts=())
CLOSED = rules_for("0.0.0.0", 9999, token="t", hosts=("shop.example",))
SIX = rules_for("::1", 9999, token="", hosts=())

# What comes -> rules, headers, why it is refused.
CASES = {
    "by address and port": (OPEN, {"host": "127.0.0.1:9999"}, None),
    "by address": (OPEN, {"host": "127.0.0.1"}, None),
    "by name": (OPEN, {"host": "localhost:9999"}, None),
    "by name, in capitals": (OPEN, {"Host": "LOCALHOST:9999"}, None),
    "IPv6": (SIX, {"host": "[::1]:9999"}, None),
    "IPv6 without port": (SIX, {"host": "[::1]"}, None),
    "IPv6 without brackets": (SIX, {"host": "::1"}, ForeignRequest),
    "another port": (OPEN, {"host": "127.0.0.1:80"}, ForeignRequest),
    "a name that was made to point here": (OPEN, {"host": "evil.example:9999"}, ForeignRequest),
    "a name that begins like ours": (OPEN, {"host": "localhost.evil.example"}, ForeignRequest),
    "a name that ends with a dot": (OPEN, {"host": "localhost.:9999"}, ForeignRequest),
    "no host": (OPEN, {}, ForeignRequest),
    "an empty host": (OPEN, {"host": ""}, ForeignRequest),
    "a name of the profile's": (CLOSED, {"host": "shop.example:9999", "authorization": "Bearer t"}, None),
    "behind a proxy, without port": (CLOSED, {"host": "shop.example", "authorization": "bearer t"}, None),
    "our own page": (OPEN, {"host": "localhost:9999", "origin": "http://localhost:9999"}, None),
    "another site's page": (OPEN, {"host": "localhost:9999", "origin": "https://evil.example"}, ForeignRequest),
    "another port's page": (OPEN, {"host": "localhost:9999", "origin": "http://localhost:8000"}, ForeignRequest),
    "a page of no site": (OPEN, {"host": "localhost:9999", "origin": "null"}, ForeignRequest),
    "a page, though it has the token": (
        CLOSED,
        {"host": "shop.example", "authorization": "Bearer t", "origin": "http://evil.example"},
        ForeignRequest,
    ),
    "no token": (CLOSED, {"host": "localhost:9999"}, NotAdmitted),
    "another token": (CLOSED, {"host": "localhost:9999", "authorization": "Bearer u"}, NotAdmitted),
    "the beginning of the token": (CLOSED, {"host": "localhost:9999", "authorization": "Bearer "}, NotAdmitted),
    "another scheme": (CLOSED, {"host": "localhost:9999", "authorization": "Basic t"}, NotAdmitted),
    "a token that is no ASCII": (CLOSED, {"host": "localhost:9999", "authorization": "Bearer \xff"}, NotAdmitted),
    "a token where none is asked for": (OPEN, {"host": "localhost", "authorization": "Bearer t"}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_who_may_ask(case):
    rules, given, wanted = CASES[case]
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    found = refusal(rules, headers)
    assert (type(found) if found is not None else None) is wanted


# Over TCP: what is sent -> HTTP's status and the code.
REQUESTS = {
    "without a token": ({}, 401, 9011),
    "a wrong token": ({"Authorization": "Bearer wrong"}, 401, 9011),
    "the token": ({"Authorization": "Bearer t"}, 200, None),
    "a foreign host": ({"Authorization": "Bearer t", "Host": "evil.example"}, 403, 9012),
    "a foreign origin": ({"Authorization": "Bearer t", "Origin": "http://evil.example"}, 403, 9012),
}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_over_tcp(tmp_path, loop, host):
    """Nobody else's command reaches the loop; the socket in the run folder asks for nothing meanwhile."""
    port = free_port()
    spelt = f"[{host}]" if ":" in host else host
    try:
        listener = listen_on(f"{spelt}:{port}")
    except ApiUnavailable:
        pytest.skip(f"no {host} here")
    with serving(tmp_path, loop, tcp=listener, rules=rules_for(host, port, token="t", hosts=())):
        for headers, status, code in REQUESTS.values():
            connection = HTTPConnection(host, port, timeout=PATIENCE)
            for method, target in (("GET", "/health?level=alive"), ("OPTIONS", "/stop"), ("POST", "/stop?wait=0")):
                if status == 200 and method != "GET":
                    continue
                connection.request(method, target, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == status
                assert not any(name.lower().startswith("access-control") for name, _ in answer.getheaders())
                assert code is None or f'"code":{code}'.encode() in body
                assert (answer.headers["www-authenticate"] == "Bearer") is (status == 401)
            connection.close()
        assert Asking(tmp_path)("GET", "/health?level=alive")[0] == 200
    assert loop._commands.empty()


def test_loopback_without_a_token(tmp_path, loop):
    """Is open to whoever is on the machine, and to no page."""
    port = free_port()
    with serving(
        tmp_path, loop, tcp=listen_on(f"127.0.0.1:{port}"), rules=rules_for("127.0.0.1", port, token="", hosts=())
    ):
        for headers, status in (({}, 200), ({"Host": f"localhost:{port}"}, 200), ({"Origin": "http://x.example"}, 403)):
            connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            connection.request("GET", "/health?level=alive", headers=headers)
            assert connection.getresponse().status == status
            connection.close()
