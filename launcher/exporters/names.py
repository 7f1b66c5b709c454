"""What instances are called on a target that takes words of letters, digits, _ and - only, and each word once."""

from __future__ import annotations

import re
from collections.abc import Collection
from hashlib import sha256

from launcher.errors import Caution, NameChanged
from launcher.plan.model import Plan

_TAIL = 6


def word_of(text: str) -> str:
    """The text with `-` in place of whatever no target takes; never empty."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or "app"


def target_names(plan: Plan, *, taken: Collection[str] = ()) -> tuple[dict[str, str], list[Caution]]:
    """Name every instance: `api`, or `api-1` of several; what would stand twice gets a tail that stays the same.

    `taken` are words that the target needs for itself.
    """
    plain = {
        one.name: one.service if plan.services[one.service].replicas == 1 else f"{one.service}-{one.index}"
        for one in plan.instances.values()
    }
    # The only instance of a service keeps the service's own name, whoever comes first.
    ordered = sorted(plain, key=lambda name: plain[name] != plan.instances[name].service)
    holders = dict.fromkeys(taken, "")
    notes: list[Caution] = []
    found: dict[str, str] = {}
    for name in ordered:
        word = plain[name]
        if word in holders:
            word = f"{word}-{sha256(name.encode()).hexdigest()[:_TAIL]}"
            notes.append(Caution(NameChanged.code, f'{name} is called "{word}", since "{plain[name]}" is taken'))
        holders[word] = name
        found[name] = word
    return {name: found[name] for name in plan.instances}, notes
