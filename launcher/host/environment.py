"""`os.environ`, a view by component, and by each start of one: each sees its own variables, the host the process's.

The object stays what it is, so who imported it before sees the same as who imports it later. Below it, where it keeps
its dictionary, lies one that asks whose code is running. Like the process itself, a component has two tables: what
`os.environ` shows, and what its children inherit; `os.putenv` changes the second alone, as ever.

What the C library's own `getenv` sees (libpq's PGHOST, a TZ after `time.tzset()`) are the process's variables, whoever
asks: a component's never reach it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, MutableMapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from . import children, fork_servers, patches, threads
from .current import Start, component

if TYPE_CHECKING:
    from collections.abc import Callable


class Variables:
    """One component's, or one start's: what it sees, and what its children inherit."""

    def __init__(self, seen: Mapping[bytes, bytes]) -> None:
        self.seen = dict(seen)
        self.inherited = dict(seen)


class View(MutableMapping[bytes, bytes]):
    """The dictionary below `os.environ`: the component's, or outside of any the process's."""

    def __init__(self, process: dict[bytes, bytes]) -> None:
        self.process = process
        #: By the start, where it is one's; else by the component's name.
        self.components: dict[str, Variables] = {}

    def own(self) -> Variables | None:
        """The tables of the component whose code runs here; None outside of any.

        One that was given none, or whose were forgotten while something of it still runs, gets a copy of the process's:
        what it changes stays its own.
        """
        name = component.get()
        if name is None:
            return None
        key = name.key if type(name) is Start else name
        found = self.components.get(key)
        return self.components.setdefault(key, Variables(self.process)) if found is None else found

    def seen(self) -> dict[bytes, bytes]:
        """What whoever asks sees."""
        own = self.own()
        return self.process if own is None else own.seen

    def __getitem__(self, key: bytes) -> bytes:
        return self.seen()[key]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.seen()[key] = value

    def __delitem__(self, key: bytes) -> None:
        del self.seen()[key]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.seen())

    def __len__(self) -> int:
        return len(self.seen())


class _Environ(os._Environ[Any]):  # noqa: SLF001  (what `os.environ` is)
    """`os.environ` as ever, but whether a variable is there is found out without exceptions, which a view makes dearer.

    There are frameworks that look for some with every request (FastAPI, since it knows OpenTelemetry).
    """

    _data: View

    def __contains__(self, name: object) -> bool:
        return self.encodekey(name) in self._data.seen()

    def get(self, name: Any, default: Any = None) -> Any:
        value = self._data.seen().get(self.encodekey(name))
        return default if value is None else self.decodevalue(value)


_view: View | None = None
_applied: list[patches.Applied] = []


def install() -> None:
    """Make `os.environ` a view by component, which threads and children inherit; a second call does nothing.

    Called before any component is imported. Raises CannotReplace on a Python that this was not written for.
    """
    global _view  # noqa: PLW0603  (there is one os.environ)
    if _view is not None:
        return
    view = View(_data())
    _applied.extend(
        patches.apply(
            [
                *threads.replacements(),
                *children.replacements(_inherited),
                *fork_servers.replacements(view.own),
                *_puts(view),
            ]
        )
    )
    _keep_in(view)
    _view = view


def uninstall() -> None:
    """Give `os.environ` the process's variables alone again, and forget every component's."""
    global _view  # noqa: PLW0603  (there is one os.environ)
    if _view is None:
        return
    _keep_in(_view.process)
    patches.undo(_applied)
    _applied.clear()
    _view = None


def give(component: str, variables: Mapping[str, str]) -> None:
    """Make `variables`, and no others, those of this component or start, in place of what it had."""
    _installed().components[_key(component)] = Variables(_encoded(variables))


def forget(component: str) -> None:
    """Drop the variables of this component or start, if it has any."""
    _installed().components.pop(_key(component), None)


def variables_of(component: str | None) -> dict[str, str]:
    """Copy what this component sees now; None stands for the process itself. KeyError where it was given nothing."""
    table = _installed().process if component is None else _installed().components[_key(component)].seen
    return {os.fsdecode(name): os.fsdecode(value) for name, value in table.copy().items()}


def _key(component: str) -> str:
    return component.key if isinstance(component, Start) else component


def _installed() -> View:
    if _view is None:
        raise RuntimeError("environment.install() comes first")
    return _view


def _data() -> Any:
    return os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001  (the only place where the object keeps its variables)


def _keep_in(table: MutableMapping[bytes, bytes]) -> None:
    one: Any
    for one in (os.environ, os.environb):
        one._data = table  # noqa: SLF001  (as above)
        one.__class__ = _Environ if isinstance(table, View) else os._Environ  # noqa: SLF001


def _encoded(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}


def _inherited() -> dict[bytes, bytes] | None:
    own = _view.own() if _view is not None else None
    return None if own is None else own.inherited.copy()


def _puts(view: View) -> list[patches.Replacement]:
    """`os.putenv` and `os.unsetenv`, through which `os.environ` itself changes what children inherit."""

    def putenv(original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def replaced(name: str | bytes, value: str | bytes, /) -> None:
            own = view.own()
            if own is None:
                original(name, value)
            else:
                own.inherited[_checked(name)] = _without_nul(value)

        return replaced

    def unsetenv(original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def replaced(name: str | bytes, /) -> None:
            own = view.own()
            if own is None:
                original(name)
            else:
                own.inherited.pop(_checked(name), None)

        return replaced

    return [
        patches.Replacement(os, "putenv", putenv, takes=((0, "name"), (1, "value"))),
        patches.Replacement(os, "unsetenv", unsetenv, takes=((0, "name"),)),
    ]


def _checked(name: str | bytes) -> bytes:
    """Encode a name, and refuse what the C library would."""
    encoded = _without_nul(name)
    if b"=" in encoded:
        raise ValueError("illegal environment variable name")
    if not encoded:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return encoded


def _without_nul(text: str | bytes) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded
