"""What Compose and process-compose have in common beyond YAML: `depends_on` with conditions, a `.env` file beside.

Knows the nodes of such a file; nothing of either program's other keys.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from launcher.importers.base import Notes, Source
from launcher.importers.yaml_nodes import Node


def lose_others(root: Node, notes: Notes, *, silent: Collection[str], reasons: Mapping[str, str]) -> None:
    """Say of each top-level key that is neither `silent` nor an extension (`x-…`) that it is lost, and why."""
    for key, line, _ in root.pairs():
        if key not in silent and not key.startswith("x-"):
            notes.lose(line, f"{key}: {reasons.get(key, 'has no counterpart in a profile')}")


def tasks_of(services: Node, conditions: Collection[str]) -> set[str]:
    """The services that another one waits for to end, which is what these conditions mean."""
    found = set()
    for _, _, node in services.pairs():
        for need, _, edge in (node.get("depends_on") or node).pairs():
            condition = edge.get("condition")
            if condition is not None and condition.text in conditions:
                found.add(need)
    return found


def dotenv_of(source: Source) -> list[str]:
    """The `.env` file that is read for `${…}` there, as a profile names it; nothing if there is none."""
    if source.dotenv is None:
        return []
    return [".env" if source.folder == "." else f"{source.folder}/.env"]
