"""How much memory a plan is likely to take: a sum of measured figures, an estimate and no more.

The figures are proportional set sizes (PSS) of small apps of FastAPI, pydantic and SQLite under Python 3.11, after 63
requests each (docs/decisions/0010-merged-host.md). Of a service's `command` nothing is known.
"""

from __future__ import annotations

from msgspec import Struct

from launcher.plan.model import Instance, Plan

MB = 1_000_000
#: An app in a process of its own.
PROCESS = 33 * MB
#: A shared process with its libraries, and each app in it.
HOST, COMPONENT = 34 * MB, MB // 2
#: A process that forks, with what the others have in common, and each that is forked from it.
ZYGOTE, FORK = 42 * MB, 14 * MB


class Estimate(Struct, frozen=True, kw_only=True):
    """Bytes in all and by instance; `unknown` are the services that it says nothing of, since they run a command."""

    total: int
    instances: dict[str, int]
    unknown: tuple[str, ...]


def estimate(plan: Plan) -> Estimate:
    """Predict the memory of a plan when all of it runs."""
    unknown = [
        name for name, one in plan.services.items() if one.app is None and not plan.instances_of(name)[0].is_host
    ]
    found = {name: _of(plan, one) for name, one in plan.instances.items() if one.service not in unknown}
    return Estimate(total=sum(found.values()), instances=found, unknown=tuple(unknown))


def _of(plan: Plan, instance: Instance) -> int:
    if instance.is_host:
        return ZYGOTE if plan.forks_of(instance.group) else HOST
    if instance.is_component:
        return COMPONENT
    return FORK if instance.is_forked else PROCESS
