"""Names: the one somebody most likely meant, the spelling a shell's variables allow, the quotes TOML wants.

Knows nothing of what the names stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import json

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")

#: Below this likeness a suggestion puzzles more than it helps (`difflib`'s ratio; 0.6 is its own default).
_ALIKE = 0.6


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, if one is like it at all."""
    from difflib import get_close_matches  # noqa: PLC0415  (only needed on the way to an error)

    spelt = {normalise(candidate): candidate for candidate in candidates}
    found = get_close_matches(normalise(name), spelt, n=1, cutoff=_ALIKE)
    return spelt[found[0]] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`, did you mean `x`?` to go behind a sentence, or nothing."""
    found = nearest(name, candidates)
    return f", did you mean `{found}`?" if found else ""


def quote(text: str) -> str:
    """A text as TOML writes it. JSON's escapes are TOML's too; DEL alone it leaves as it is."""
    return json.encode(text).decode().replace("\x7f", "\\u007F")


def quote_key(name: str) -> str:
    """A key as TOML writes it: bare where that is allowed."""
    return name if _BARE.match(name) else quote(name)


def normalise(name: str) -> str:
    """One spelling for `Order-API`, `ORDER_API` and `order_api`."""
    return name.lower().replace("-", "_")


def match(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is `name` but for case and for `-` in place of `_`; an exact one first."""
    alike = [candidate for candidate in candidates if normalise(candidate) == normalise(name)]
    return name if name in alike else next(iter(alike), None)
