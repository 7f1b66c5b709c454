"""The command line of a host: what follows the words that start `host/serve` in its Python.

Pure; what is imported before forks are made is the caller's to find.
"""

from __future__ import annotations

from launcher.plan.model import Instance, Plan


def words_of(plan: Plan, host: Instance, channel: str) -> list[str]:
    """The words that make a process the host of its group, which listens at `channel`."""
    if plan.forks_of(host.group):
        return ["--zygote", channel, "--group", host.group]
    grace = cut_off(plan.services[host.service].stop.grace)
    return ["--channel", channel, "--group", host.group, "--grace", f"{grace:g}"]


def cut_off(grace: float) -> float:
    """When a host cuts off what does not end: just before the loop would end the process for it."""
    return grace - min(0.5, grace / 10)
