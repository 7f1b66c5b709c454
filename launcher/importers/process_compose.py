"""A process-compose file as a profile: processes, their order, probes, restarts and environment.

Knows process-compose's keys and the profile's. The whole file has `$VAR` put in before it is read there; here values
are templates and commands leave that to the shell.
"""

from __future__ import annotations

import re
from typing import Any

from launcher.importers.base import Imported, Notes, Source, comment_above, comment_at_head, named
from launcher.importers.edges import dotenv_of, lose_others, tasks_of
from launcher.importers.process_compose_process import Process, read_environment, read_process
from launcher.importers.values import Reader, expect
from launcher.importers.yaml_nodes import Node, read_yaml

_NAME = re.compile(r"(?:process-)?compose(?:[.-][\w.-]+)?\.ya?ml", re.IGNORECASE)
_PROCESSES = re.compile(r"^processes\s*:", re.MULTILINE)

_LOST = {
    "shell": "commands here go to /bin/sh",
    "vars": "a profile has no variables for {{ }}",
    "extends": "the other file is not read",
    "env_cmds": "a profile takes no environment from commands",
    "log_location": "output goes to the terminal and to .launcher/NAME/logs",
    "log_configuration": "output goes to the terminal and to .launcher/NAME/logs",
}

_CONDITIONS = {
    "process_started": "started",
    "process_healthy": "healthy",
    "process_log_ready": "healthy",
    "process_completed": "exited",
    "process_completed_successfully": "completed",
}
_TASKS = frozenset({"process_completed", "process_completed_successfully"})
#: Top-level keys that only tell process-compose how to show itself, or mean here what they mean there.
_SILENT = frozenset({"processes", "version", "ordered_shutdown", "environment", "disable_env_expansion"})


def recognises(name: str, text: str) -> bool:
    """`process-compose.yaml`, or one of Compose's names with processes in it."""
    return _NAME.fullmatch(name) is not None and _PROCESSES.search(text) is not None


def read(source: Source) -> Imported:
    """Every process."""
    notes = Notes(source.place)
    root = read_yaml(source.text, notes)
    literal = root.get("disable_env_expansion")
    reader = Reader(notes, has_variables=literal is None or literal.truth is not True)
    lose_others(root, notes, silent=_SILENT, reasons=_LOST)
    processes = root.get("processes") or Node(line=root.line, keys={})
    if processes.keys is None:
        raise notes.wrong(processes.line, "processes: expected a mapping of processes")
    names = named(processes.keys)
    tasks = tasks_of(processes, _TASKS)
    lines = source.text.splitlines()
    read: dict[str, Process] = {}
    above: dict[str, tuple[str, ...]] = {}
    for key, line, node in processes.pairs():
        if node.keys is None:
            raise notes.wrong(line, f"processes.{key}: expected a mapping")
        if names[key] != key:
            notes.change(line, f'the process "{key}" is called "{names[key]}" here')
        read[names[key]] = read_process(names[key], line, node, source, reader, is_task=key in tasks)
        if remarks := comment_above(lines, line):
            above[names[key]] = remarks
    for process in read.values():
        _edges(process, names, read)
    environment = root.get("environment")
    if environment is not None:
        expect(notes, "environment", environment, "texts", "map")
    return Imported(
        settings=_settings(source, read),
        env=read_environment(reader, "environment", environment) if environment is not None else {},
        defaults={"restart": "no"},
        services={name: process.values for name, process in read.items() if process.can_run},
        left_out={name: process.values for name, process in read.items() if not process.can_run},
        head=comment_at_head(lines),
        above=above,
        losses=notes.losses,
    )


def _settings(source: Source, read: dict[str, Process]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    running = [name for name, process in read.items() if process.can_run]
    selected = [name for name in running if read[name].is_selected]
    if selected != running:
        settings["select"] = selected
    if files := dotenv_of(source):
        settings["env_file"] = files
    return settings


def _edges(process: Process, names: dict[str, str], read: dict[str, Process]) -> None:
    notes = process.notes
    needs = process.node.get("depends_on")
    if needs is not None:
        expect(notes, f"processes.{process.name}.depends_on", needs, "map")
    edges: dict[str, Any] = {}
    for need, line, node in needs.pairs() if needs is not None else ():
        where = f"processes.{process.name}.depends_on.{need}"
        other = read.get(names.get(need, ""))
        if other is None or not other.can_run:
            notes.lose(line, f"{where}: dropped, because there is no such process to run")
            continue
        condition = "started"
        for key, at, value in node.pairs():
            if key == "condition" and value.text in _CONDITIONS:
                condition = _CONDITIONS[value.text]
            else:
                notes.lose(at, f"{where}.{key}: {value.text or 'its value'} has no counterpart in a profile")
        if condition == "healthy" and "health" not in other.values:
            condition = "completed" if other.values.get("kind") == "task" else "started"
            notes.change(line, f"{where}: {condition} in place of healthy, because no probe was carried over")
        edges[names[need]] = condition
    if edges:
        process.values["depends_on"] = edges
