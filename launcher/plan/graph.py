"""The dependency graph: layers to start in, circles, and what hangs together.

It knows only names. An edge is a pair `(dependent, dependency)`; it may stand twice, and both its ends are nodes. Every
function is linear in nodes and edges, and what has an order keeps the one in which the nodes are given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from launcher.errors import DependencyCycle

Edges = Iterable[tuple[str, str]]


def layers(nodes: Sequence[str], edges: Edges) -> tuple[tuple[str, ...], ...]:
    """Put every node into the first layer after all it depends on; raises DependencyCycle for the first circle."""
    pairs = dict.fromkeys(edges)
    depth = _depths(nodes, pairs)
    if len(depth) < len(nodes):
        raise circle(cycles(nodes, pairs)[0])
    found: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for node in nodes:
        found[depth[node]].append(node)
    return tuple(tuple(layer) for layer in found)


def cycles(nodes: Sequence[str], edges: Edges) -> list[tuple[str, ...]]:
    """Find circles that have no node in common, at least one if there is any.

    A circle begins with its earliest node and follows the dependencies: `("api", "db")` is api → db → api.
    """
    pairs = dict.fromkeys(edges)
    free = _depths(nodes, pairs)
    held = [node for node in nodes if node not in free]
    place = {node: index for index, node in enumerate(nodes)}
    needed = _adjacent(pair for pair in pairs if pair[0] not in free and pair[1] not in free)
    ahead = {node: min(needed[node], key=place.__getitem__) for node in held}
    # What is held up needs something that is, so with one way ahead of each, walks end in circles that never meet.
    found: list[tuple[str, ...]] = []
    walk: dict[str, str] = {}
    for start in held:
        node = start
        while node not in walk:
            walk[node] = start
            node = ahead[node]
        if walk[node] == start:
            found.append(_round(node, ahead, place))
    return sorted(found, key=lambda names: place[names[0]])


def circle(names: Sequence[str]) -> DependencyCycle:
    """Name a circle in full, back to where it begins."""
    path = " → ".join([*names, names[0]])
    if len(names) == 1:
        return DependencyCycle(f"{names[0]} depends on itself: {path}", remedy="Take it out of its own depends_on.")
    return DependencyCycle(f"services depend on each other in a circle: {path}")


def needs(targets: Iterable[str], edges: Edges) -> frozenset[str]:
    """Tell the targets and all that they depend on, directly or not."""
    return closure(targets, _adjacent(edges))


def dependents(targets: Iterable[str], edges: Edges) -> frozenset[str]:
    """Tell the targets and all that depend on them, directly or not."""
    return closure(targets, _adjacent((dependency, dependent) for dependent, dependency in edges))


def closure(targets: Iterable[str], adjacent: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Tell the targets and all that can be reached from them."""
    found = set(targets)
    ahead = list(found)
    while ahead:
        for name in adjacent.get(ahead.pop(), ()):
            if name not in found:
                found.add(name)
                ahead.append(name)
    return frozenset(found)


def _adjacent(edges: Edges) -> Mapping[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for near, far in edges:
        found[near].append(far)
    return found


def _depths(nodes: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Tell the layer of each node that no circle holds up (Kahn's algorithm)."""
    pairs = list(pairs)
    waits = dict.fromkeys(nodes, 0)
    for dependent, _ in pairs:
        waits[dependent] += 1
    behind = _adjacent((dependency, dependent) for dependent, dependency in pairs)
    queue = [node for node in nodes if not waits[node]]
    depth = dict.fromkeys(queue, 0)
    for node in queue:  # it grows while it is walked: first in, first out, so depths never fall
        for dependent in behind.get(node, ()):
            waits[dependent] -= 1
            if not waits[dependent]:
                depth[dependent] = depth[node] + 1
                queue.append(dependent)
    return depth


def _round(start: str, ahead: Mapping[str, str], place: Mapping[str, int]) -> tuple[str, ...]:
    names = [start]
    while (node := ahead[names[-1]]) != start:
        names.append(node)
    first = names.index(min(names, key=place.__getitem__))
    return tuple(names[first:] + names[:first])
