"""Defaults that depend on other keys, filled in once all layers are merged.

Knows what keys mean together, and nothing of where they were written.
"""

from __future__ import annotations

from msgspec.structs import replace

from launcher.profile.model import Policy, Service


def fill(service: Service) -> Service:
    """The service with its policy, an app's port and the signal's name made explicit.

    A task is ready when it has completed, so a health check that `[defaults]` gave it is dropped.
    """
    policy = service.restart.policy or (Policy.NO if service.is_task else Policy.ON_FAILURE)
    port = "auto" if service.app is not None and service.port is None else service.port
    return replace(
        service,
        restart=replace(service.restart, policy=policy),
        port=port,
        health=None if service.is_task else service.health,
        stop=replace(service.stop, signal=service.stop.signal.upper().removeprefix("SIG")),
    )
