"""Which importer reads a file: the one named, or the one that recognises its name and content.

Knows the entry point `launcher.importers`, and no format.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

from launcher.errors import UnknownImportFormat
from launcher.importers.base import Importer
from launcher.profile.names import did_you_mean

GROUP = "launcher.importers"


def importers() -> dict[str, Callable[[], Importer]]:
    """What loads each importer, by format, in the order of names."""
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: cast("Callable[[], Importer]", point.load) for point in found}


def choose(name: str, text: str, *, place: str, wanted: str | None) -> Importer:
    """The importer of the format `wanted`, or the one that recognises the file; raises UnknownImportFormat."""
    known = importers()
    if wanted is not None:
        spelt = wanted.replace("-", "_")
        if spelt not in known:
            there = f"There are: {', '.join(known)}."
            raise UnknownImportFormat(f'no format "{wanted}"{did_you_mean(spelt, known)}', remedy=there)
        return known[spelt]()
    for load in known.values():
        importer = load()
        if importer.recognises(name, text):
            return importer
    raise UnknownImportFormat(f"cannot tell what {place} is: neither its name nor its content is of a format known")
