"""What is secret, and how it is shown: `***`.

A variable is secret by its name or because `[launcher] secret` names it; the user part of a URL always is. Decides,
and masks single values; `observe/redact` filters streams with what is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

MASK = "***"

_BY_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|_KEY\Z", re.IGNORECASE)
#: `scheme://user:password@`; a password may itself hold an `@`, never a `/`.
_USERINFO = re.compile(r"""([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#"'<>]*)@""")

#: Headers that prove who asks, besides those whose names are secret by pattern.
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})

#: A value shorter than this is not looked for in output: it would be found inside other words all the time.
SHORTEST = 4
#: Nor is a number of fewer digits: TOKEN_TTL=3600 guards nothing, and ports and process ids look the same.
FEWEST_DIGITS = 6
#: Nor are words that stand in any output. What has one of these for a password is not guarded by it.
COMMON = frozenset(
    {
        "admin", "auto", "changeme", "debug", "default", "development", "disabled", "enabled", "error",
        "example", "false", "guest", "info", "localhost", "none", "null", "password", "postgres",
        "production", "redis", "root", "secret", "test", "true", "user", "username", "warning",
    }
)  # fmt: skip


class Secret:
    """A value that shows as `***` wherever it is printed, formatted or serialised; `reveal` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


def is_secret(name: str, extra: Iterable[str] = ()) -> bool:
    """Whether the values of a variable must not be shown; `extra` are the names of `[launcher] secret`."""
    return _is_secret_by_name(name) or name in extra


@cache
def _is_secret_by_name(name: str) -> bool:
    # Kept: each start asks for the same fifty names, and a hundred starts would take 3 ms longer.
    return _BY_NAME.search(name) is not None


def is_credential(header: str) -> bool:
    """Whether a request header proves who asks."""
    return header.lower() in _CREDENTIALS


def mask_urls(text: str) -> str:
    """`redis://user:pw@host` as `redis://***@host`, wherever in `text` it stands."""
    return _USERINFO.sub(rf"\1{MASK}@", text) if "@" in text else text


def mask_path(url: str) -> str:
    """`https://hooks.example.com/T0/B0` as `https://hooks.example.com/***`: the path of a hook is its password."""
    scheme, found, rest = mask_urls(url).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{found}{host}{slash}{MASK if path else ''}" if "$" not in url else url


def mask_env(env: Mapping[str, str], extra: Iterable[str] = ()) -> dict[str, str]:
    """An environment as it may be shown."""
    names = frozenset(extra)
    return {name: MASK if is_secret(name, names) else mask_urls(value) for name, value in env.items()}


def secret_values(env: Mapping[str, str], extra: Iterable[str] = ()) -> frozenset[str]:
    """Every text of an environment that must not appear in output: secret variables, user parts of URLs."""
    names = frozenset(extra)
    found: set[str] = set()
    for name, value in env.items():
        if is_secret(name, names):
            found.add(value)
        if "@" in value:
            found |= userinfo_in(value)
    return frozenset(found - {""})


def userinfo_in(text: str) -> set[str]:
    """The user parts of the URLs in a text, their passwords apart too, as they stand there and as they are meant."""
    if "@" not in text:
        return set()
    found: set[str] = set()
    for _, userinfo in _USERINFO.findall(text):
        _, _, password = userinfo.partition(":")
        for part in (userinfo, password):
            found.add(part)
            if "%" in part:
                from urllib.parse import unquote  # noqa: PLC0415  (only for passwords with odd characters)

                found.add(unquote(part))
    return found - {""}


def traces_of(secrets: Iterable[str]) -> frozenset[str]:
    """What to look for in output, so that none of `secrets` can be found in it.

    Output is lines, so of a value of several lines each one counts; and it is often JSON, so a value with quotes or
    backslashes counts in that form too. Left out is what cannot be told from other words.
    """
    found: set[str] = set()
    for secret in secrets:
        for line in re.split(r"[\r\n]+", secret):
            trace = line.strip()
            if len(trace) < SHORTEST or trace.lower() in COMMON or trace in MASK:
                continue
            if trace.isdigit() and len(trace) < FEWEST_DIGITS:
                continue
            found |= {trace, trace.replace("\\", "\\\\").replace('"', '\\"')}
    return frozenset(found)


def encode_secret(value: object) -> object:
    """For msgspec's `enc_hook` and json's `default`: a secret is serialised as `***`."""
    if isinstance(value, Secret):
        return MASK
    raise NotImplementedError(f"{type(value).__name__} cannot be serialised")
