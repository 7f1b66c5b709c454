"""How much memory a plan is likely to take: a sum of measured figures, an estimate and no more.

The figures are lines through what `launcher measure` finds (PSS, after 200 requests to each) with 3 and with 10 of
`benchmarks/small_app.py`, which has FastAPI, pydantic and SQLite, under Python 3.11: 110 and 356 MB in processes of
their own, 40 and 41 MB in one, 78 and 164 MB forked. Of a service's `command` nothing is known.
"""

from __future__ import annotations

from msgspec import Struct

from launcher.plan.model import Instance, Plan

MB = 1_000_000
#: An app in a process of its own.
PROCESS = 35 * MB
#: A shared process with its libraries, and each app in it.
HOST, COMPONENT = 38 * MB, 4 * MB // 10
#: A process that forks, with what the others have in common, and each that is forked from it.
ZYGOTE, FORK = 41 * MB, 12 * MB


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
