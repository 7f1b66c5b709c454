"""The name that somebody most likely meant."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say the nearest of the known names as the end of a sentence; empty if none is near."""
    from difflib import get_close_matches  # noqa: PLC0415  (only for an error)

    near = get_close_matches(name, list(known), n=1)
    return f": did you mean `{near[0]}`?" if near else ""
