"""A fork server of its own for each component that uses one (multiprocessing's start method "forkserver").

multiprocessing has one for the whole process, and its children have the environment that the server had when it
started: that of whoever came first. A server ends with the variables it was started for.
"""

from __future__ import annotations

import threading
import weakref
from functools import partial, wraps
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

from .patches import Replacement

if TYPE_CHECKING:
    from collections.abc import Callable

    #: What a component's server lives as long as; None outside of any component.
    Owner = Callable[[], object | None]


def replacements(owner: Owner) -> list[Replacement]:
    """What has to stand for each owner to have its own server."""
    servers: weakref.WeakKeyDictionary[object, forkserver.ForkServer] = weakref.WeakKeyDictionary()

    def server_of(one: object) -> forkserver.ForkServer:
        if one not in servers:
            servers[one] = forkserver.ForkServer()
            weakref.finalize(one, _stop, servers[one]).atexit = False  # with this process it ends by itself
        return servers[one]

    def wrap(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def replaced(*arguments: Any) -> Any:
            one = owner()
            return original(*arguments) if one is None else getattr(server_of(one), name)(*arguments)

        return replaced

    names = ("ensure_running", "connect_to_new_process", "set_forkserver_preload")
    return [Replacement(forkserver, name, partial(wrap, name)) for name in names]


def _stop(server: forkserver.ForkServer) -> None:
    # It ends when its last child has: nobody but a thread can wait for that.
    stop = server._stop  # type: ignore[attr-defined]  # noqa: SLF001  (there is no other way)
    threading.Thread(target=stop, name="fork server", daemon=True).start()
