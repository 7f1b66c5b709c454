"""A plan as it may be shown: the values of secret variables and headers as `***`. It can no longer be started."""

from __future__ import annotations

from msgspec.structs import replace

from launcher.plan.model import Plan
from launcher.profile.model import Service
from launcher.profile.secrets import is_credential, mask_env


def masked(plan: Plan) -> Plan:
    """The plan without secrets; the user parts of URLs apart, which may stand in any text."""
    services = {name: _masked(service, plan.secrets) for name, service in plan.services.items()}
    return replace(plan, env=mask_env(plan.env, plan.secrets), services=services)


def _masked(service: Service, secrets: tuple[str, ...]) -> Service:
    health = service.health
    if health is not None and health.headers:
        shown = {*secrets, *(name for name in health.headers if is_credential(name))}
        health = replace(health, headers=mask_env(health.headers, shown))
    return replace(service, env=mask_env(service.env, secrets), health=health)
