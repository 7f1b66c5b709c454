"""What instances are called: `api.1` for life, and the label that people see."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launcher.profile.model import Profile


def instance_names(profile: Profile, service: str) -> list[str]:
    """Name the instances of a service, `api.1` first."""
    return [f"{service}.{index}" for index in range(1, profile.services[service].replicas + 1)]


def service_of(instance: str) -> str:
    """Tell which service an instance is of: what stands before its index; a host (`host.apps`) is one of its own."""
    service, _, index = instance.rpartition(".")
    return service if index.isdigit() else instance


def label_among(instance: str, instances: Iterable[str]) -> str:
    """Tell the label where only names are known: the service's name if it is its only instance there."""
    service = service_of(instance)
    return service if sum(service_of(name) == service for name in instances) == 1 else instance


def label_of(profile: Profile, service: str, index: int) -> str:
    """Tell what people see: `api` for an only replica, else `api.1`; with a Procfile always `web.1`, as honcho does."""
    alone = profile.services[service].replicas == 1 and not profile.procfile
    return service if alone else f"{service}.{index}"
