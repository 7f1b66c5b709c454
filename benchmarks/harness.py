"""What all benchmarks share: interleaved repetitions, figures with their targets, and the table they are printed in.

Knows nothing of processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor, sqrt
from statistics import median
from typing import TypeVar

from msgspec import Struct
from tabulate import tabulate

T = TypeVar("T")


class CannotMeasure(Exception):
    """What was to be measured did not happen; the sentence says what did."""


class Target(Struct, frozen=True):
    """What must be reached, by the ratio (`times` its peer) or by the figure itself."""

    sign: str
    bound: float
    times: bool = False

    def is_met(self, value: float) -> bool:
        return value <= self.bound if self.sign == "≤" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {number(self.bound)}{' ×' if self.times else ''}"


class Figure(Struct, frozen=True, kw_only=True):
    """One line of a table: what was measured, beside a peer's figure of the same run where there is one."""

    what: str
    ours: float
    unit: str = ""
    peer: str = ""
    theirs: float | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        value = self.ratio if self.target.times else self.ours
        return "?" if value is None else "reached" if self.target.is_met(value) else "MISSED"

    def row(self) -> list[str]:
        peer = f"{self.peer} {number(self.theirs)}" if self.theirs is not None else self.peer
        ratio = f"{number(self.ratio)} ×" if self.ratio is not None else ""
        target = str(self.target) if self.target else ""
        return [self.what, f"{number(self.ours)} {self.unit}".strip(), peer, ratio, target, self.verdict]


HEADERS = ("", "launcher", "peer", "ratio", "target", "")


def at_most(bound: float, *, times: bool = False) -> Target:
    """Be no greater than `bound`, or than `bound` times the peer's figure."""
    return Target("≤", bound, times)


def at_least(bound: float, *, times: bool = False) -> Target:
    """Be no smaller than `bound`, or than `bound` times the peer's figure."""
    return Target("≥", bound, times)


def number(value: float) -> str:
    """Three figures are what a noisy machine can tell."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004  (three figures)


def interleave(repetitions: int, runs: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run all in turn, A B A B: what disturbs the machine disturbs each of them."""
    found: dict[str, list[T]] = {name: [] for name in runs}
    for _ in range(repetitions):
        for name, run in runs.items():
            found[name].append(run())
    return found


def medians(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each."""
    return {name: median(values) for name, values in samples.items()}


def differences(pairs: Sequence[float]) -> tuple[float, float]:
    """The median of what each of many pairs differed by, and by how much it may be wrong, 19 times of 20.

    A machine that is shared is now faster, now slower, so each pair counts by itself. The second is half of the span
    between the two order statistics that hold the true median (by the sign test; n ≥ 6).
    """
    ranked, count = sorted(pairs), len(pairs)
    reach = 0.98 * sqrt(count)
    low, high = max(0, floor(count / 2 - reach)), min(count - 1, ceil(count / 2 + reach) - 1)
    return median(ranked), (ranked[high] - ranked[low]) / 2


def show(title: str, figures: Sequence[Figure], *notes: str) -> None:
    """Print one benchmark's table; the load says how far to trust it."""
    print(f"\n{title}  (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)\n")
    print(tabulate([figure.row() for figure in figures], HEADERS, disable_numparse=True))
    for note in notes:
        print(f"  {note}")
