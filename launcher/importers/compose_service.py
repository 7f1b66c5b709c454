"""One service of a Compose file: each of its keys becomes one of a profile, or is noted as lost.

`READERS` is the table. Edges to other services, which need all of them, are read by `compose`.
"""

from __future__ import annotations

from collections.abc import Callable
from posixpath import isabs, relpath
from typing import ClassVar

from msgspec import field

from launcher.importers.base import Notes, Source, below
from launcher.importers.compose_health import read_health
from launcher.importers.dollars import Variable, default_of
from launcher.importers.entry import Entry
from launcher.importers.values import Reader, duration, expect, signal_name, size, whole_number
from launcher.importers.words import Word, command_of
from launcher.importers.yaml_nodes import Node
from launcher.profile.sizes import LAST_PORT


class Reading(Entry, kw_only=True):
    """A service while it is being read."""

    table: ClassVar[str] = "services"

    has_command: bool = False
    env_files: list[str] = field(default_factory=list)
    #: Of each variable the line and the text as written.
    variables: dict[str, tuple[int, str]] = field(default_factory=dict)


def read_service(name: str, line: int, node: Node, source: Source, notes: Notes, *, is_task: bool) -> Reading:
    """Read what stands in one service, its edges apart."""
    reading = Reading(name=name, line=line, node=node, source=source, reader=Reader(notes), is_task=is_task)
    if is_task:
        reading.values["kind"] = "task"
    _command(reading)
    for key, at, value in node.pairs():
        if key in READERS:
            kinds, read = READERS[key]
            if not value.is_null:
                expect(reading.notes, reading.where(key), value, *kinds)
                read(reading, at, value)
        elif key not in _READ_ELSEWHERE and not key.startswith("x-"):
            reading.lose(at, key, _LOST.get(key, "has no counterpart in a profile"))
    _directory(reading)
    _settle_task(reading)
    return reading


def _command(reading: Reading) -> None:
    """`entrypoint` and `command` are words, put one behind the other; the image's own are not known."""
    entry, command = reading.node.get("entrypoint"), reading.node.get("command")
    words: list[Word] = []
    for key, node in (("entrypoint", entry), ("command", command)):
        if node is not None:
            words += reading.reader.words(reading.where(key), node)
    if words:
        reading.values["command"] = command_of(words)
        reading.has_command = True
        return
    told = reading.notes
    reading.reader = Reader(Notes(told.place))  # with the service all of it is left out, which is told once
    source = next((key for key in ("image", "build") if reading.node.get(key) is not None), "")
    said = f"its command is known only to its {source}" if source else "it says no command"
    told.lose(reading.line, f"services.{reading.name}: cannot run as a process, {said}; left out")


def _environment(reading: Reading, _line: int, node: Node) -> None:
    pairs = list(node.pairs())
    for item in node.items or ():
        name, equals, text = (item.text or "").partition("=")
        value = Node(line=item.line, text=text, is_null=not equals)
        pairs.append((name, item.line, value))
    env: dict[str, str] = {}
    for name, line, value in pairs:
        if not name:
            raise reading.notes.wrong(line, f"{reading.where('environment')}: a variable has a name")
        if value.is_null:
            continue  # handed through from the environment, which every service here inherits
        written = reading.reader.template(reading.where(f"environment.{name}"), line, value.string)
        if written is not None:
            env[name] = written
            reading.variables[name] = (line, value.string)
    if env:
        reading.values["env"] = env


def _env_file(reading: Reading, _line: int, node: Node) -> None:
    for item in node.items or (node,):
        path = item.get("path") if item.keys is not None else item
        required = item.get("required") if item.keys is not None else None
        where = reading.where("env_file")
        text = reading.reader.fixed(where, path.line, path.string) if path is not None else None
        if path is None:
            reading.lose(item.line, "env_file", "names no file")
        elif text is None:
            continue  # told already
        elif required is not None and required.truth is False:
            reading.lose(
                item.line, "env_file", f"{text} may be missing, and an env_file here may not; add it if it is there"
            )
        else:
            reading.env_files.append(below(reading.source.folder, text))
            reading.notes.change(item.line, f"{where}: {text} is read for every service, not for this one alone")


def _ports(reading: Reading, line: int, node: Node) -> None:
    for item in node.items or ():
        published = _published(reading, item)
        if published is None:
            continue
        if "port" in reading.values:
            reading.lose(item.line, "ports", f"{published} is a second port; a service here has one")
        else:
            reading.values["port"] = published
    if not node.items:
        reading.lose(line, "ports")


