"""Which store a profile's history is kept in: the one place that knows them all. Each is imported when it is used."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.observe.history.record import Store
from launcher.profile.interpolate import expand
from launcher.profile.model import History

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import World

FILE = "history.db"


def store_of(
    settings: History,
    *,
    folder: Path,
    prefix: str,
    resolve: Callable[[str], str],
    wall: Callable[[], float],
    set_aside: Callable[[str], None] = lambda _: None,
) -> Store:
    """The store; nothing is opened before it is used. Raises VariableUnset where the address needs one."""
    if settings.store and (url := resolve(settings.store)):
        from launcher.observe.history.redis import RedisStore  # noqa: PLC0415

        return RedisStore(url, prefix=prefix, keep=settings.keep, size=settings.size, wall=wall)
    from launcher.observe.history.sqlite import SqliteStore  # noqa: PLC0415  (2 MB)

    return SqliteStore(folder / FILE, keep=settings.keep, size=settings.size, wall=wall, set_aside=set_aside)


def prefix_of(root: str, profile: str) -> str:
    """What the keys in Redis begin with. Projects of one name in several folders do not share a history."""
    mark = crc32(root.encode())  # of hashlib, libcrypto would be 3.5 MB
    return f"launcher:{Path(root).name}-{mark:08x}:{profile}:"


def resolver(world: World, env_files: Iterable[str]) -> Callable[[str], str]:
    """What puts the values of variables into an address: of the environment and, above it, of the env files."""

    def resolve(text: str) -> str:
        if "$" not in text:
            return text
        variables = dict(world.environ())
        for path in env_files:
            variables.update(world.env_file(path))
        return expand(text, variables=variables, dotted=str)

    return resolve
