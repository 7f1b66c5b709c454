"""What cannot be shared by the components of one process: recognised before one is imported, or right after it.

A problem names the component, why, and what to do. Whether the process is as it was, so that the neighbours can go on
in it, stands in `is_restorable`: when it is not, only a new process helps.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from . import modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .at_import import Attempt
    from .description import Description

#: By which `launcher explain` knows it.
CODE = "E7005"
OWN_PROCESS = 'give it a process of its own: placement = "own"'
DJANGO = "DJANGO_SETTINGS_MODULE"

#: What gevent and eventlet replace first; one of them is enough to know.
PATCHED = (("time", "sleep"), ("socket", "socket"), ("_thread", "start_new_thread"), ("select", "select"))
PATCHERS = ("gevent", "eventlet")


class Problem(NamedTuple):
    """Why a component cannot be in this process."""

    component: str
    #: To be read after "cannot share a process:".
    reason: str
    remedy: str
    is_restorable: bool = True

    @property
    def sentence(self) -> str:
        """Tell it of the component, which has no other name in it."""
        return f"it cannot share a process ({CODE}): {self.reason}; {self.remedy}"


# --- before ---


def before_import(components: Iterable[Description]) -> list[Problem]:
    """Compare what is known of the components that shall share a process.

    Each problem is that of the later of two; a component that has one is not held against those that come after it.
    """
    found: list[Problem] = []
    together: list[Description] = []
    for described in components:
        problems = list(_problems(described, together))
        found += problems
        if not problems:
            together.append(described)
    return found


def _problems(one: Description, neighbours: list[Description]) -> Iterator[Problem]:
    for rule in (_other_python, _other_directory, _other_path, _other_django, _module_of_one_name):
        for neighbour in neighbours:
            if problem := rule(one, neighbour):
                yield problem
                break  # one neighbour is reason enough


def _other_python(one: Description, neighbour: Description) -> Problem | None:
    wanted, shared = one.python and os.path.abspath(one.python), neighbour.python and os.path.abspath(neighbour.python)  # noqa: PTH100  (links are not followed: those of two virtual environments lead to one interpreter)
    if wanted == shared:
        return None
    reason = f'it asks for {wanted or "the default interpreter"}, "{neighbour.name}" for {shared or "the default one"}'
    return Problem(one.name, reason, f"use one Python for both, or {OWN_PROCESS}")


def _other_directory(one: Description, neighbour: Description) -> Problem | None:
    wanted, shared = one.folders[0], neighbour.folders[0]
    if wanted == shared or os.path.realpath(wanted) == os.path.realpath(shared):
        return None
    reason = f'its directory is {wanted}, that of "{neighbour.name}" {shared}; a process has one working directory'
    return Problem(one.name, reason, f"give both the same directory, or {OWN_PROCESS}")


def _other_path(one: Description, neighbour: Description) -> Problem | None:
    wanted, shared = one.folders[1:], neighbour.folders[1:]
    if wanted == shared or list(map(os.path.realpath, wanted)) == list(map(os.path.realpath, shared)):
        return None
    reason = f'its Python path is {_listed(wanted)}, that of "{neighbour.name}" {_listed(shared)}'
    return Problem(one.name, reason, f"give both the same pythonpath, or {OWN_PROCESS}")


def _other_django(one: Description, neighbour: Description) -> Problem | None:
    wanted, used = one.environment.get(DJANGO), neighbour.environment.get(DJANGO)
    if not wanted or not used or wanted == used:
        return None
    reason = f'its {DJANGO} is {wanted}, that of "{neighbour.name}" {used}; a process has one Django'
    return Problem(one.name, reason, OWN_PROCESS)


def _module_of_one_name(one: Description, neighbour: Description) -> Problem | None:
    if one.folders == neighbour.folders:
        return None  # whatever they name, it is the same
    for name in (one.module, neighbour.module):
        mine, theirs = modules.find(name, one.folders), modules.find(name, neighbour.folders)
        if mine and theirs and mine.name == theirs.name and mine.place != theirs.place:
            reason = f'its module "{mine.name}" is {mine.place}, but that of "{neighbour.name}" is {theirs.place}'
            return Problem(one.name, reason, f"rename one of the two, or {OWN_PROCESS}")
    return None


def _listed(folders: tuple[str, ...]) -> str:
    return ", ".join(folders) or "empty"


# --- at ---


@contextmanager
def watched(component: Description, neighbours: Iterable[Description]) -> Iterator[list[Problem]]:
    """Watch the block import a component, as its code; the list has the problems when it has ended, however it did."""
    from .at_import import stopped  # noqa: PLC0415  (it takes asyncio; what is compared before an import needs none)

    found: list[Problem] = []
    modules_before = frozenset(sys.modules)
    functions_before = _functions()
    with stopped() as attempts:
        try:
            yield found
        finally:
            found += [_attempted(component, attempt) for attempt in attempts[:1]]
            found += _patched(component, functions_before)
            found += _django_in_use(component)
            found += _own_module(component)
            for neighbour in neighbours:
                found += _taken(component, neighbour, modules_before)
            if found:  # the next attempt shall be one
                _drop(component.module.partition(".")[0], modules_before)


def _attempted(component: Description, attempt: Attempt) -> Problem:
    reason = f"its import calls {attempt.call} ({attempt.place})"
    if attempt.call.partition(".")[0] in PATCHERS:
        return Problem(component.name, reason, OWN_PROCESS)
    return Problem(component.name, reason, f'call it under `if __name__ == "__main__"`, or {OWN_PROCESS}')


def _functions() -> list[Any]:
    return [getattr(sys.modules.get(module), name, None) for module, name in PATCHED]


def _patched(component: Description, before: list[Any]) -> list[Problem]:
    for (module, name), was, is_now in zip(PATCHED, before, _functions(), strict=True):
        patcher = str(getattr(is_now, "__module__", None)).partition(".")[0]
        if is_now is not was and patcher in PATCHERS:
            reason = f"its import lets {patcher} replace {module}.{name} and others, for all of the process"
            return [Problem(component.name, reason, OWN_PROCESS, is_restorable=False)]
    return []


def _django_in_use(component: Description) -> list[Problem]:
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    if settings is None or not settings.configured:
        return []
    wanted = os.environ.get(DJANGO) or component.environment.get(DJANGO)
    used = settings.SETTINGS_MODULE
    if not wanted or wanted == used:
        return []
    reason = f"its {DJANGO} is {wanted}, but the Django of this process runs with {used} and would answer for it"
    return [Problem(component.name, reason, OWN_PROCESS)]


def _own_module(component: Description) -> list[Problem]:
    own = modules.find(component.module, component.folders)
    loaded = sys.modules.get(own.name) if own else None
    if own is None or loaded is None or (place := modules.place_of(loaded)) == own.place:
        return []
    reason = f'its module "{own.name}" is {own.place}, but the process has one from {place or "elsewhere"} already'
    return [Problem(component.name, reason, f"rename it, or {OWN_PROCESS}")]


def _taken(component: Description, neighbour: Description, before: frozenset[str]) -> list[Problem]:
    """A module that the neighbour would get in place of its own; it is dropped again, for the neighbour's sake."""
    theirs = modules.find(neighbour.module, neighbour.folders)
    if theirs is None or theirs.name in before or theirs.name not in sys.modules:
        return []
    place = modules.place_of(sys.modules[theirs.name])
    if place == theirs.place:
        return []
    _drop(theirs.name, before)
    reason = (
        f'its import takes "{theirs.name}" from {place or "elsewhere"}; that of "{neighbour.name}" is {theirs.place}'
    )
    return [Problem(component.name, reason, f"rename one of the two, or {OWN_PROCESS}")]


def _drop(package: str, before: frozenset[str]) -> None:
    """Forget the modules of a package, or the one module, that were not there before."""
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.") and name not in before]:
        del sys.modules[name]
