"""`mode = "auto"`: which services share a process and which have one of their own, chosen for each with the reason.

An app shares unless its profile asks for what only a process of its own has, or it does not fit with the others; and
all have their own where they are few, or the machine is large. Pure: what the machine is, and which apps do not go
together, is told by the caller. `docs/decisions/0013-auto-mode.md` has the figures behind the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from launcher.plan.memory import PROCESS
from launcher.profile.groups import DEFAULT, group_of
from launcher.profile.model import Limits, Mode, Profile, Service

#: From how many apps on sharing is worth it: of two, one would take the other along for the sake of 35 MB.
FEWEST = 3
#: With so many processors for each app, each is better off with a process, which keeps one busy.
PROCESSORS_EACH = 2
#: ... if all these processes leave the machine that much of its memory, as a multiple of what they take.
SPARE = 4
#: How variables begin that Python, the dynamic linker and the C library read when a process starts.
READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_")


class Machine(Struct, frozen=True, kw_only=True):
    """What the choice depends on besides the profile. Nothing known: a small machine, and apps that go together."""

    processors: int = 1
    #: In bytes; 0: not known.
    memory: int = 0
    #: Of services that shall share a process, those that cannot share it with an earlier one, and why.
    clashes: Callable[[Sequence[str]], Mapping[str, str]] = lambda _services: {}


class Choice(Struct, frozen=True):
    """Where a service is placed, and why: in the process of a group, or (no group) in its own."""

    group: str
    why: str


def choose(profile: Profile, machine: Machine) -> dict[str, Choice]:
    """Choose for each `app` of the profile; the same whichever of its services are started."""
    if profile.settings.mode is not Mode.AUTO:
        return {}
    apps = {name: service for name, service in profile.services.items() if service.app is not None}
    # `placement` goes before the mode; who is to be in the same group sets what the others have to agree with.
    placed = {name: service for name, service in apps.items() if service.placement != "auto"}
    own = {name: Choice("", why) for name in apps if name not in placed and (why := _needs_own(apps[name]))}
    fixed = [name for name, service in placed.items() if group_of(service, Mode.AUTO) == DEFAULT]
    free = [name for name in apps if name not in placed and name not in own]
    together, apart = _alike(apps, fixed, free)
    clashing = machine.clashes([*fixed, *together])
    apart |= {name: why for name, why in clashing.items() if name in together}
    together = [name for name in together if name not in apart]
    own |= {name: Choice("", why) for name, why in apart.items()}
    port = _one_port([apps[name] for name in (*fixed, *together)])
    verdict, is_shared = _worth([*fixed, *together], machine, is_begun=bool(fixed), port=port)
    shared = {name: Choice(DEFAULT if is_shared else "", verdict) for name in together}
    said = {name: Choice(group_of(one, Mode.AUTO), f'placement = "{one.placement}"') for name, one in placed.items()}
    found = own | shared | said
    return {name: found[name] for name in apps}


def _needs_own(service: Service) -> str:
    """What a service asks for that only a process of its own has; empty: nothing."""
    return next(_needs(service), "")


def _needs(service: Service) -> Iterator[str]:
    asked = {
        "user": service.user,
        "limits": service.limits != Limits(),
        "stop.signal": service.stop.signal != "TERM",
        "stop.command": service.stop.command,
    }
    yield from (f"its `{key}` needs one" for key, is_asked in asked.items() if is_asked)
    if service.replicas > 1:
        yield f"its {service.replicas} replicas need one each"
    yield from (f"its {name} is read when a process starts" for name in service.env if name.startswith(READ_AT_START))


def _alike(apps: Mapping[str, Service], fixed: Sequence[str], free: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Those that agree in what a process has once, as many as can be; and of the others, in what they differ."""
    kinds: dict[tuple[object, ...], list[str]] = {}
    for name in free:
        kinds.setdefault(_kind(apps[name]), []).append(name)
    kind = _kind(apps[fixed[0]]) if fixed else max(kinds, key=lambda one: len(kinds[one]), default=())
    together = kinds.get(kind, [])
    model = next(iter([*fixed, *together]), "")
    return together, {name: _difference(apps[name], model, apps[model]) for name in free if name not in together}


def _kind(service: Service) -> tuple[object, ...]:
    return (service.directory, service.python, tuple(service.pythonpath))


def _difference(one: Service, name: str, model: Service) -> str:
    key = next(key for key in ("directory", "python", "pythonpath") if getattr(one, key) != getattr(model, key))
    return f"its `{key}` is not that of {name}"


def _one_port(services: Sequence[Service]) -> int:
    """The number that several ask for under prefixes; 0: none."""
    asked = [service.port for service in services if service.prefix is not None and isinstance(service.port, int)]
    return next((port for port in asked if asked.count(port) > 1), 0)


def _worth(names: Sequence[str], machine: Machine, *, is_begun: bool, port: int) -> tuple[str, bool]:
    """Whether apps that can share a process shall, and why."""
    count, processors = len(names), machine.processors
    if is_begun:
        return f"it can join those that {names[0]} is placed with", True
    if port:
        return f"several are to be on port {port}", True
    if count < FEWEST:
        return f"too few can share one: {FEWEST} or more do", False
    counted = f"{count} apps on {processors} processor{'' if processors == 1 else 's'}"
    if processors < PROCESSORS_EACH * count:
        return f"{counted}: fewer than {PROCESSORS_EACH} for each", True
    if machine.memory and SPARE * PROCESS * count > machine.memory:
        return f"{counted}, with too little memory for a process each", True
    return f"{counted}: {PROCESSORS_EACH} or more for each", False
