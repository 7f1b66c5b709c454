"""Which component a source file belongs to, so that a stack can be read.

Components often share a folder, so the closest claim decides: the app's own module, the package it stands in, the
top-level package, the service's directory. Where the closest claim is that of several, nobody is named. Libraries
belong to nobody, even inside a component's folder (`.venv`), unless an installed package is the component.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING

from . import modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .description import Description

#: Where a folder of this name begins, installed packages do.
INSTALLED = frozenset({"site-packages", "dist-packages"})
STANDARD = frozenset({os.path.realpath(sysconfig.get_path("stdlib")), sysconfig.get_path("stdlib")})


class Folders:
    """The files and folders of each component."""

    def __init__(self) -> None:
        self._claims: dict[str, frozenset[str]] = {}

    def add(self, described: Description) -> None:
        """Let a component claim what its description says is its own."""
        self._claims = {**self._claims, described.name: frozenset(_claims(described))}

    def forget(self, component: str) -> None:
        """Drop what a component claims, if it claims anything."""
        self._claims = {name: claims for name, claims in self._claims.items() if name != component}

    def component_of(self, filename: str) -> str | None:
        """Name the component that this source file belongs to; None where it is nobody's, or that of several."""
        if filename.startswith("<"):
            return None
        return self._closest(filename) or self._closest(os.path.realpath(filename))

    def _closest(self, filename: str) -> str | None:
        for path in _upwards(filename):
            claimants = [name for name, claims in self._claims.items() if path in claims]
            if claimants:
                return claimants[0] if len(claimants) == 1 else None
        return None


def is_standard(filename: str) -> bool:
    """Whether a source file is Python's own, or no file at all."""
    return filename.startswith("<") or any(path in STANDARD for path in _upwards(filename))


def _upwards(filename: str) -> Iterator[str]:
    """The file, its folder, the folder above, up to where a library begins."""
    path = filename
    while True:
        parent, name = os.path.split(path)
        if name in INSTALLED:
            return
        yield path
        if path in STANDARD or parent == path:
            return
        path = parent


def _claims(described: Description) -> Iterator[str]:
    for folder in described.folders:
        yield from (folder, os.path.realpath(folder))
    searched = described.folders if modules.find(described.module, described.folders) else sys.path
    found = modules.find(described.module, searched)
    if found is not None:
        yield found.place
    file = modules.file_of(described.module, searched)
    if file is not None:
        for path in (file, os.path.realpath(file)):
            yield from (path, os.path.dirname(path))  # noqa: PTH120  (claims are compared as text)
