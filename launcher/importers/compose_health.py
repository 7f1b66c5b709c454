"""A Compose health check as a profile's `health`, with the times that Compose means by leaving them out.

Knows the keys of `healthcheck` only.
"""

from __future__ import annotations

import shlex
from typing import Any

from launcher.importers.values import Reader, duration, expect, gate_deadline, whole_number
from launcher.importers.words import command_of, whole
from launcher.importers.yaml_nodes import Node

#: What Compose means where a file says nothing; a profile's own defaults are shorter.
_INTERVAL, _TIMEOUT = "30s", "30s"
_TIMES = ("interval", "timeout", "start_period", "start_interval")


def read_health(reader: Reader, where: str, node: Node) -> dict[str, Any] | None:
    """`health`, and `ready_timeout` where Compose waits for longer than a profile would; None: there is no check."""
    disable, test = node.get("disable"), node.get("test")
    if disable is not None and disable.truth:
        return None
    health: dict[str, Any] = {}
    for key, line, value in node.pairs():
        if key in _TIMES and (time := duration(reader.notes, f"{where}.{key}", value)) is not None:
            health[key] = time
        elif key == "retries" and (number := whole_number(reader.notes, f"{where}.{key}", value)):
            health[key] = number
        elif key not in (*_TIMES, "retries", "test", "disable"):
            reader.notes.lose(line, f"{where}.{key}: has no counterpart in a profile")
    if test is None:
        reader.notes.lose(node.line, f"{where}: what it checks is known only to the image")
        return None
    expect(reader.notes, f"{where}.test", test, "text", "texts")
    check = _check(reader, where, test)
    if check is None:
        return None
    health = {"exec": check, **health}
    health.setdefault("interval", _INTERVAL)
    health.setdefault("timeout", _TIMEOUT)
    found: dict[str, Any] = {"health": health}
    if (longest := gate_deadline(health)) is not None:
        found["ready_timeout"] = longest
    return found


def _check(reader: Reader, where: str, test: Node) -> str | list[str] | None:
    if test.items is None:
        return reader.shell(f"{where}.test", test)
    kind = test.items[0].text if test.items else "NONE"
    if kind == "NONE":
        return None
    if kind == "CMD-SHELL" and len(test.items) == 2:  # noqa: PLR2004  (the word and the command)
        return reader.shell(f"{where}.test", test.items[1])
    if kind != "CMD" or len(test.items) < 2:  # noqa: PLR2004
        raise reader.notes.wrong(test.line, f"{where}.test: a list begins with NONE, CMD or CMD-SHELL")
    words = [whole(reader.pieces(f"{where}.test", item.line, item.string)) for item in test.items[1:]]
    command = command_of(words)
    # In the words of a health check a profile puts in variables; a shell's quotes keep the dollars out of it.
    return shlex.join(command) if isinstance(command, list) and any("$" in word for word in command) else command
