"""What is secret, and that it is not shown."""

from __future__ import annotations

import json
import pickle

import msgspec
import pytest

from launcher.profile.secrets import Secret, encode_secret, is_secret, mask_env, mask_path, mask_urls, secret_values


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("API_TOKEN", True),
        ("TOKENS", True),
        ("my_secret_x", True),
        ("DB_PASSWORD", True),
        ("AWS_ACCESS_KEY", True),
        ("KEYBOARD", False),
        ("DB_URL", True),
        ("PATH", False),
    ],
)
def test_names(name, expected):
    """By pattern, and those the profile names."""
    assert is_secret(name, ["DB_URL"]) is expected


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://user:pw@host:1/0", "redis://***@host:1/0"),
        ("redis://:pw@host", "redis://***@host"),
        ("postgresql+psycopg://u:p@ss@host/db", "postgresql+psycopg://***@host/db"),
        ("a http://x:y@h/ b http://z@i/ c", "a http://***@h/ b http://***@i/ c"),
        ("http://host/path@place?mail=a@b", "http://host/path@place?mail=a@b"),
        ("git@host:path", "git@host:path"),
        ("plain", "plain"),
    ],
)
def test_urls(text, masked):
    """The user part goes, wherever the URL stands."""
    assert mask_urls(text) == masked


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://hooks.example.com/services/T0/B0/x?y=z", "https://hooks.example.com/***"),
        ("http://u:p@host:1/x", "http://***@host:1/***"),
        ("http://host/", "http://host/"),
        ("http://host", "http://host"),
        ("${HOOK}", "${HOOK}"),
    ],
)
def test_where_notices_go(url, masked):
    """Whoever knows the path of a hook may post to it."""
    assert mask_path(url) == masked


def test_environments():
    """Secret variables whole, URLs in part; and all of it is known to who filters output."""
    env = {"A_TOKEN": "t0", "URL": "redis://u:pw@h/0", "MINE": "m", "PLAIN": "p", "B_KEY": ""}
    assert mask_env(env, ["MINE"]) == {
        "A_TOKEN": "***",
        "URL": "redis://***@h/0",
        "MINE": "***",
        "PLAIN": "p",
        "B_KEY": "***",
    }
    assert secret_values(env, ["MINE"]) == {"t0", "u:pw", "pw", "m"}


def test_a_secret_shows_nowhere():
    """Printed, formatted, serialised or pickled."""
    secret = Secret("hush")
    assert secret.reveal() == "hush"
    shown = [
        str(secret),
        repr([secret]),
        f"{secret:>5}",
        "%s" % secret,  # noqa: UP031  (every way to format)
        json.dumps({"a": secret}, default=encode_secret),
        msgspec.json.encode([secret], enc_hook=encode_secret).decode(),
    ]
    assert not any("hush" in text for text in shown)
    assert all("***" in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(NotImplementedError):
        encode_secret(object())
    assert secret == Secret("hush") != Secret("loud")
