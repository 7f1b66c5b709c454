"""A Compose file: a service each, `depends_on` with conditions, health checks in Compose's own keys.

By the Compose specification: `$` is doubled, what a `${NAME}` may not say is refused, a service's name is its host. The
file stands in the project's folder, whose image (`build: .`) has the project in /app.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from launcher.errors import Caution, NameChanged, NotExportable
from launcher.exporters.base import File, Options, Refusals, Rendered
from launcher.exporters.losses import Feature, lost
from launcher.exporters.programs import Place, Program, programs
from launcher.exporters.variables import Outside, Value, literal, mapped
from launcher.plan.model import Instance, Plan
from launcher.profile.model import Condition, Health, OnLoss, Policy

TARGET = "compose"
FILE = "compose.yaml"

_KEPT = frozenset(
    {
        Feature.GATES, Feature.OPTIONAL, Feature.LOSS_RESTART, Feature.HTTP, Feature.TCP, Feature.EXEC,
        Feature.ADDRESSES, Feature.POLICY, Feature.STAYS_DOWN,
        Feature.CIRCUIT, Feature.SIGNAL, Feature.GRACE, Feature.REPLICAS, Feature.USER, Feature.LIMITS,
        Feature.ENV_FILE,
    }
)  # fmt: skip
_CONDITIONS = {
    Condition.STARTED: "service_started",
    Condition.HEALTHY: "service_healthy",
    Condition.COMPLETED: "service_completed_successfully",
    Condition.EXITED: "service_completed_successfully",
}
#: Run in the image, which has Python where it serves an app.
_ASK = (
    "import http.client as h; c = h.HTTPConnection({host!r}, {port}, timeout={timeout:g}); "
    "c.request('GET', {path!r}, headers={headers!r}); s = c.getresponse().status; raise SystemExit(not ({healthy}))"
)
_CONNECT = "import socket; socket.create_connection(({host!r}, {port}), {timeout:g})"
_LINE_ENDS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_URL = re.compile(r"http://(?P<host>[^/:?#]+)(?::(?P<port>[0-9]+))?(?P<path>[/?].*)?")


class Compose:
    """The exporter `compose`."""

    def render(self, plan: Plan, options: Options) -> Rendered:
        """One compose.yaml."""
        found, notes = programs(plan, options, _place(plan, options))
        first = {program.instance.service: program for program in reversed(found)}
        services: dict[str, Any] = {}
        refusals = Refusals()
        for name in plan.services:
            with refusals.of(name):
                services[name] = _service(plan, first[name])
        refusals.tell()
        project = re.sub(r"[^a-z0-9_-]+", "-", options.app.lower()).strip("-_") or "app"
        if project != options.app:
            notes.append(
                Caution(NameChanged.code, f'{options.app} is called "{project}": Compose takes a-z, 0-9, _, -')
            )
        secret = any(program.environment.holds_secrets for program in found)
        content = document({"name": project, "services": services})
        return Rendered(
            files=(File(name=FILE, content=content, private=secret),),
            losses=lost(plan, TARGET, kept=_KEPT | _healthy_gates(plan)),
            notes=tuple(notes),
        )


def document(value: Mapping[str, Any]) -> str:
    """A Compose file; `$` must be doubled already."""
    import yaml  # noqa: PLC0415  (20 ms, for those who use it)

    class Dumper(yaml.SafeDumper):
        """PyYAML's, but for characters that only double quotes keep: YAML 1.1 took them for line ends."""

    def represent(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _LINE_ENDS.search(text) else None)

    Dumper.add_representer(str, represent)
    text: str = yaml.dump(dict(value), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text


def doubled(text: str) -> str:
    """A text that Compose leaves as it is."""
    return text.replace("$", "$$")


def _healthy_gates(plan: Plan) -> frozenset[Feature]:
    """Whether every gate on health has a check in Compose's own terms behind it."""
    gates = [plan.services[edge.dependency] for edge in plan.edges if edge.condition is Condition.HEALTHY]
    lacking = [one for one in gates if one.app is None and one.health and (one.health.log or one.health.notify)]
    return frozenset() if lacking else frozenset({Feature.HEALTHY_GATE})


def _place(plan: Plan, options: Options) -> Place:
    table = {"profile.name": plan.profile, "socket.fd": "3"}
    for service, ports in plan.ports.items():
        at = f"services.{service}."
        url = f"http://{service}:{ports[0]}{plan.prefixes.get(service, '')}"
        # Replicas share the name, and Compose's DNS spreads over them.
        table |= {at + "url": url, at + "urls": url, at + "address": f"{service}:{ports[0]}"}
        table |= {at + "host": service, at + "port": str(ports[0])}

    def port(one: Instance) -> Value | None:
        return None if one.port is None else (str(plan.ports[one.service][0]),)

    return Place(
        target="Compose",
        host=lambda _service: ("python", "-u", "-m", "launcher.host.serve"),
        root=options.app_root,
        table=table,
        port=port,
        bind=lambda _one: "0.0.0.0:",
    )


def _service(plan: Plan, program: Program) -> dict[str, Any]:
    service, name = program.service, program.instance.service
    port = plan.ports[name][0] if name in plan.ports else None
    made: dict[str, Any] = {
        "build": ".",
        "command": _command(program),
        "working_dir": _text(program.directory),
        "environment": {
            one.name: f"${{{one.name}?is secret, and not in the export}}" if one.withheld else _text(one.value)
            for one in program.variables
        },
        "env_file": [doubled(path) for path in plan.env_files],
        "user": _text(program.user) if program.user else None,
        "depends_on": _depends_on(plan, name),
        "healthcheck": _healthcheck(program, port),
        "restart": _restart(program),
        "stop_signal": f"SIG{service.stop.signal}",
        "stop_grace_period": f"{service.stop.grace:g}s",
        "deploy": {"replicas": service.replicas} if service.replicas > 1 else None,
        "ulimits": _limits(program),
    }
    if port is not None and isinstance(service.port, int):
        last = port + service.replicas - 1
        made["ports"] = [f"127.0.0.1:{port}:{port}" if last == port else f"127.0.0.1:{port}-{last}:{port}"]
    elif port is not None:
        made["expose"] = [str(port)]
    return {key: value for key, value in made.items() if value not in (None, {}, [])}


def _command(program: Program) -> list[str]:
    if program.command:
        return ["/bin/sh", "-c", doubled(program.command)]
    return [_text(word) for word in program.argv]


def _text(value: Value) -> str:
    return mapped(value, doubled, _outside)


def _outside(outside: Outside) -> str:
    if outside.default is not None:
        default = literal(outside.default)
        if default is None or re.search(r"[$}]", default):
            raise NotExportable(f"the default of ${{{outside.name}:-…}} is one that Compose cannot read")
        return f"${{{outside.name}:-{default}}}"
    if outside.message is not None:
        if re.search(r"[$}]", outside.message):
            raise NotExportable(f"the message of ${{{outside.name}:?…}} is one that Compose cannot read")
        return f"${{{outside.name}:?{outside.message}}}"
    return f"${{{outside.name}?is not set}}"


def _depends_on(plan: Plan, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for edge in plan.edges_from(name):
        condition = _CONDITIONS[edge.condition]
        target = plan.services[edge.dependency]
        if edge.condition is Condition.HEALTHY and target.health and (target.health.log or target.health.notify):
            condition = _CONDITIONS[Condition.HEALTHY if target.app is not None else Condition.STARTED]
        found[edge.dependency] = {
            "condition": condition,
            **({} if edge.required else {"required": False}),
            **({"restart": True} if edge.on_loss is OnLoss.RESTART else {}),
        }
    return found


def _healthcheck(program: Program, port: int | None) -> dict[str, Any] | None:
    service = program.service
    health = service.health or (Health(notify=True) if service.app is not None else None)
    if health is None or (test := _test(program, health, port)) is None:
        return None
    return {
        "test": test,
        "interval": f"{health.interval:g}s",
        "timeout": f"{health.timeout:g}s",
        "retries": health.retries,
        "start_period": f"{health.start_period:g}s",
        **({} if health.start_interval is None else {"start_interval": f"{health.start_interval:g}s"}),
    }


def _test(program: Program, health: Health, port: int | None) -> list[str] | None:
    environment = program.environment
    if isinstance(health.exec, str):
        return ["CMD-SHELL", doubled(environment.command(health.exec))]
    if health.exec is not None:
        return ["CMD", *(_text(environment.text(word, "health.exec")) for word in health.exec)]
    if health.http is not None:
        return _python(_http(program, health, port))
    if health.tcp:
        return _python(
            _CONNECT.format(host="127.0.0.1", port=port if health.tcp is True else health.tcp, timeout=health.timeout)
        )
    # An app listens once it is ready, so a connection says what its READY would.
    if program.service.app is not None:
        return _python(_CONNECT.format(host="127.0.0.1", port=port, timeout=health.timeout))
    return None


def _http(program: Program, health: Health, port: int | None) -> str:
    url = literal(program.environment.text(health.http or "", "health.http"))
    headers = {key: literal(program.environment.text(text, "health.headers")) for key, text in health.headers.items()}
    if url is None or None in headers.values():
        raise NotExportable("its http check depends on a variable that only the target will know")
    if url.startswith("/"):
        url = f"http://127.0.0.1:{port}{program.service.asked_at(url)}"
    found = _URL.fullmatch(url)
    if found is None:
        raise NotExportable(f'its http check of "{url}" is none that a health check in the container can make')
    wanted = [health.status] if isinstance(health.status, int) else health.status
    return _ASK.format(
        host=found["host"],
        port=found["port"] or 80,
        path=found["path"] or "/",
        timeout=health.timeout,
        headers=headers,
        healthy=f"s in {wanted}" if wanted else "s < 400",
    )


def _python(program: str) -> list[str]:
    return ["CMD", "python", "-c", doubled(program)]


def _restart(program: Program) -> str:
    rule = program.service.restart
    if rule.policy in (Policy.NO, None):
        return "no"
    return "always" if rule.policy is Policy.ALWAYS else f"on-failure:{rule.burst}" if rule.burst else "no"


def _limits(program: Program) -> dict[str, int]:
    limits = program.service.limits
    found = {"nofile": limits.open_files, "data": limits.memory}
    return {name: value for name, value in found.items() if value is not None}
