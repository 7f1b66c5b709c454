"""Addresses to listen on, and the API that listens there."""

from __future__ import annotations

import pytest

from launcher.errors import WrongType
from launcher.profile.addresses import is_loopback, parse_listen
from launcher.profile.show import render
from tests.profile.loading import loaded

# Text -> host, port, whether only this machine reaches it.
ADDRESSES = {
    "127.0.0.1:9999": ("127.0.0.1", 9999, True),
    "127.1.2.3:1": ("127.1.2.3", 1, True),
    "localhost:65535": ("localhost", 65535, True),
    "[::1]:9999": ("::1", 9999, True),
    "0.0.0.0:9999": ("0.0.0.0", 9999, False),
    "[::]:9999": ("::", 9999, False),
    "192.168.0.1:9999": ("192.168.0.1", 9999, False),
    "127.example.org:9999": ("127.example.org", 9999, False),
    "localhost.example.org:80": ("localhost.example.org", 80, False),
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses(text):
    host, port = parse_listen(text)
    assert (host, port, is_loopback(host)) == ADDRESSES[text]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", ["", ":", ":0", ":65536", ":-1", ":x", ":80/", ":\u0661"])
def test_no_ports(host, port):
    with pytest.raises(WrongType):
        parse_listen(host + port)


@pytest.mark.parametrize("text", ["", "9999", ":9999", "::1:9999", "[]:9999", "http://127.0.0.1:9999"])
def test_no_addresses(text):
    """They are refused, with the form that is taken."""
    with pytest.raises(WrongType) as raised:
        parse_listen(text)
    assert "HOST:PORT" in raised.value.remedy


API = """
    [launcher.api]
    listen = "127.0.0.1:9999"
    token = "{token}"
    [services.a]
    command = "x"
"""


@pytest.mark.parametrize(
    ("token", "shown"),
    [("${API_TOKEN}", "${API_TOKEN}"), ("s3cret", "***"), ("s3$$cret", "***"), ("${API_TOKEN:-s3cret}", "***")],
)
def test_the_token_is_not_shown(project, token, shown):
    """But for where it comes from."""
    project.profile("dev", API.format(token=token))
    assert f'token = "{shown}"' in render(loaded(project))
