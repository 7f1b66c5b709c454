"""One module with all apps of a plan as one ASGI app, for any server: `uvicorn merged_app:app`.

It needs `launcher.host` where it runs, and nothing else of launcher; it is to stand in the project's folder. What is no
component in the plan has a process of its own, and no part in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from launcher.errors import Caution, LauncherError, NotExportable, PrefixGiven, ProblemsFound
from launcher.exporters.base import File, Loss, Options, Rendered
from launcher.exporters.losses import Feature, lost
from launcher.exporters.programs import Place, Program, programs
from launcher.exporters.variables import Outside, Piece, Value, literal
from launcher.plan.model import Instance, Plan
from launcher.plan.mounting import Seat, clashes
from launcher.plan.resolve import addresses
from launcher.profile.model import Policy, Restart, Service, Stop
from launcher.profile.prefixes import normal_prefix

TARGET = "a merged app"
MODULE = "merged_app"
#: The service that is at the root if nobody says who is.
WEB = "web"
#: Where servers listen if nobody tells them.
PORT = 8000
#: Stands in texts for the port that only the server will know.
_PORT = "\ue000PORT\ue000"

_KEPT = frozenset(
    {
        Feature.GATES,
        Feature.HEALTHY_GATE,
        Feature.OPTIONAL,
        Feature.ADDRESSES,
        Feature.READY_TIMEOUT,
        Feature.POLICY,
        Feature.STAYS_DOWN,
        Feature.WAIT,
        Feature.DELAY,
        Feature.COOLDOWN,
        Feature.GRACE,
    }
)


class Merged:
    """The exporter `merged`."""

    def render(self, plan: Plan, options: Options) -> Rendered:
        """One module."""
        found = merge(plan, options)
        beside = [name for name, service in plan.services.items() if service.app is None and name not in found.hosts]
        beside += [one.service for one in plan.instances.values() if one.is_forked]
        alone = [name for name, service in plan.services.items() if service.app and name not in found.names]
        losses = [*found.losses]
        for feature, names in (("process for a command", beside), ("process of its own for an app", alone)):
            if names:
                losses.append(Loss(feature=feature, target=TARGET, services=tuple(dict.fromkeys(names))))
        return Rendered(files=(found.file,), losses=tuple(losses), notes=found.notes)


class MergedApps(Struct, frozen=True, kw_only=True):
    """The module; the services in it; what their process is called in the plan; where each is to be found."""

    file: File
    names: tuple[str, ...]
    hosts: tuple[str, ...]
    urls: dict[str, str]
    losses: tuple[Loss, ...]
    notes: tuple[Caution, ...]


def merge(plan: Plan, options: Options) -> MergedApps:
    """The components of a plan as one module; raises NotExportable where there are none."""
    members = {one.service: one for one in plan.instances.values() if one.is_component}
    if not members:
        raise NotExportable(
            "no service is an `app` that could be merged", remedy='Services need an `app`, and no placement = "own".'
        )
    hosts = tuple(one.service for one in plan.instances.values() if one.is_host)
    prefixes, notes = _prefixes(plan, members)
    apart = replace(
        plan,
        services={name: plan.services[name] for name in members},
        instances={one.name: one for one in members.values()},
        edges=tuple(edge for edge in plan.edges if edge.dependent in members and edge.dependency in members),
        ports={name: ports for name, ports in plan.ports.items() if name not in members},
    )
    port = _port(plan, members)
    found, cautions = programs(apart, options, _place(plan, prefixes))
    waiting = [edge.dependent for edge in plan.edges if edge.dependency not in (*members, *hosts)]
    losses = [*lost(apart, TARGET, kept=_KEPT)]
    if unmet := tuple(name for name in members if name in waiting):
        losses.append(Loss(feature="gate on what is no app", target=TARGET, services=unmet))
    text = _module(apart, found, prefixes, port)
    return MergedApps(
        file=File(
            name=f"{MODULE}.py", content=text, private=any(program.environment.holds_secrets for program in found)
        ),
        names=tuple(members),
        hosts=hosts,
        urls={name: f"http://127.0.0.1:{port}{normal_prefix(prefix)}" for name, prefix in prefixes.items()},
        losses=tuple(losses),
        notes=(*notes, *cautions),
    )


def beside(plan: Plan, merged: MergedApps) -> Plan:
    """What is left of a plan without these and their processes."""
    gone = {*merged.names, *merged.hosts}
    return replace(
        plan,
        services={name: service for name, service in plan.services.items() if name not in gone},
        instances={name: one for name, one in plan.instances.items() if one.service not in gone},
        edges=tuple(edge for edge in plan.edges if not gone & {edge.dependent, edge.dependency}),
        layers=tuple(left for layer in plan.layers if (left := tuple(name for name in layer if name not in gone))),
    )


def _prefixes(plan: Plan, members: dict[str, Instance]) -> tuple[dict[str, str], list[Caution]]:
    """Where each is mounted: as it says, else under its name; `web` at the root, if nobody else is."""
    found: dict[str, str] = {}
    notes: list[Caution] = []
    asked = {name: plan.services[name].prefix for name in members}
    is_free = all(prefix is None or normal_prefix(prefix) for prefix in asked.values())
    for name, prefix in asked.items():
        found[name] = prefix if prefix is not None else "/" if name == WEB and is_free else f"/{name}"
        if prefix is None:
            notes.append(Caution(PrefixGiven.code, f"service {name} has no `prefix`: here it is at {found[name]}"))
    seats = [Seat(component=name, host="", port=PORT, prefix=prefix) for name, prefix in found.items()]
    problems: list[LauncherError] = clashes(seats)
    if problems:
        raise ProblemsFound(problems)
    return found, notes


def _port(plan: Plan, members: dict[str, Instance]) -> int:
    """The port that the profile has for those under prefixes, if it names one."""
    named = (one.port for one in members.values() if plan.services[one.service].prefix and not one.port_drawn)
    return next((port for port in named if port), PORT)


def _place(plan: Plan, prefixes: dict[str, str]) -> Place:
    table = addresses(plan)
    for name, prefix in prefixes.items():
        at, url = f"services.{name}.", f"http://127.0.0.1:{_PORT}{normal_prefix(prefix)}"
        table |= {at + "url": url, at + "urls": url, at + "address": f"127.0.0.1:{_PORT}", at + "port": _PORT}
    return Place(
        target="the server",
        host=lambda _service: (),
        root="",
        table=table,
        port=lambda _one: (_PORT,),
        bind=lambda _one: None,
    )


def _module(plan: Plan, found: Sequence[Program], prefixes: dict[str, str], port: int) -> str:
    names = _listed([one.instance.service for one in found])
    apps = [line for program in found for line in _app(plan, program, prefixes[program.instance.service])]
    retry = "Retry, " if any("Retry(" in line for line in apps) else ""
    lines = [
        f'"""{names} of the profile {_word(plan.profile)}, as one app for any ASGI server.',
        "",
        f"    uvicorn {MODULE}:app",
        f"    hypercorn {MODULE}:app",
        f"    gunicorn --worker-class uvicorn_worker.UvicornWorker {MODULE}:app",
        "",
        "Each has its prefix, its environment and its own way to fail; none begins before what it needs is ready.",
        '"""',
        "",
        "from pathlib import Path",
        "",
        f"from launcher.host.assembly import App, {retry}assemble, variable",
        "",
        "#: Where the server listens: it does not tell, and these services have each other's addresses.",
        f'PORT = variable("PORT", "{port}")',
        "HERE = Path(__file__).parent",
        "",
        "app = assemble(",
        f"    {_quoted(plan.profile)},",
        *apps,
        f"    directory={_path(_directory(found))},",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _app(plan: Plan, program: Program, prefix: str) -> Iterator[str]:
    service, name = program.service, program.instance.service
    yield "    App("
    yield f"        {_quoted(name)},"
    yield f"        {_quoted(service.app or '')},"
    yield f"        prefix={_quoted(prefix)},"
    if service.strip_prefix:
        yield "        strip_prefix=True,"
    if needs := [edge.dependency for edge in plan.edges_from(name)]:
        yield f"        needs=({', '.join(map(_quoted, needs))},),"
    if folders := [_folder(program, path) for path in service.pythonpath]:
        yield f"        paths=({', '.join(map(_path, folders))},),"
    if program.variables:
        yield "        environment=lambda: {"
        for one in program.variables:
            value: Value = (Outside(one.name),) if one.withheld else one.value
            yield f"            {_quoted(one.name)}: {_expression(value)},"
        yield "        },"
    yield from _times(service)
    yield "    ),"


