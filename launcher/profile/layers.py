"""Layers of a profile, lowest first, laid over each other: tables merge by key, all else is replaced.

Shorthands are expanded before that (`depends_on = ["db"]`, `restart = "always"`), so that every layer has the same
form. Each value keeps its origin. Knows which keys have shorthands and which exclude each other, nothing of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launcher.profile.origins import Leaf, Origin, Path, Table

#: What tells a service from another is one choice: a layer that makes it takes the place of the choice below.
WAYS_TO_RUN = frozenset({"app", "command"})
WAYS_TO_CHECK = frozenset({"http", "tcp", "exec", "log", "notify"})
WAYS_TO_TELL = frozenset({"command", "url"})
#: These belong to `http` and go with it.
HTTP_ONLY = frozenset({"status", "headers"})


def plain_layer(data: Mapping[str, Any], origin: Origin, origins: Mapping[Path, Origin]) -> Table:
    """Plain values as a layer; what has no origin of its own has that of its table."""
    return expand_shorthands(_plain(data, (), origin, origins))


def expand_shorthands(layer: Table) -> Table:
    """Every service, and `[defaults]`, in the long form."""
    defaults, services = layer.get("defaults"), layer.get("services")
    if isinstance(defaults, Table):
        layer = layer.put("defaults", _expand_service(defaults))
    if isinstance(services, Table):
        long = {
            name: _expand_service(node) if isinstance(node, Table) else node for name, node in services.keys.items()
        }
        layer = layer.put("services", Table(long, services.origin))
    return layer


def overlay(lower: Table, upper: Table, *, at: Path = ()) -> Table:
    """`upper` laid over `lower`; keys keep the order in which they were first defined. `at` is where both stand."""
    kept = _without_lost_choices(lower, upper, at)
    keys = dict(kept.keys)
    for name, node in upper.keys.items():
        below = keys.get(name)
        if isinstance(node, Table) and isinstance(below, Table):
            node = overlay(below, node, at=(*at, name))  # noqa: PLW2901  (the merged node takes its place)
        keys[name] = node
    return Table(keys, upper.origin)


def spread_defaults(profile: Table) -> Table:
    """`[defaults]` laid under every service. An edge that would lead from a service to itself is left out."""
    defaults, services = profile.get("defaults"), profile.get("services")
    if not isinstance(defaults, Table) or not isinstance(services, Table):
        return profile
    full: dict[str, Leaf | Table] = {}
    for name, service in services.keys.items():
        full[name] = service
        if isinstance(service, Table):
            merged = overlay(_without_edge_to(name, defaults), service, at=("services", name))
            full[name] = merged
    return profile.put("services", Table(full, services.origin))


def _plain(data: Mapping[str, Any], at: Path, above: Origin, origins: Mapping[Path, Origin]) -> Table:
    keys: dict[str, Leaf | Table] = {}
    for name, value in data.items():
        path = (*at, name)
        origin = origins.get(path, above)
        keys[name] = _plain(value, path, origin, origins) if isinstance(value, Mapping) else Leaf(value, origin)
    return Table(keys, above)


def _expand_service(service: Table) -> Table:
    restart = service.get("restart")
    if isinstance(restart, Leaf) and isinstance(restart.value, str):
        service = service.put("restart", Table({"policy": restart}, restart.origin))
    needs = service.get("depends_on")
    if isinstance(needs, Leaf) and isinstance(needs.value, list) and all(isinstance(item, str) for item in needs.value):
        origins = needs.items or (needs.origin,) * len(needs.value)
        edges: dict[str, Leaf | Table] = {
            name: Table({}, origin) for name, origin in zip(needs.value, origins, strict=True)
        }
        service = service.put("depends_on", Table(edges, needs.origin))
    elif isinstance(needs, Table):
        long = {name: _expand_edge(edge) for name, edge in needs.keys.items()}
        service = service.put("depends_on", Table(long, needs.origin))
    return service


def _expand_edge(edge: Leaf | Table) -> Leaf | Table:
    if isinstance(edge, Leaf) and isinstance(edge.value, str):
        return Table({"condition": edge}, edge.origin)
    return edge


def _without_lost_choices(lower: Table, upper: Table, at: Path) -> Table:
    match at:
        case ("services", _) | ("defaults",):
            ways, belonging = WAYS_TO_RUN, frozenset[str]()
        case ("services", _, "health") | ("defaults", "health"):
            ways, belonging = WAYS_TO_CHECK, HTTP_ONLY
        case ("launcher", "notify"):
            ways, belonging = WAYS_TO_TELL, frozenset[str]()
        case _:
            return lower
    chosen = ways & upper.keys.keys()
    if not chosen:
        return lower
    lost = ways - chosen
    if "http" in lost:
        lost |= belonging
    return Table({name: node for name, node in lower.keys.items() if name not in lost}, lower.origin)


def _without_edge_to(name: str, defaults: Table) -> Table:
    edges = defaults.get("depends_on")
    if isinstance(edges, Table) and name in edges.keys:
        return defaults.put("depends_on", edges.put(name, None))
    return defaults
