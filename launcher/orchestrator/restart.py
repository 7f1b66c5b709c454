"""The restart rule, as values.

More than `burst` failures within `window` open the circuit; after `cooldown` one trial start decides; staying ready
for `stable` closes it and resets the delay.

A `Tally` is what the rule remembers of an instance; every function takes one and gives the next. The module knows
neither clocks nor chance: the time and the jitter are parameters.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, structs

from launcher.profile.model import Policy, Restart

#: A wait is lengthened by up to this share of itself, so that what failed together does not return together.
JITTER = 0.1

#: Why an instance starts whose circuit is half open.
TRIAL = "trial start after the cooldown"


class Circuit(StrEnum):
    """Closed: restarts are allowed. Open: none. Half open: one trial start is under way."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Tally(Struct, frozen=True, kw_only=True):
    """The failures that still count (times on the caller's clock), and how many restarts the delay has grown by."""

    failures: tuple[float, ...] = ()
    streak: int = 0
    circuit: Circuit = Circuit.CLOSED


class Retry(Struct, frozen=True):
    """Start again after `delay` seconds."""

    delay: float


class Break(Struct, frozen=True):
    """The circuit opens; a trial start follows after `cooldown` seconds, or never."""

    cooldown: float | None
    #: Whether it was closed before: only then has the instance failed for good anew.
    first: bool
    failures: int


class GiveUp(Struct, frozen=True):
    """The policy does not restart after this end."""


class Done(Struct, frozen=True):
    """It ended well and stays so."""


Decision = Retry | Break | GiveUp | Done


def ended(tally: Tally, rule: Restart, *, well: bool, now: float, chance: float) -> tuple[Tally, Decision]:
    """What follows when an instance has ended by itself, or could not be started.

    `well`: with a success code. `chance` in [0, 1) sets the jitter. An end that was asked for is not to be told here.
    """
    if rule.policy is Policy.ALWAYS and well:
        return _retry(tally, rule, chance)
    if well:
        return tally, Done()
    if rule.policy is Policy.NO or rule.policy is None:
        return tally, GiveUp()
    recent = (*(at for at in tally.failures if now - at < rule.window), now)
    first = tally.circuit is Circuit.CLOSED
    if not first or len(recent) > rule.burst:
        cooldown = rule.cooldown if isinstance(rule.cooldown, int | float) else None
        opened = structs.replace(tally, failures=recent, circuit=Circuit.OPEN)
        return opened, Break(cooldown, first, len(recent))
    return _retry(structs.replace(tally, failures=recent), rule, chance)


def taken_along(tally: Tally, rule: Restart, *, chance: float) -> tuple[Tally, Decision]:
    """What follows when an instance has ended for no fault of its own: no failure is counted."""
    if rule.policy is Policy.NO or rule.policy is None:
        return tally, GiveUp()
    return _retry(tally, rule, chance)


def _retry(tally: Tally, rule: Restart, chance: float) -> tuple[Tally, Decision]:
    delay = min(rule.delay * rule.factor ** min(tally.streak, 64), rule.max_delay)
    return structs.replace(tally, streak=tally.streak + 1), Retry(delay * (1 + JITTER * chance))


def tried(tally: Tally) -> Tally:
    """The cooldown is over: one trial start."""
    return structs.replace(tally, circuit=Circuit.HALF_OPEN)


def steadied(tally: Tally) -> Tally:
    """It has been ready for `stable`: the delay starts anew, and a half-open circuit closes and forgets."""
    if tally.circuit is Circuit.CLOSED:
        return structs.replace(tally, streak=0)
    return Tally()