def _times(service: Service) -> Iterator[str]:
    rule = service.restart
    if rule.policy is Policy.NO:
        yield "        retry=None,"
    elif (rule.delay, rule.factor, rule.max_delay, rule.stable) != _rule(Restart()):
        delay, factor, most, stable = _rule(rule)
        yield f"        retry=Retry(delay={delay:g}, factor={factor:g}, most={most:g}, stable={stable:g}),"
    if service.ready_timeout is not None:
        yield f"        start_timeout={service.ready_timeout:g},"
    if service.stop.grace != Stop().grace:
        yield f"        stop_timeout={service.stop.grace:g},"


def _rule(rule: Restart) -> tuple[float, float, float, float]:
    return rule.delay, rule.factor, rule.max_delay, rule.stable


def _directory(found: Sequence[Program]) -> str:
    """The folder of all of them: the plan holds them to one."""
    text = literal(found[0].directory)
    if text is None:
        raise NotExportable(
            f"services.{found[0].instance.service}.directory: only the target will know it", remedy="Write it out."
        )
    return text


def _folder(program: Program, path: str) -> str:
    text = literal(program.environment.text(path, "pythonpath"))
    if text is None:
        raise NotExportable(
            f"services.{program.instance.service}.pythonpath: only the target will know it", remedy="Write it out."
        )
    return text


def _path(text: str) -> str:
    return "HERE" if text in ("", ".") else f"HERE / {_quoted(text)}"


def _expression(value: Value) -> str:
    """A text in pieces as an expression of Python."""
    if not value:
        return '""'
    return " + ".join(map(_piece, value))


def _piece(piece: Piece) -> str:
    if isinstance(piece, str):
        return _formatted(piece)
    if piece.default is not None:
        return f"variable({_quoted(piece.name)}, {_expression(piece.default)})"
    if piece.message is not None:
        return f"variable({_quoted(piece.name)}, message={_quoted(piece.message)})"
    return f"variable({_quoted(piece.name)})"


def _formatted(text: str) -> str:
    if text == _PORT:
        return "PORT"
    if _PORT not in text:
        return _quoted(text)
    return "f" + _quoted(text.replace("{", "{{").replace("}", "}}")).replace(_PORT, "{PORT}")


def _quoted(text: str) -> str:
    """A literal: JSON's are Python's, too, as long as what is beyond ASCII stands there itself."""
    return json.dumps(text, ensure_ascii=False)


def _word(text: str) -> str:
    """A name within the docstring."""
    return text.replace("\\", "/").replace('"', "'")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
