"""A Compose file as Compose reads it: YAML, then interpolation of every string by the Compose specification."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_REFERENCE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))")


class Unset(Exception):
    """A variable that has to be there is not."""


def load(text: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """The whole file, filled in."""
    found: dict[str, Any] = _filled(yaml.safe_load(text), environ)
    return found


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return interpolated(value, environ)
    if isinstance(value, list):
        return [_filled(one, environ) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, environ) for key, one in value.items()}
    return value


def interpolated(text: str, environ: Mapping[str, str]) -> str:
    """One string; a dollar that is no reference is an error, as it is for Compose."""

    def fill(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, operator, rest = found[1] or found[4], found[2] or "", found[3] or ""
        there = environ.get(name)
        if there is None or (operator.startswith(":") and not there):
            if "?" in operator:
                raise Unset(f"{name}: {rest}")
            return rest if "-" in operator else ""
        return there

    assert "$" not in _REFERENCE.sub("", text), f"Compose refuses {text!r}"
    return _REFERENCE.sub(fill, text)
