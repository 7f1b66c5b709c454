"""Imports without what they would bring along: a command line starts anew for each command."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def import_lean(module: str, *, without: str = "", later: Iterable[str] = ()) -> None:
    """Import a module without one that it takes where there is one, and with others only once it uses them.

    `without` seems not to be installed meanwhile; what stands in for `later` imports the real one at its first use.
    Neither is left in the way of others.
    """
    stand_ins: dict[str, ModuleType | None] = {name: _Later(name) for name in later}
    if without:
        stand_ins[without] = None  # how the import system is told that there is none
    stand_ins = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    sys.modules.update(stand_ins)  # type: ignore[arg-type]  # None, see above
    try:
        import_module(module)
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


def import_foundation() -> None:
    """Import what nearly every command stands on: 10 ms and 3 MB less than with all that it would bring along."""
    # For addresses in URLs, the paths of another system, and `match`.
    import_lean("pathlib", later=["ipaddress", "ntpath", "fnmatch"])
    # From Python 3.11 on msgspec needs nothing of typing_extensions; then what is for JSON Schema; and two kinds of
    # values that nothing of ours has.
    later = ["msgspec.inspect", "textwrap", "decimal", "uuid"]
    import_lean("msgspec", without="typing_extensions", later=later)
    import_lean("argparse", later=["gettext"])


def _singular_or_plural(singular: str, plural: str, n: int) -> str:
    return singular if n == 1 else plural


class _Decimal:
    """What msgspec takes for the class, of which it is never going to meet a value."""


class _UUID:
    """The same; its `unknown` is what msgspec would say of a UUID's origin."""

    unknown = None


#: What is asked of a module at once and has its answer here, in place of 6 ms of regular expressions and classes.
_ANSWERS: dict[tuple[str, str], object] = {
    # argparse's own words are English like ours.
    ("gettext", "gettext"): str,
    ("gettext", "ngettext"): _singular_or_plural,
    ("decimal", "Decimal"): _Decimal,
    ("uuid", "UUID"): _UUID,
    ("uuid", "SafeUUID"): _UUID,
}


class _Later(ModuleType):
    """Stands in for a module until it is used."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if (self.__name__, name) in _ANSWERS:
            return _ANSWERS[self.__name__, name]
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)
