"""Placement: which services share a process or are forked from one, and the service that this is, `host.GROUP`.

A host is an instance like any other: started first, backed off, stopped last. Each component waits for it, and is
restarted with it; what is forked from it waits for it to start, and goes on without it. Pure; from the profile alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from launcher.errors import CannotShare, LauncherError
from launcher.plan import graph
from launcher.plan.auto import Choice, Machine, choose
from launcher.plan.model import Edge, Plan
from launcher.profile.groups import forked_group_of, group_of
from launcher.profile.model import Condition, EngineName, Health, OnLoss, Policy, Profile, Restart, Service, Stop

#: How much longer than its slowest component a host may take to end, in seconds.
SLACK = 2.0


class Placed(Struct, frozen=True, kw_only=True):
    """A profile with the hosts among its services; who is in which group; the hosts' edges; the choices made."""

    profile: Profile
    chosen: list[str]
    #: By service.
    groups: Mapping[str, str]
    #: The services that are forked.
    forked: frozenset[str]
    #: By host service.
    hosts: Mapping[str, str]
    edges: tuple[Edge, ...]
    #: By service, where the mode leaves it to the launcher.
    choices: Mapping[str, Choice]

    @property
    def merged(self) -> Mapping[str, str]:
        """The group of each component."""
        return {name: group for name, group in self.groups.items() if name not in self.forked}

    def engine_of(self, service: str, otherwise: EngineName) -> EngineName:
        """What runs a service."""
        if service in self.forked:
            return EngineName.FORKED
        return EngineName.MERGED if service in self.groups else otherwise


def place(profile: Profile, chosen: Sequence[str], machine: Machine, problems: list[LauncherError]) -> Placed:
    """Add a host for each group of the chosen services, before the first of them."""
    mode = profile.settings.mode
    choices = choose(profile, machine) if chosen else {}
    shared = {name: group_of(profile.services[name], mode) for name in chosen}
    shared |= {name: choices[name].group for name in chosen if name in choices}
    merged = {name: group for name, group in shared.items() if group}
    forked = {name: group for name in chosen if (group := forked_group_of(profile.services[name], mode))}
    groups = merged | forked
    problems += _of_both_kinds(merged, forked)
    named = _named_ports(profile, merged)
    services: dict[str, Service] = {}
    hosts: dict[str, str] = {}
    edges = []
    for name, service in profile.services.items():
        group = groups.get(name, "")
        if not group:
            services[name] = service
            continue
        host = host_name(group)
        if host not in services:
            members = [one for one, its in groups.items() if its == group]
            services[host] = (_zygote if name in forked else _host)(profile, members, problems)
            hosts[host] = group
        services[name] = service if name in forked else _component(service, named.get(group))
        # What is forked goes on without the process it came from.
        on_loss = OnLoss.IGNORE if name in forked else OnLoss.RESTART
        edges.append(Edge(dependent=name, dependency=host, condition=Condition.HEALTHY, on_loss=on_loss))
    return Placed(
        profile=replace(profile, services=services),
        chosen=[name for name in services if name in hosts or name in chosen],
        groups=groups,
        forked=frozenset(forked),
        hosts=hosts,
        edges=tuple(edges),
        choices=choices,
    )


def host_name(group: str) -> str:
    """What the process of a group is called, as a service and as its one instance."""
    return f"host.{group}"


def is_chosen(plan: Plan, instance: str) -> bool:
    """Whether mode "auto" has chosen where an instance is, so that it may be elsewhere as well."""
    one = plan.instances[instance]
    return bool(one.placed) and plan.services[one.service].placement == "auto"


def apart(plan: Plan, service: str, why: str) -> Plan:
    """The plan with a component in a process of its own: `why` is what it is placed there for."""
    first = plan.instances_of(service)[0]
    host = plan.host_of(first.group)
    instances = {
        name: replace(one, engine=host.engine, group="", placed=why, moved=True) if one.service == service else one
        for name, one in plan.instances.items()
    }
    edges = tuple(one for one in plan.edges if (one.dependent, one.dependency) != (service, host.service))
    layers = graph.layers(list(plan.services), [(edge.dependent, edge.dependency) for edge in edges])
    return replace(plan, instances=instances, edges=edges, layers=layers)


def as_placed(plan: Plan, running: Plan) -> Plan:
    """The plan with those components in processes of their own that were moved there in the plan that runs."""
    for one in running.instances.values():
        here = plan.instances.get(one.name)
        if one.moved and here is not None and here.is_component:
            plan = apart(plan, one.service, one.placed)
    return plan


def _host(profile: Profile, members: Sequence[str], problems: list[LauncherError]) -> Service:
    first = profile.services[members[0]]
    for name in members[1:]:
        problems += _apart(members[0], first, name, profile.services[name])
    stops = [profile.services[name].stop for name in members]
    return Service(
        directory=first.directory,
        python=first.python,
        health=Health(notify=True),
        restart=Restart(policy=Policy.ALWAYS),
        stop=Stop(
            grace=max(stop.grace for stop in stops) + SLACK,
            drain=max(stop.drain for stop in stops),
        ),
    )


def _named_ports(profile: Profile, merged: Mapping[str, str]) -> dict[str, int]:
    """The number that the components of each group that are under a prefix share: what the first names that does."""
    found: dict[str, int] = {}
    for name, group in merged.items():
        service = profile.services[name]
        if service.prefix is not None and isinstance(service.port, int):
            found.setdefault(group, service.port)
    return found


def _component(service: Service, named: int | None) -> Service:
    """A service as a component: one, whatever its replicas; under a prefix on the port that the others name."""
    shares = service.prefix is not None and service.port == "auto" and named is not None
    return replace(service, replicas=1, port=named if shares else service.port)


def _zygote(profile: Profile, members: Sequence[str], problems: list[LauncherError]) -> Service:
    """The service that forks these. Each of them has its own directory, user and limits; the interpreter is one."""
    first = profile.services[members[0]]
    for name in members[1:]:
        problems += _apart(members[0], first, name, profile.services[name], keys=("python",))
    return Service(python=first.python, health=Health(notify=True), restart=Restart(policy=Policy.ALWAYS))


def _of_both_kinds(merged: Mapping[str, str], forked: Mapping[str, str]) -> list[CannotShare]:
    """A group has one process, and that serves or forks."""
    return [
        CannotShare(
            f'{name} is to be forked from the process of the group "{group}", and {other} to run in it',
            remedy=f'Give {name} a group of another name: placement = "forked:NAME".',
        )
        for name, group in forked.items()
        for other in [one for one, its in merged.items() if its == group][:1]
    ]


def _apart(
    first: str, one: Service, name: str, other: Service, *, keys: tuple[str, ...] = ("directory", "python")
) -> list[CannotShare]:
    """What keeps two services from sharing a process."""
    kind = "forked" if keys == ("python",) else "merged"
    return [
        CannotShare(
            f"{first} and {name} cannot share a process: `{key}` is {_shown(ours)} for {first} "
            f"and {_shown(theirs)} for {name}",
            remedy=f'Give {name} placement = "own", or a group of its own (placement = "{kind}:NAME").',
        )
        for key in keys
        if (ours := getattr(one, key)) != (theirs := getattr(other, key))
    ]


def _shown(value: str | None) -> str:
    return "not set" if value is None else f'"{value}"'
