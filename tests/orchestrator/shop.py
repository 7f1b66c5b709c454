"""The application that the histories are about."""

from __future__ import annotations

CHECKED = {"health": {"notify": True, "start_period": 0.0, "retries": 2}}


def shop(**changes):
    """Migrate (task) ← catalog ← orders ← worker; orders is checked, worker is not."""
    services = {
        "migrate": {"kind": "task"},
        "catalog": {**CHECKED, "depends_on": {"migrate": {}}},
        "orders": {**CHECKED, "depends_on": {"catalog": {}}},
        "worker": {"depends_on": {"orders": {}}},
    }
    for name, more in changes.items():
        services[name] = {**services[name], **more}
    return services


def up(rehearsal):
    """Bring the shop up."""
    outcomes = rehearsal.start()
    rehearsal.exits("migrate", 0)
    rehearsal.passes("catalog")
    rehearsal.passes("orders")
    rehearsal.advance(0.3)
    (outcome,) = outcomes
    assert outcome.ok, outcome
    rehearsal.log.clear()
    return rehearsal
