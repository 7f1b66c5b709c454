"""What a plan asks for beyond running commands: the features that a target may have no means for.

What a profile leaves at its default is no demand, so only what differs from the defaults is counted, `depends_on` and
health checks apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum

from msgspec.structs import replace

from launcher.exporters.base import Loss
from launcher.plan.model import Plan
from launcher.profile.model import Condition, OnExit, OnFailure, OnLoss, Policy, Restart, Service, Stop


class Feature(StrEnum):
    """A feature, as it stands in `TARGET has no …`."""

    GATES = "gates (it starts services without waiting for what they depend on)"
    HEALTHY_GATE = "gate on the health of a service that reports none to it"
    EXITED = "gate on any exit code"
    TASK_STARTED = "gate on the start of a task"
    OPTIONAL = "optional dependency"
    LOSS_STOP = "stop of a service whose dependency is lost"
    LOSS_RESTART = "restart of a service whose dependency is lost"
    ADDRESSES = "address of another service, where the host runs each process type apart"
    HTTP = "http probe"
    TCP = "tcp probe"
    EXEC = "exec probe"
    LOG = "log probe"
    NOTIFY = "notify probe"
    UNHEALTHY = "restart or stop of an unhealthy service"
    READY_TIMEOUT = "ready_timeout"
    POLICY = "restart policy"
    STAYS_DOWN = "service that stays down after its end"
    WAIT = "restart delay"
    DELAY = "growing restart delay"
    CIRCUIT = "restart limit"
    COOLDOWN = "trial start after the restart limit"
    SIGNAL = "stop signal"
    GRACE = "stop grace"
    STOP_COMMAND = "stop command"
    CODES = "success exit codes"
    REPLICAS = "number of replicas"
    CRITICAL = "critical service that ends everything"
    USER = "user"
    LIMITS = "limits"
    SOCKET = "held socket"
    ON_EXIT = "end of everything at the end of one service"
    ENV_FILE = "env_file"


_PROBES = {
    "http": Feature.HTTP,
    "tcp": Feature.TCP,
    "exec": Feature.EXEC,
    "log": Feature.LOG,
    "notify": Feature.NOTIFY,
}


def lost(plan: Plan, target: str, *, kept: Collection[Feature]) -> tuple[Loss, ...]:
    """What the plan asks for and `target`, which keeps `kept`, has not; the services of each in order."""
    found: dict[Feature, list[str]] = {}
    for name in plan.services:
        for feature in dict.fromkeys(wanted(plan, name)):
            if feature not in kept:
                found.setdefault(feature, []).append(name)
    if plan.on_exit is OnExit.STOP and Feature.ON_EXIT not in kept:
        found[Feature.ON_EXIT] = []
    if plan.env_files and Feature.ENV_FILE not in kept:
        found[Feature.ENV_FILE] = []
    order = list(Feature)
    return tuple(
        Loss(feature=feature, target=target, services=tuple(found[feature]))
        for feature in sorted(found, key=order.index)
    )


def lost_of(plan: Plan, services: Collection[str], target: str, *, kept: Collection[Feature]) -> tuple[Loss, ...]:
    """What some services of a plan ask for, and the plan as a whole, and `target` has not."""
    found = []
    for loss in lost(plan, target, kept=kept):
        left = tuple(name for name in loss.services if name in services)
        if left or not loss.services:
            found.append(replace(loss, services=left))
    return tuple(found)


def wanted(plan: Plan, name: str) -> Iterator[Feature]:
    """What a service asks for."""
    service = plan.services[name]
    yield from _edges(plan, name)
    yield from _health(service)
    yield from _restart(service)
    default = Stop()
    asked = {
        Feature.ADDRESSES: _speaks_to_others(plan, name),
        Feature.SIGNAL: service.stop.signal != default.signal,
        Feature.GRACE: service.stop.grace != default.grace,
        Feature.STOP_COMMAND: service.stop.command,
        Feature.CODES: service.success_exit_codes != [0],
        Feature.REPLICAS: service.replicas > 1,
        Feature.CRITICAL: service.critical,
        Feature.USER: service.user,
        Feature.LIMITS: service.limits.open_files or service.limits.memory,
        Feature.SOCKET: service.socket,
    }
    yield from (feature for feature, is_asked in asked.items() if is_asked)


def _speaks_to_others(plan: Plan, name: str) -> bool:
    service = plan.services[name]
    command = service.command or ""
    texts = [*plan.env.values(), *service.env.values(), *([command] if isinstance(command, str) else command)]
    return any(f"${{services.{other}." in text for text in texts for other in plan.ports if other != name)


def _edges(plan: Plan, name: str) -> Iterator[Feature]:
    for edge in plan.edges_from(name):
        target = plan.services[edge.dependency]
        yield Feature.GATES
        if edge.condition is Condition.HEALTHY and target.app is None and not (target.health and target.health.notify):
            yield Feature.HEALTHY_GATE
        if edge.condition is Condition.EXITED:
            yield Feature.EXITED
        if edge.condition is Condition.STARTED and target.is_task:
            yield Feature.TASK_STARTED
        if not edge.required:
            yield Feature.OPTIONAL
        if edge.on_loss is OnLoss.STOP:
            yield Feature.LOSS_STOP
        if edge.on_loss is OnLoss.RESTART:
            yield Feature.LOSS_RESTART


def _health(service: Service) -> Iterator[Feature]:
    if health := service.health:
        yield next(_PROBES[way] for way in _PROBES if getattr(health, way) not in (None, False))
        if health.on_failure is not OnFailure.IGNORE:
            yield Feature.UNHEALTHY
    if service.ready_timeout is not None:
        yield Feature.READY_TIMEOUT


def _restart(service: Service) -> Iterator[Feature]:
    rule, default = service.restart, Restart()
    if rule.policy is Policy.NO:
        yield Feature.STAYS_DOWN
        return
    yield Feature.POLICY
    if rule.delay != default.delay:
        yield Feature.WAIT
    if rule.factor != 1 and (rule.factor, rule.max_delay) != (default.factor, default.max_delay):
        yield Feature.DELAY
    if (rule.burst, rule.window) != (default.burst, default.window):
        yield Feature.CIRCUIT
    if (rule.cooldown, rule.stable) != (default.cooldown, default.stable) and rule.cooldown != "never":
        yield Feature.COOLDOWN