def _published(reading: Reading, item: Node) -> int | None:
    """The port under which the service is reached from outside: here the process itself has to listen on it."""
    host, text = "", _short_form(reading, item) if item.keys is not None else item.text or ""
    text, _, transport = _with_defaults(reading, item.line, text).partition("/")
    *before, inside = text.rsplit(":", 2) if text.count(":") > 1 else text.split(":")
    if len(before) > 1:
        host = before[0]
    outside = before[-1] if before and before[-1] else inside
    if transport not in ("", "tcp") or not _is_port(outside) or not _is_port(inside):
        reading.lose(item.line, "ports", f"{item.text or text} is no single TCP port")
        return None
    if host:
        reading.lose(item.line, "ports", f"the address {host}: the process itself chooses where it listens")
    if outside != inside:
        reading.notes.change(
            item.line,
            f"{reading.where('ports')}: the process has to listen on {outside} ($PORT) itself, not on {inside}",
        )
    return int(outside)


def _short_form(reading: Reading, item: Node) -> str:
    """`host:published:target/protocol` of a port that is written as a mapping."""
    parts = {"host_ip": "", "published": "", "target": "", "protocol": ""}
    for key, line, value in item.pairs():
        if key in parts:
            parts[key] = value.text or ""
        else:
            reading.lose(line, f"ports.{key}")
    places = [parts["host_ip"], parts["published"], parts["target"]]
    return ":".join(place for place in places if place) + (f"/{parts['protocol']}" if parts["protocol"] else "")


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) <= LAST_PORT


def _with_defaults(reading: Reading, line: int, text: str) -> str:
    pieces = reading.reader.pieces(reading.where("ports"), line, text)
    if any(isinstance(piece, Variable) for piece in pieces):
        reading.notes.change(
            line, f"{reading.where('ports')}: {text} is taken at its default, {default_of(pieces) or 'none'}"
        )
    return default_of(pieces)


def _working_dir(reading: Reading, line: int, node: Node) -> None:
    text = reading.reader.template(reading.where("working_dir"), line, node.string)
    if text is None:
        return
    if not isabs(text):
        reading.values["directory"] = below(reading.source.folder, text)
        return
    for outside, inside in _mounts(reading.node):
        if text == inside or text.startswith(inside + "/"):
            reading.values["directory"] = below(reading.source.folder, f"{outside}/{relpath(text, inside)}")
            return
    reading.lose(line, "working_dir", f"{text} is a folder in the container")


def _mounts(node: Node) -> list[tuple[str, str]]:
    """The folders of this machine that are seen in the container: outside (relative) and inside."""
    found = []
    volumes = node.get("volumes")
    for item in (volumes.items or ()) if volumes is not None else ():
        if item.keys is not None:
            outer, inner = item.get("source"), item.get("target")
            outside, inside = (outer.text or "" if outer else ""), (inner.text or "" if inner else "")
        else:
            outside, _, rest = (item.text or "").partition(":")
            inside = rest.partition(":")[0]
        if outside.startswith(".") and isabs(inside):
            found.append((outside, inside.rstrip("/")))
    return sorted(found, key=lambda pair: -len(pair[1]))


def _directory(reading: Reading) -> None:
    if reading.source.folder != "." and reading.has_command:
        reading.values.setdefault("directory", reading.source.folder)


def _restart(reading: Reading, line: int, node: Node) -> None:
    policy, _, times = (node.text or "").partition(":")
    if policy in ("always", "unless-stopped"):
        reading.inner("restart")["policy"] = "always"
    elif policy == "on-failure":
        reading.inner("restart")["policy"] = "on-failure"
        if times.isdecimal():
            reading.inner("restart").update(burst=int(times), cooldown="never")
    elif policy != "no" and node.truth is not False:
        reading.lose(line, "restart", f"{node.text} is no policy")


def _deploy(reading: Reading, _line: int, node: Node) -> None:
    for key, line, value in node.pairs():
        if key == "replicas":
            _replicas(reading, line, value)
        elif key == "restart_policy":
            expect(reading.notes, reading.where("deploy.restart_policy"), value, "map")
            _restart_policy(reading, value)
        elif key == "resources" and (memory := value.get("limits", "memory")):
            _memory(reading, memory.line, memory, key="deploy.resources.limits.memory")
            for part, at, inner in value.pairs():
                for name, place, _ in inner.pairs():
                    if (part, name) != ("limits", "memory"):
                        reading.lose(place or at, f"deploy.resources.{part}.{name}")
        else:
            reading.lose(line, f"deploy.{key}")


