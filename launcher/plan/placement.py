"""Placement: which services share a process, and the service that this process is, `host.GROUP`.

A host is an instance like any other: started first, backed off, stopped last. Each component waits for it, and is
restarted with it. Pure; from the profile alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from launcher.errors import CannotShare, LauncherError
from launcher.plan.model import Edge
from launcher.profile.groups import group_of
from launcher.profile.model import Condition, Health, OnLoss, Policy, Profile, Restart, Service, Stop

#: How much longer than its slowest component a host may take to end, in seconds.
SLACK = 2.0


class Placed(Struct, frozen=True, kw_only=True):
    """A profile with the hosts among its services; the group of each component; the hosts' edges."""

    profile: Profile
    chosen: list[str]
    #: By service.
    groups: Mapping[str, str]
    #: By host service.
    hosts: Mapping[str, str]
    edges: tuple[Edge, ...]


def place(profile: Profile, chosen: Sequence[str], problems: list[LauncherError]) -> Placed:
    """Add a host for each group of the chosen services, before the first of them."""
    groups = {name: group for name in chosen if (group := group_of(profile.services[name], profile.settings.mode))}
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
            services[host] = _host(profile, members, problems)
            hosts[host] = group
        services[name] = replace(service, replicas=1)
        edges.append(Edge(dependent=name, dependency=host, condition=Condition.HEALTHY, on_loss=OnLoss.RESTART))
    return Placed(
        profile=replace(profile, services=services),
        chosen=[name for name in services if name in hosts or name in chosen],
        groups=groups,
        hosts=hosts,
        edges=tuple(edges),
    )


def host_name(group: str) -> str:
    """What the process of a group is called, as a service and as its one instance."""
    return f"host.{group}"


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


def _apart(first: str, one: Service, name: str, other: Service) -> list[CannotShare]:
    """What keeps two services from sharing a process."""
    found = []
    for key, ours, theirs in (
        ("directory", one.directory, other.directory),
        ("python", one.python, other.python),
    ):
        if ours != theirs:
            found.append(
                CannotShare(
                    f"{first} and {name} cannot share a process: `{key}` is {_shown(ours)} for {first} "
                    f"and {_shown(theirs)} for {name}",
                    remedy=f'Give {name} placement = "own", or a group of its own (placement = "merged:NAME").',
                )
            )
    return found


def _shown(value: str | None) -> str:
    return "not set" if value is None else f'"{value}"'
