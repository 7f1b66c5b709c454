"""What the dotted names of a profile stand for: `${services.api.url}`, `${profile.name}`, `${socket.fd}`.

Pure: an engine or exporter brings the table of addresses (`127.0.0.1:8001` here, `api:8001` in Compose).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from launcher.errors import BadReference
from launcher.plan.model import Plan
from launcher.plan.nearest import did_you_mean
from launcher.profile.interpolate import ReferenceKind, expand, references
from launcher.profile.model import Service

ATTRIBUTES = ("url", "address", "host", "port", "urls")

#: The protocol's first descriptor (sd_listen_fds(3)): a service has one socket, so it is always this one.
_FIRST_FD = "3"
_SOCKET_FD = "socket.fd"


def addresses(plan: Plan, host: str = "127.0.0.1") -> dict[str, str]:
    """Build the table for a plan whose services all stand on `host`: dotted name to text."""
    table = {"profile.name": plan.profile, _SOCKET_FD: _FIRST_FD}
    for service, ports in plan.ports.items():
        at = f"services.{service}."
        table[at + "url"] = f"http://{host}:{ports[0]}"
        table[at + "address"] = f"{host}:{ports[0]}"
        table[at + "host"] = host
        table[at + "port"] = str(ports[0])
        table[at + "urls"] = ",".join(f"http://{host}:{port}" for port in ports)
    return table


def resolve(text: str, table: Mapping[str, str], variables: Mapping[str, str] | None) -> str:
    """Expand a template with the addresses in `table`; `variables` None: a command, dotted names only."""
    return expand(text, variables=variables, dotted=lambda name: look_up(name, table))


def look_up(name: str, table: Mapping[str, str]) -> str:
    """Give what a dotted name stands for; raises BadReference with the nearest name there is."""
    if name in table:
        return table[name]
    shown = f"${{{name}}}"
    root, _, rest = name.partition(".")
    service, _, attribute = rest.rpartition(".")
    if root != "services" or not service:
        raise BadReference(f"{shown} stands for nothing{did_you_mean(name, table)}")
    if f"services.{service}.port" in table:
        raise BadReference(f'{shown}: a service has no "{attribute}"{did_you_mean(attribute, ATTRIBUTES)}')
    ported = [entry.split(".")[1] for entry in table if entry.startswith("services.") and entry.endswith(".port")]
    raise BadReference(f'{shown}: no service "{service}" with a port{did_you_mean(service, ported)}')


def misdirected(plan: Plan) -> list[BadReference]:
    """Find the references of a plan that are malformed or stand for nothing, each with the key it is in."""
    table = addresses(plan)
    found = _problems("env", plan.env, table)
    for name, service in plan.services.items():
        own = table if service.holds_socket else {key: value for key, value in table.items() if key != _SOCKET_FD}
        found += _problems(f"services.{name}.env", service.env, own)
        for key, text, command in _texts(service):
            found += _problem(f"services.{name}.{key}", text, own, command=command)
    return found


def _problems(key: str, env: Mapping[str, str], table: Mapping[str, str]) -> list[BadReference]:
    return [problem for name, text in env.items() for problem in _problem(f"{key}.{name}", text, table, command=False)]


def _problem(key: str, text: str, table: Mapping[str, str], *, command: bool) -> list[BadReference]:
    try:
        for reference in references(text, command=command):
            if reference.kind is ReferenceKind.DOTTED:
                look_up(reference.name, table)
    except BadReference as problem:
        return [BadReference(f"{key}: {problem.sentence}", remedy=problem.remedy)]
    return []


def _texts(service: Service) -> Iterator[tuple[str, str, bool]]:
    """Tell the templates of a service, `env` apart: key, text, whether it is a command."""
    words = service.command if isinstance(service.command, list) else [service.command or ""]
    yield from (("command", word, True) for word in words)
    yield "stop.command", service.stop.command, True
    yield "directory", service.directory, False
    yield "user", service.user, False
    yield from (("pythonpath", path, False) for path in service.pythonpath)
    if health := service.health:
        yield "health.http", health.http or "", False
        yield from ((f"health.headers.{name}", text, False) for name, text in health.headers.items())
        if isinstance(health.exec, list):
            yield from (("health.exec", word, False) for word in health.exec)
        else:
            yield "health.exec", health.exec or "", True
