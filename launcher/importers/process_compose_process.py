"""One process of a process-compose file: each of its keys becomes one of a profile, or is noted as lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from launcher.importers.base import Notes, Source, below
from launcher.importers.entry import Entry
from launcher.importers.values import Reader, expect, gate_deadline, signal_name, whole_number
from launcher.importers.words import command_of, whole
from launcher.importers.yaml_nodes import Node

#: What process-compose means where a probe says nothing.
_PERIOD, _TIMEOUT = 10, 1
_TIMES = {
    "initial_delay_seconds": "start_period",
    "period_seconds": "interval",
    "timeout_seconds": "timeout",
    "failure_threshold": "retries",
}


class Process(Entry, kw_only=True):
    """A process while it is being read."""

    table: ClassVar[str] = "processes"

    can_run: bool = True

    def number(self, key: str, node: Node) -> int | None:
        return whole_number(self.notes, self.where(key), node)


def read_process(name: str, line: int, node: Node, source: Source, reader: Reader, *, is_task: bool) -> Process:
    """Read what stands in one process, its edges apart."""
    process = Process(name=name, line=line, node=node, source=source, reader=reader, is_task=is_task)
    if is_task:
        process.values["kind"] = "task"
    if (daemon := node.get("is_daemon")) is not None:
        _daemon(process, daemon.line, daemon)
    _command(process)
    for key, at, value in node.pairs():
        if key in READERS:
            kinds, read = READERS[key]
            if not value.is_null:
                expect(process.notes, process.where(key), value, *kinds)
                read(process, at, value)
        elif key not in _READ_ELSEWHERE and not key.startswith("x-"):
            process.lose(at, key, _LOST.get(key, "has no counterpart in a profile"))
    if source.folder != ".":
        process.values.setdefault("directory", source.folder)
    if is_task:
        _settle_task(process)
    return process


def read_environment(reader: Reader, where: str, node: Node) -> dict[str, str]:
    """`NAME=value` lines as templates."""
    env: dict[str, str] = {}
    for item in node.items or ():
        name, equals, text = item.string.partition("=")
        value = reader.template(f"{where}.{name}", item.line, text) if equals else None
        if value is not None and name:
            env[name] = value
        elif not equals or not name:
            reader.notes.lose(item.line, f"{where}: {item.string or 'an entry'} is not of the form NAME=value")
    for name, line, inner in node.pairs():
        value = reader.template(f"{where}.{name}", line, inner.string)
        if value is not None:
            env[name] = value
    return env


def _command(process: Process) -> None:
    """`command` is for the shell, `entrypoint` a list of words that takes its place."""
    command, entry = process.node.get("command"), process.node.get("entrypoint")
    if command is not None:
        expect(process.notes, process.where("command"), command, "text")
    if entry is not None:
        expect(process.notes, process.where("entrypoint"), entry, "texts")
    if command is not None and command.string.strip():
        process.values["command"] = process.reader.shell(process.where("command"), command)
        node = command
    elif entry is not None and entry.items:
        pieces = [process.reader.pieces(process.where("entrypoint"), item.line, item.string) for item in entry.items]
        process.values["command"] = command_of(map(whole, pieces))
        node = entry
    else:
        _leave_out(process, process.line, f"processes.{process.name}: has no command; left out")
        return
    if "{{" in str(process.values["command"]):
        process.lose(node.line, "command", "{{ }} is not filled in by a profile")


def _environment(process: Process, _line: int, node: Node) -> None:
    if env := read_environment(process.reader, process.where("environment"), node):
        process.values["env"] = env


def _working_dir(process: Process, line: int, node: Node) -> None:
    text = process.reader.template(process.where("working_dir"), line, node.string)
    if text is not None:
        process.values["directory"] = below(process.source.folder, text)


def _availability(process: Process, _line: int, node: Node) -> None:
    for key, line, value in node.pairs():
        where = f"availability.{key}"
        if key == "restart":
            _restart(process, line, value)
        elif key == "backoff_seconds" and (seconds := process.number(where, value)):
            process.inner("restart").update(delay=seconds, factor=1, max_delay=max(seconds, 30))
        elif key == "max_restarts" and (times := process.number(where, value)):
            process.inner("restart").update(burst=times, cooldown="never")
            process.notes.change(line, f"{process.where(where)}: counts failures within 60 s, not over the whole run")
        elif key in ("backoff_seconds", "max_restarts"):
            continue  # 0: the default, which says nothing
        else:
            process.lose(line, where)


def _restart(process: Process, line: int, node: Node) -> None:
    match node.string:
        case "always":
            process.inner("restart")["policy"] = "always"
        case "on_failure" | "on-failure":
            process.inner("restart")["policy"] = "on-failure"
        case "exit_on_failure":
            process.values["critical"] = True
        case "no" | "false":
            pass
        case other:
            process.lose(line, "availability.restart", f"{other} has no counterpart in a profile")


def _readiness(process: Process, line: int, node: Node) -> None:
    if process.is_task:
        process.lose(line, "readiness_probe", "a task is ready when it has completed")
        return
    health = _check(process, node)
    if health is None:
        return
    for key, at, value in node.pairs():
        if key in _TIMES:
            number = process.number(f"readiness_probe.{key}", value)
            if number is not None and (number or key == "initial_delay_seconds"):
                health[_TIMES[key]] = number
        elif key not in ("exec", "http_get") and (key, value.string) != ("success_threshold", "1"):
            process.lose(at, f"readiness_probe.{key}")
    health.setdefault("interval", _PERIOD)
    health.setdefault("timeout", _TIMEOUT)
    restart = process.node.get("availability", "restart")
    if restart is not None and restart.string in ("always", "on_failure", "on-failure"):
        health["on_failure"] = "restart"
    process.values["health"] = health
    if (longest := gate_deadline(health)) is not None:
        process.values["ready_timeout"] = longest


def _check(process: Process, node: Node) -> dict[str, Any] | None:
    command, http = node.get("exec", "command"), node.get("http_get")
    if command is not None:
        for key, line, _ in (node.get("exec") or node).pairs():
            if key != "command":
                process.lose(line, f"readiness_probe.exec.{key}", "a check runs where the service does")
        return {"exec": process.reader.shell(process.where("readiness_probe.exec.command"), command)}
    if http is None:
        process.lose(node.line, "readiness_probe", "checks neither exec nor http_get")
        return None
    parts = {"scheme": "http", "host": "127.0.0.1", "path": "/", "port": ""}
    health: dict[str, Any] = {}
    for key, line, value in http.pairs():
        where = process.where(f"readiness_probe.http_get.{key}")
        if key in parts:
            parts[key] = process.reader.template(where, line, value.string) or ""
        elif key == "status_code" and (status := process.number(f"readiness_probe.http_get.{key}", value)):
            health["status"] = status
        elif key == "headers" and value.keys is not None:
            texts = {name: process.reader.template(where, at, inner.string) for name, at, inner in value.pairs()}
            health["headers"] = {name: text for name, text in texts.items() if text is not None}
        else:
            process.lose(line, f"readiness_probe.http_get.{key}")
    port = f":{parts['port']}" if parts["port"] else ""
    url = f"{parts['scheme'].lower()}://{parts['host']}{port}/{parts['path'].lstrip('/')}"
    return {"http": url, **({"status": 200} | health)}


def _ready_log_line(process: Process, line: int, node: Node) -> None:
    if process.is_task or process.node.get("readiness_probe") is not None:
        process.lose(line, "ready_log_line", "a service has one way to be ready, and a task has none")
    else:
        process.values["health"] = {"log": node.string}


def _shutdown(process: Process, _line: int, node: Node) -> None:
    for key, line, value in node.pairs():
        if key == "command":
            process.inner("stop")["command"] = process.reader.shell(process.where("shutdown.command"), value)
        elif key == "signal":
            process.inner("stop")["signal"] = signal_name(value.string)
        elif key == "timeout_seconds" and (seconds := process.number(f"shutdown.{key}", value)) is not None:
            process.inner("stop")["grace"] = seconds
        elif key != "parent_only" or value.truth is not False:
            process.lose(line, f"shutdown.{key}")


def _disabled(process: Process, _line: int, node: Node) -> None:
    process.is_selected = node.truth is not True


def _replicas(process: Process, _line: int, node: Node) -> None:
    number = process.number("replicas", node)
    if number and number > 1:
        process.values["replicas"] = number


def _success(process: Process, _line: int, node: Node) -> None:
    codes = [int(item.string) for item in node.items or () if item.string.isdecimal()]
    process.values["success_exit_codes"] = sorted({0, *codes})


def _daemon(process: Process, line: int, node: Node) -> None:
    if node.truth:
        why = "a process that goes into the background is lost to a launcher; left out"
        _leave_out(process, line, f"{process.where('is_daemon')}: {why}")


def _leave_out(process: Process, line: int, why: str) -> None:
    """With the process all of it is left out, which is told once."""
    process.can_run = False
    process.notes.lose(line, why)
    process.reader = Reader(Notes(process.notes.place))


def _settle_task(process: Process) -> None:
    restart = process.values.get("restart", {})
    if restart.get("policy") == "always":
        restart["policy"] = "on-failure"
        process.notes.change(
            process.line, f"{process.where('availability')}: a task that others wait for restarts on failure only"
        )


#: Each key of a process, the kinds of value it takes, and what reads it.
READERS: dict[str, tuple[tuple[str, ...], Callable[[Process, int, Node], None]]] = {
    "availability": (("map",), _availability),
    "disabled": (("text",), _disabled),
    "environment": (("texts", "map"), _environment),
    "readiness_probe": (("map",), _readiness),
    "ready_log_line": (("text",), _ready_log_line),
    "replicas": (("text",), _replicas),
    "shutdown": (("map",), _shutdown),
    "success_exit_codes": (("texts",), _success),
    "working_dir": (("text",), _working_dir),
}

_READ_ELSEWHERE = frozenset({"command", "entrypoint", "depends_on", "is_daemon"})

_LOST = {
    "description": "a profile has comments",
    "is_foreground": "a service here has no terminal",
    "is_tty": "a service here has no terminal",
    "liveness_probe": "a profile has one health check, and the readiness probe is it",
    "log_configuration": "output goes to the terminal and to .launcher/NAME/logs",
    "log_location": "output goes to the terminal and to .launcher/NAME/logs",
    "namespace": "a profile has no namespaces",
    "vars": "a profile has no variables for {{ }}",
}
