"""The texts of a service in which references are followed, and what is wrong with a reference before ports are known.

`checks` judges with it where each key was written; `plan.resolve` walks the same texts once the addresses are known.
Knows nothing of files, ports or addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from launcher.profile.model import Service
from launcher.profile.names import did_you_mean

#: What `${services.NAME.…}` can ask of a service that has a port.
ATTRIBUTES = ("url", "address", "host", "port", "urls")


def texts(service: Service) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    """Every template of a service: its key, the text, and whether it is a command (dotted names only)."""
    for name, value in service.env.items():
        yield ("env", name), value, False
    for word in [service.command] if isinstance(service.command, str) else service.command or ():
        yield ("command",), word, True
    yield ("stop", "command"), service.stop.command, True
    yield ("directory",), service.directory, False
    yield ("user",), service.user, False
    for path in service.pythonpath:
        yield ("pythonpath",), path, False
    if health := service.health:
        yield ("health", "http"), health.http or "", False
        for header, value in health.headers.items():
            yield ("health", "headers", header), value, False
        if isinstance(health.exec, str):
            yield ("health", "exec"), health.exec, True
        else:  # no shell sees it: its variables are ours to expand
            for word in health.exec or ():
                yield ("health", "exec"), word, False


def fault(name: str, services: Mapping[str, Service], service: Service | None) -> str:
    """What is wrong with a dotted reference made by `service` (None: by `[env]`); empty if nothing is."""
    match name.split("."):
        case ["services", other, attribute]:
            return _service_fault(other, attribute, services)
        case ["profile", *rest]:
            return "" if rest == ["name"] else "only ${profile.name} exists"
        case ["socket", "fd"]:
            return "" if service is None or service.holds_socket else "this service holds no socket (socket = true)"
        case ["socket", *_]:
            return "only ${socket.fd} exists"
        case _:
            return "is neither ${services.NAME.url}, ${profile.name} nor ${socket.fd}"


def _service_fault(name: str, attribute: str, services: Mapping[str, Service]) -> str:
    if name not in services:
        return f"no service `{name}`{did_you_mean(name, services)}"
    if attribute not in ATTRIBUTES:
        return f"a service has no `{attribute}`{did_you_mean(attribute, ATTRIBUTES)}"
    return f"service `{name}` has no port" if services[name].port is None else ""
