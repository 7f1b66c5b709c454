"""A component as its service describes it: the facts by which it is known before any of its code is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Description:
    """What is known of a component. Folders may be relative: `directory` to that of the process, the others to it."""

    name: str
    #: "module:name" or "module:factory()".
    target: str
    directory: str
    pythonpath: tuple[str, ...] = ()
    #: The interpreter it asks for.
    python: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The dotted name of the module that holds the app."""
        return self.target.partition(":")[0]

    @property
    def folders(self) -> tuple[str, ...]:
        """Where its modules are looked for before those installed, in order, absolute."""
        directory = os.path.abspath(self.directory)  # noqa: PTH100  (resolve() would follow links)
        variable = self.environment.get("PYTHONPATH", "")
        further = (*self.pythonpath, *filter(None, variable.split(os.pathsep)))
        return (directory, *(os.path.normpath(os.path.join(directory, folder)) for folder in further))  # noqa: PTH118
