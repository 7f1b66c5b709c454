"""Which exporters are installed: the entry points of `launcher.exporters`. A rim: asks the installed packages."""

from __future__ import annotations

from launcher.errors import UnknownFormat
from launcher.exporters.base import Exporter
from launcher.profile.names import did_you_mean

GROUP = "launcher.exporters"


def formats() -> list[str]:
    """The names of all formats."""
    from importlib.metadata import entry_points  # noqa: PLC0415  (30 ms, for those who use it)

    return sorted({point.name for point in entry_points(group=GROUP)})


def exporter(name: str) -> Exporter:
    """The exporter of a format; raises UnknownFormat with the nearest name."""
    from importlib.metadata import entry_points  # noqa: PLC0415

    for point in entry_points(group=GROUP, name=name):
        made: Exporter = point.load()()
        return made
    there = formats()
    raise UnknownFormat(
        f'no format "{name}"{did_you_mean(name, there)}', remedy=f"There are: {', '.join(there)}." if there else ""
    )
