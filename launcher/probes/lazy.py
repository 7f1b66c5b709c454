"""The prober of a launcher in which nothing may ever be checked: made, and imported, with the first check.

Knows that there will be a prober, not what one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from launcher.orchestrator.orders import Run, Watch
from launcher.profile.model import Health

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Prober


class LazyProber:
    """A `Prober` that `make` brings into being when it is first needed, in the loop's thread."""

    def __init__(self, make: Callable[[], Prober]) -> None:
        self._make = make
        self._made: Prober | None = None

    def prepare(self, run: Run, health: Health, *, user: str = "", hosted: bool = False) -> Mapping[str, str]:
        return self._prober.prepare(run, health, user=user, hosted=hosted)

    def watch(self, watch: Watch) -> None:
        self._prober.watch(watch)

    def unwatch(self, run: Run) -> None:
        if self._made is not None:
            self._made.unwatch(run)

    def check(self, run: Run) -> bool:
        return self._made is not None and self._made.check(run)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    @property
    def _prober(self) -> Prober:
        if self._made is None:
            self._made = self._make()
        return self._made
