"""What the dotted names of a profile stand for: `${services.api.url}`, `${profile.name}`, `${socket.fd}`.

Pure: an engine or exporter brings the table of addresses (`127.0.0.1:8001` here, `api:8001` in Compose).
"""

from __future__ import annotations

from collections.abc import Mapping

from launcher.errors import BadReference
from launcher.plan.model import Plan
from launcher.profile.interpolate import ReferenceKind, expand, references
from launcher.profile.names import did_you_mean
from launcher.profile.references import ATTRIBUTES, texts

#: The protocol's first descriptor (sd_listen_fds(3)): a service has one socket, so it is always this one.
_FIRST_FD = "3"
_SOCKET_FD = "socket.fd"


def addresses(plan: Plan, host: str = "127.0.0.1") -> dict[str, str]:
    """Build the table for a plan whose services all stand on `host`: dotted name to text."""
    table = {"profile.name": plan.profile, _SOCKET_FD: _FIRST_FD}
    for service, ports in plan.ports.items():
        at = f"services.{service}."
        prefix = plan.prefixes.get(service, "")
        table[at + "url"] = f"http://{host}:{ports[0]}{prefix}"
        table[at + "address"] = f"{host}:{ports[0]}"
        table[at + "host"] = host
        table[at + "port"] = str(ports[0])
        table[at + "urls"] = ",".join(f"http://{host}:{port}{prefix}" for port in ports)
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
    """Find the references of a plan that are malformed or stand for nothing, each with the key it is in.

    A profile that was loaded has only one fault left to find: a service that is not chosen gets no port when the range
    has none left, and then has no address.
    """
    table = addresses(plan)
    found = [problem for name, text in plan.env.items() for problem in _problem(f"env.{name}", text, table)]
    for name, service in plan.services.items():
        own = table if service.holds_socket else {key: value for key, value in table.items() if key != _SOCKET_FD}
        for key, text, command in texts(service):
            found += _problem(f"services.{name}.{'.'.join(key)}", text, own, command=command)
    return found


def _problem(key: str, text: str, table: Mapping[str, str], *, command: bool = False) -> list[BadReference]:
    try:
        for reference in references(text, command=command):
            if reference.kind is ReferenceKind.DOTTED:
                look_up(reference.name, table)
    except BadReference as problem:
        return [BadReference(f"{key}: {problem.sentence}", remedy=problem.remedy)]
    return []
