"""Keys and values that are planned and refused until they have their effect: nothing is accepted and then ignored.

A key leaves this table in the change that gives it its effect. Knows names only.
"""

from __future__ import annotations

from launcher.errors import NotInThisVersion
from launcher.profile.origins import Leaf, Path, Problems, Table, dotted

#: Where (`*` is any one name), and what the key will do.
KEYS: dict[Path, str] = {
    ("services", "*", "watch"): "reloading when files change",
}

#: Values of keys that exist.
VALUES: dict[Path, dict[str, str]] = {
    ("launcher", "engine"): {
        "kubernetes": "running on Kubernetes",
    },
}


def refuse(profile: Table, problems: Problems) -> Table:
    """`profile` without what this version does not have, each noted as a problem."""
    return _refuse(profile, (), problems)


def _refuse(table: Table, at: Path, problems: Problems) -> Table:
    keys: dict[str, Leaf | Table] = {}
    for name, node in table.keys.items():
        path = (*at, name)
        does = KEYS.get(_pattern(path))
        value = ""
        if does is None and isinstance(node, Leaf) and isinstance(node.value, str):
            value = node.value
            does = VALUES.get(_pattern(path), {}).get(value)
        if does is None:
            keys[name] = _refuse(node, path, problems) if isinstance(node, Table) else node
            continue
        written = dotted(node.origin.key or path) + (f' = "{value}"' if value else "")
        problems.add(NotInThisVersion, f"{written}: not in this version ({does})", origin=node.origin, path=path)
    return Table(keys, table.origin)


def _pattern(path: Path) -> Path:
    if path[:1] == ("defaults",):
        return ("services", "*", *path[1:])
    return ("services", "*", *path[2:]) if path[:1] == ("services",) else path
