"""From a Profile to a Plan: what starts, on which ports, after what.

Pure: which ports are free and which were used before is told by the caller. All problems come at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from launcher.errors import (
    ImpossibleGate,
    LauncherError,
    NothingToStart,
    PlanUnreadable,
    ProblemsFound,
    UnknownDependency,
    UnknownService,
)
from launcher.plan import graph, ports
from launcher.plan.auto import Machine
from launcher.plan.model import PLAN_VERSION, Edge, Instance, Plan
from launcher.plan.mounting import Seat, clashes
from launcher.plan.names import instance_names, label_of
from launcher.plan.placement import Placed, place
from launcher.plan.resolve import misdirected
from launcher.profile.model import Condition, EngineName, Profile, Service
from launcher.profile.names import did_you_mean
from launcher.profile.prefixes import normal_prefix

#: No instance had a port before.
NOTHING_RECORDED: Mapping[str, int] = MappingProxyType({})
#: Of which nothing is known.
SOME_MACHINE = Machine()


def build(
    profile: Profile,
    *,
    select: Iterable[str] = (),
    recorded: Mapping[str, int] = NOTHING_RECORDED,
    is_free: Callable[[int], bool],
    machine: Machine = SOME_MACHINE,
    merges: bool = True,
) -> Plan:
    """Decide everything that can be decided before anything runs; raises ProblemsFound.

    `select` names services and goes before the profile's own `select`; what they depend on comes along. `recorded` maps
    instances to the ports they had. `machine` is what `mode = "auto"` chooses by. Without `merges` every service has a
    process of its own, whatever it says.
    """
    problems: list[LauncherError] = []
    chosen = _chosen(profile, tuple(select), problems)
    own = tuple(edge for name in chosen for edge in _edges(profile, name, problems))
    placed = place(profile, chosen if merges else (), machine, problems)
    profile, chosen = placed.profile, placed.chosen if merges else chosen
    edges = (*placed.edges, *own)
    pairs = [(edge.dependent, edge.dependency) for edge in edges]
    circles = graph.cycles(chosen, pairs)
    problems += map(graph.circle, circles)
    layers = () if circles else graph.layers(chosen, pairs)
    given = ports.assign(profile, chosen, placed.merged, recorded=recorded, is_free=is_free, problems=problems)
    for group in dict.fromkeys(placed.merged.values()):
        problems += clashes(_seats(placed, group, given))
    settings = profile.settings
    plan = Plan(
        profile=profile.name,
        root=profile.root,
        procfile=profile.procfile,
        on_exit=settings.on_exit,
        env_files=tuple(settings.env_file),
        env=profile.env,
        secrets=tuple(settings.secret),
        log=settings.log,
        python=settings.python or "",
        preload=None if settings.preload is None else tuple(settings.preload),
        services={name: profile.services[name] for name in chosen},
        instances=_instances(placed, chosen, given),
        edges=edges,
        layers=layers,
        ports=given,
        prefixes={
            name: normal_prefix(service.prefix)
            for name, service in profile.services.items()
            if service.prefix is not None and normal_prefix(service.prefix)
        },
    )
    # Without all ports and services some references would be wrong for no fault of theirs.
    problems = problems or list(misdirected(plan))
    if problems:
        raise ProblemsFound(problems)
    return plan


def to_json(plan: Plan) -> bytes:
    """Serialise a plan; `from_json` gives it back equal."""
    return msgspec.json.encode(plan)


class _Version(msgspec.Struct):
    version: int


def from_json(data: bytes) -> Plan:
    """Read a serialised plan; raises PlanUnreadable."""
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version == PLAN_VERSION:
            return msgspec.json.decode(data, type=Plan)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlanUnreadable(f"this is no plan: {error}") from error
    raise PlanUnreadable(f"the plan is of version {version}; this launcher reads version {PLAN_VERSION}")


def _chosen(profile: Profile, select: tuple[str, ...], problems: list[LauncherError]) -> list[str]:
    """Tell what is to start, in order of definition."""
    services = profile.services
    wanted = select or profile.settings.select
    if wanted is None:
        wanted = list(services)
    unknown = [name for name in dict.fromkeys(wanted) if name not in services]
    problems += [UnknownService(f'no service "{name}"{did_you_mean(name, services)}') for name in unknown]
    if not services:
        problems.append(NothingToStart(f"profile {profile.name} has no service"))
    elif not wanted:
        problems.append(NothingToStart(f"profile {profile.name} selects no service"))
    depends = {name: service.depends_on.keys() for name, service in services.items()}
    found = graph.closure(wanted, depends)
    return [name for name in services if name in found]


def _edges(profile: Profile, name: str, problems: list[LauncherError]) -> Iterable[Edge]:
    """Make the conditions of a service's dependencies explicit; an optional one that is not there is dropped."""
    services = profile.services
    for target, wanted in services[name].depends_on.items():
        if target not in services:
            if wanted.required:
                near = did_you_mean(target, services)
                problems.append(UnknownDependency(f'{name} depends on "{target}", which is no service{near}'))
            continue
        condition = wanted.condition or _default(services[target])
        if impossible := _impossible(name, condition, target, services[target]):
            problems.append(impossible)
        yield Edge(
            dependent=name,
            dependency=target,
            condition=condition,
            required=wanted.required,
            on_loss=wanted.on_loss,
        )


def _default(service: Service) -> Condition:
    if service.is_task:
        return Condition.COMPLETED
    return Condition.HEALTHY if _tells_health(service) else Condition.STARTED


def _tells_health(service: Service) -> bool:
    return service.health is not None or service.app is not None


def _impossible(name: str, condition: Condition, target: str, service: Service) -> ImpossibleGate | None:
    if condition is Condition.COMPLETED and not service.is_task:
        return ImpossibleGate(
            f"{name} waits for {target} to be completed, but {target} is a service: only a task completes",
            remedy=f'Give {target} kind = "task", or wait until it has `exited`.',
        )
    if condition is Condition.HEALTHY and not _tells_health(service):
        instead = "completed" if service.is_task else "started"
        return ImpossibleGate(
            f"{name} waits for {target} to be healthy, but {target} has no health check",
            remedy=f"Give {target} a `health`, or wait until it is `{instead}`.",
        )
    return None


def _seats(placed: Placed, group: str, given: Mapping[str, tuple[int, ...]]) -> Iterator[Seat]:
    """Where each component of a group listens."""
    for name, its in placed.merged.items():
        if its == group and (numbers := given.get(name)):
            prefix = placed.profile.services[name].prefix
            yield Seat(component=name, host="127.0.0.1", port=numbers[0], prefix=prefix)


def _instances(placed: Placed, chosen: list[str], given: Mapping[str, tuple[int, ...]]) -> dict[str, Instance]:
    found: dict[str, Instance] = {}
    profile = placed.profile
    engine = EngineName(profile.settings.engine)
    for service in chosen:
        numbers = given.get(service, ())
        if group := placed.hosts.get(service):
            found[service] = Instance(name=service, service=service, index=1, engine=engine, label=service, group=group)
            continue
        group = placed.groups.get(service, "")
        choice = placed.choices.get(service)
        for index, name in enumerate(instance_names(profile, service), start=1):
            found[name] = Instance(
                name=name,
                service=service,
                index=index,
                engine=placed.engine_of(service, engine),
                label=label_of(profile, service, index),
                port=numbers[index - 1] if numbers else None,
                port_drawn=bool(numbers) and not isinstance(profile.services[service].port, int),
                group=group,
                placed=choice.why if choice is not None else "",
            )
    return found
