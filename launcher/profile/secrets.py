"""What is secret, and how it is shown: `***`.

A variable is secret by its name or because `[launcher] secret` names it; the user part of a URL always is. Decides,
and masks single values; `observe/redact` filters streams with what is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MASK = "***"

_BY_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|_KEY\Z", re.IGNORECASE)
#: `scheme://user:password@`; a password may itself hold an `@`, never a `/`.
_USERINFO = re.compile(r"""([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#"'<>]*)@""")


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
    return _BY_NAME.search(name) is not None or name in extra


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
        for _, userinfo in _USERINFO.findall(value):
            _, _, password = userinfo.partition(":")
            found.update({userinfo, password})
    return frozenset(found - {""})


def encode_secret(value: object) -> object:
    """For msgspec's `enc_hook` and json's `default`: a secret is serialised as `***`."""
    if isinstance(value, Secret):
        return MASK
    raise NotImplementedError(f"{type(value).__name__} cannot be serialised")
