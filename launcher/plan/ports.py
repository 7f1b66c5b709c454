"""Ports: those asked for by number, and those drawn from the profile's range.

What is free on this machine is a parameter: an exporter never asks, and a test decides. Whether a number asked for is
taken by another process is not looked at here; that is found when it is bound.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from launcher.errors import LauncherError, PortConflict, PortsExhausted
from launcher.plan.names import instance_names, label_of
from launcher.profile.model import Profile, Service
from launcher.profile.sizes import parse_ports

#: Drawn before the rest of the range: the ports under which people look for a web service first.
_FIRST = range(8000, 8011)
#: No services share a process.
NOBODY: Mapping[str, str] = MappingProxyType({})


def assign(
    profile: Profile,
    chosen: Sequence[str],
    merged: Mapping[str, str] = NOBODY,
    *,
    recorded: Mapping[str, int],
    is_free: Callable[[int], bool],
    problems: list[LauncherError],
) -> dict[str, tuple[int, ...]]:
    """Give every service of the profile that wants ports its own, by index, and add to `problems`.

    `merged` tells which share a process, and which: of these, those under a prefix draw one port together, and what
    they may ask for is looked at elsewhere (`mounting`).
    Those that are not chosen get what is left, so that references to them hold, and are no problem if nothing is.
    """
    given = _numbers(profile)
    if not profile.procfile:  # few of its processes listen at all, and honcho numbers the 101st of one as it comes
        problems += conflicts(
            (label_of(profile, name, index), port, merged.get(name, ""))
            for name in chosen
            for index, port in enumerate(given.get(name, ()), start=1)
        )
    to_draw = [name for name, service in profile.services.items() if name not in given and _wants_port(service)]
    if not to_draw:
        return given
    span = parse_ports(profile.settings.ports)
    # Those chosen draw first: what else the profile describes moves none of their ports.
    to_draw.sort(key=lambda name: name not in chosen)
    drawer = _drawers(profile, to_draw, merged)
    drawn = draw(
        [instance for name in to_draw if drawer[name] == name for instance in instance_names(profile, name)],
        span=span,
        asked={port for numbers in given.values() for port in numbers},
        recorded=_of_drawers(profile, drawer, recorded),
        is_free=is_free,
    )
    for name in [name for name in to_draw if drawer[name] != name]:
        (own,), (its,) = instance_names(profile, name), instance_names(profile, drawer[name])
        if its in drawn:
            drawn[own] = drawn[its]
    short = [name for name in to_draw if not drawn.keys() >= set(instance_names(profile, name))]
    if without := [name for name in short if name in chosen]:
        problems.append(PortsExhausted(f"no free port in {profile.settings.ports} is left for {', '.join(without)}"))
    for name in to_draw:
        if name not in short:
            given[name] = tuple(drawn[instance] for instance in instance_names(profile, name))
    return {name: given[name] for name in profile.services if name in given}


def _drawers(profile: Profile, to_draw: Sequence[str], merged: Mapping[str, str]) -> dict[str, str]:
    """Who draws for each: it itself, or the first of its process that is under a prefix too."""
    first: dict[str, str] = {}
    found = {name: name for name in to_draw}
    for name in to_draw:
        if name in merged and profile.services[name].prefix is not None:
            found[name] = first.setdefault(merged[name], name)
    return found


def _of_drawers(profile: Profile, drawer: Mapping[str, str], recorded: Mapping[str, int]) -> Mapping[str, int]:
    """What those who draw had before, themselves or any they draw for."""
    found = dict(recorded)
    for name, its in drawer.items():
        own = instance_names(profile, name)[0]
        if name != its and own in recorded:
            found.setdefault(instance_names(profile, its)[0], recorded[own])
    return found


def conflicts(asked: Iterable[tuple[str, int, str]]) -> list[PortConflict]:
    """Find the instances that ask for a number another one has asked for before, in another process (the third)."""
    holders: dict[int, tuple[str, str]] = {}
    found: list[PortConflict] = []
    for name, port, process in asked:
        holder, its = holders.setdefault(port, (name, process))
        if holder != name and not (process and process == its):
            found.append(PortConflict(f"{holder} and {name} both ask for port {port}"))
    return found


def draw(
    instances: Sequence[str],
    *,
    span: range,
    asked: Collection[int],
    recorded: Mapping[str, int],
    is_free: Callable[[int], bool],
) -> dict[str, int]:
    """Draw a port for each instance, in their order, 8000 to 8010 first; one that gets none is not in the result.

    A recorded port is kept by its instance without asking whether it is free, since the instance itself may hold it.
    A number in `asked` is never drawn.
    """
    found: dict[str, int] = {}
    taken = set(asked)
    for name in instances:
        if name in recorded and recorded[name] not in taken:
            found[name] = recorded[name]
            taken.add(recorded[name])
    supply = (port for port in _in_order(span) if port not in taken and is_free(port))
    for name in instances:
        if name not in found and (port := next(supply, None)) is not None:
            found[name] = port
    return {name: found[name] for name in instances if name in found}


def _in_order(span: range) -> Iterable[int]:
    yield from (port for port in _FIRST if port in span)
    yield from (port for port in span if port not in _FIRST)


def _wants_port(service: Service) -> bool:
    return service.port is not None or service.holds_socket


def _numbers(profile: Profile) -> dict[str, tuple[int, ...]]:
    """Tell the ports asked for by number: instance i has port + i - 1, as with honcho."""
    return {
        name: tuple(range(service.port, service.port + service.replicas))
        for name, service in profile.services.items()
        if isinstance(service.port, int)
    }
