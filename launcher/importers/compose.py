"""A Compose file as a profile: each service with a command runs as a process of this machine, without containers.

This module reads the file as a whole and the edges between services; `compose_service` reads one service. Knows
Compose's keys and the profile's, and nothing of Docker.
"""

from __future__ import annotations

import re
from typing import Any

from launcher.importers.base import Imported, Notes, Source, comment_above, comment_at_head, named
from launcher.importers.compose_service import Reading, read_service
from launcher.importers.edges import dotenv_of, lose_others, tasks_of
from launcher.importers.values import expect
from launcher.importers.yaml_nodes import Node, read_yaml

_NAME = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml|.*compose.*\.ya?ml", re.IGNORECASE)
_SERVICES = re.compile(r"^services\s*:", re.MULTILINE)
#: Top-level keys without any effect of their own.
_SILENT = frozenset({"services", "version"})

_TOP = {
    "networks": "processes here share this machine's network",
    "volumes": "processes here use this machine's folders",
    "include": "the included files are not read; import each by itself",
    "secrets": "the files are where they are; put what is needed into env_file",
    "configs": "the files are where they are",
    "name": "a profile is called as its file",
}

_CONDITIONS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}


def recognises(name: str, text: str) -> bool:
    """`compose.yaml`, `docker-compose.prod.yml` and the like, with services in it."""
    return _NAME.fullmatch(name) is not None and _SERVICES.search(text) is not None


def read(source: Source) -> Imported:
    """Every service that has a command; the others are left out, and the edges to them dropped."""
    notes = Notes(source.place)
    root = read_yaml(source.text, notes)
    lose_others(root, notes, silent=_SILENT, reasons=_TOP)
    services = root.get("services") or Node(line=root.line, keys={})
    if services.keys is None:
        raise notes.wrong(services.line, "services: expected a mapping of services")
    names = named(services.keys)
    tasks = tasks_of(services, {"service_completed_successfully"})
    lines = source.text.splitlines()
    readings: dict[str, Reading] = {}
    above: dict[str, tuple[str, ...]] = {}
    for key, line, node in services.pairs():
        if node.keys is None:
            raise notes.wrong(line, f"services.{key}: expected a mapping")
        name = names[key]
        if name != key:
            notes.change(line, f'the service "{key}" is called "{name}" here')
        readings[name] = read_service(name, line, node, source, notes, is_task=key in tasks)
        if remarks := comment_above(lines, line):
            above[name] = remarks
    out = {name for name, reading in readings.items() if not reading.has_command}
    for name, reading in readings.items():
        _edges(name, reading, names, readings)
        _foreign_hosts(name, reading, names)
    return Imported(
        settings=_settings(source, readings, out),
        defaults={"restart": "no"},
        services={name: reading.values for name, reading in readings.items() if name not in out},
        left_out={name: readings[name].values for name in readings if name in out},
        head=comment_at_head(lines),
        above=above,
        losses=notes.losses,
    )


def _settings(source: Source, readings: dict[str, Reading], out: set[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    running = [name for name in readings if name not in out]
    selected = [name for name in running if readings[name].is_selected]
    if selected != running:
        settings["select"] = selected
    files = [*dotenv_of(source), *(file for name in running for file in readings[name].env_files)]
    if files:
        settings["env_file"] = list(dict.fromkeys(files))
    return settings


def _edges(name: str, reading: Reading, names: dict[str, str], readings: dict[str, Reading]) -> None:
    notes = reading.notes
    needs = reading.node.get("depends_on")
    if needs is None:
        return
    expect(notes, f"services.{name}.depends_on", needs, "map", "texts")
    edges: dict[str, Any] = {}
    listed = [(item.text or "", item.line, Node(line=item.line, keys={})) for item in needs.items or ()]
    for need, line, node in listed or list(needs.pairs()):
        where = f"services.{name}.depends_on.{need}"
        other = readings.get(names.get(need, ""))
        if other is None:
            notes.lose(line, f"{where}: there is no such service in the file")
            continue
        if not other.has_command:
            notes.lose(line, f"{where}: dropped, because {need} cannot run here")
            continue
        edge = _edge(where, node, other, line, notes)
        edges[names[need]] = edge["condition"] if edge.keys() == {"condition"} else edge
    if edges:
        reading.values["depends_on"] = edges


def _edge(where: str, node: Node, other: Reading, line: int, notes: Notes) -> dict[str, Any]:
    edge: dict[str, Any] = {"condition": "started"}
    for key, at, value in node.pairs():
        text = value.text or ""
        if key == "condition" and text in _CONDITIONS:
            edge["condition"] = _CONDITIONS[text]
        elif key == "required" and value.truth is not None:
            edge |= {} if value.truth else {"required": False}
        elif key == "restart" and value.truth is not None:
            edge |= {"on_loss": "restart"} if value.truth else {}
        else:
            notes.lose(at, f"{where}.{key}: {text or 'its value'} has no counterpart in a profile")
    if edge["condition"] == "healthy" and "health" not in other.values:
        edge["condition"] = "completed" if other.values.get("kind") == "task" else "started"
        notes.change(
            line, f"{where}: {edge['condition']} in place of healthy, because no health check was carried over"
        )
    return edge


def _foreign_hosts(name: str, reading: Reading, names: dict[str, str]) -> None:
    """Note values that name another service as a host: only Compose's network resolves those."""
    for variable, (line, value) in reading.variables.items():
        for key, other in names.items():
            if key != name and _is_host(key, variable, value):
                reading.notes.change(
                    line,
                    f"services.{name}.environment.{variable}: the host {key} is known to Compose only; "
                    f"here a service is ${{services.{other}.host}}, and .address with its port",
                )


def _is_host(name: str, variable: str, value: str) -> bool:
    """Whether a value has `name` where a host stands: `//name`, `@name`, `name:80`, or all of a `…HOST…`."""
    escaped = re.escape(name)
    in_text = re.search(rf"(?:^|(?<!/)//|[@,=]){escaped}:\d+(?!\w)|(?:(?<!/)//|@){escaped}(?=[/,?]|$)", value)
    return in_text is not None or (value == name and "HOST" in variable.upper())