def _restart_policy(reading: Reading, node: Node) -> None:
    policies = {"none": "no", "on-failure": "on-failure", "any": "always"}
    condition = node.get("condition")
    reading.inner("restart")["policy"] = policies.get(condition.string if condition else "any", "always")
    for key, line, value in node.pairs():
        where = reading.where(f"deploy.restart_policy.{key}")
        if key == "max_attempts" and (times := whole_number(reading.notes, where, value)) is not None:
            reading.inner("restart").update(burst=times, cooldown="never")
        elif key in ("delay", "window") and (time := duration(reading.notes, where, value)) is not None:
            reading.inner("restart")["delay" if key == "delay" else "stable"] = time
        elif key not in ("condition", "max_attempts", "delay", "window"):
            reading.lose(line, f"deploy.restart_policy.{key}")


def _replicas(reading: Reading, line: int, node: Node) -> None:
    number = whole_number(reading.notes, reading.where("replicas"), node)
    if number == 0:
        reading.is_selected = False
        reading.notes.change(line, f"{reading.where('replicas')}: 0 is written as a service that is not selected")
    elif number is not None and number != 1:
        reading.values["replicas"] = number


def _profiles(reading: Reading, line: int, node: Node) -> None:
    if node.items:
        reading.is_selected = False
        names = ", ".join(item.text or "" for item in node.items)
        reading.notes.change(line, f"{reading.where('profiles')}: {names}; started only when it is named, or needed")


def _user(reading: Reading, line: int, node: Node) -> None:
    user, _, group = node.string.partition(":")
    if user in ("0", "root") and not group:
        reading.lose(line, "user", "root of a container; here a process runs as whoever starts launcher")
    elif user.isdecimal() or group:
        reading.lose(line, "user", f"{node.string}: a service here takes the name of a user, with that user's groups")
    elif text := reading.reader.template(reading.where("user"), line, user):
        reading.values["user"] = text


def _stop_signal(reading: Reading, _line: int, node: Node) -> None:
    reading.inner("stop")["signal"] = signal_name(node.string)


def _grace(reading: Reading, _line: int, node: Node) -> None:
    time = duration(reading.notes, reading.where("stop_grace_period"), node)
    if time is not None:
        reading.inner("stop")["grace"] = time


def _memory(reading: Reading, line: int, node: Node, *, key: str = "mem_limit") -> None:
    limit = size(reading.notes, reading.where(key), node)
    if limit is not None:
        reading.inner("limits")["memory"] = limit
        reading.notes.change(line, f"{reading.where(key)}: holds for the data of each process, not for all of them")


def _ulimits(reading: Reading, _line: int, node: Node) -> None:
    for key, line, value in node.pairs():
        soft = value.get("soft") if value.keys is not None else value
        files = whole_number(reading.notes, reading.where("ulimits.nofile"), soft) if key == "nofile" and soft else None
        if files:
            reading.inner("limits")["open_files"] = files
        else:
            reading.lose(line, f"ulimits.{key}")


def _healthcheck(reading: Reading, line: int, node: Node) -> None:
    if reading.is_task:
        reading.lose(line, "healthcheck", "a task is ready when it has completed")
        return
    values = read_health(reading.reader, reading.where("healthcheck"), node)
    if values is not None:
        reading.values.update(values)


def _settle_task(reading: Reading) -> None:
    restart = reading.values.get("restart", {})
    if reading.is_task and restart.get("policy") == "always":
        restart["policy"] = "on-failure"
        reading.notes.change(
            reading.line, f"{reading.where('restart')}: a task that others wait for restarts on failure only"
        )


#: Each key of a service, the kinds of value it takes, and what reads it.
READERS: dict[str, tuple[tuple[str, ...], Callable[[Reading, int, Node], None]]] = {
    "deploy": (("map",), _deploy),
    "env_file": (("text", "list"), _env_file),
    "environment": (("map", "texts"), _environment),
    "healthcheck": (("map",), _healthcheck),
    "mem_limit": (("text",), _memory),
    "ports": (("list",), _ports),
    "profiles": (("texts",), _profiles),
    "restart": (("text",), _restart),
    "scale": (("text",), _replicas),
    "stop_grace_period": (("text",), _grace),
    "stop_signal": (("text",), _stop_signal),
    "ulimits": (("map",), _ulimits),
    "user": (("text",), _user),
    "working_dir": (("text",), _working_dir),
}

_READ_ELSEWHERE = frozenset({"command", "entrypoint", "depends_on"})

_LOST = {
    "build": "nothing is built; the command runs as it is installed here",
    "container_name": "there is no container",
    "expose": "a service here has one port; write it as `port`",
    "extends": "the other service is not read",
    "image": "the command runs as it is installed here",
    "networks": "processes here share this machine's network",
    "secrets": "the files are where they are; put what is needed into env_file",
    "volumes": "the process uses this machine's folders",
}
