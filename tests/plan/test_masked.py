"""A plan that is shown has no secrets, and is otherwise the plan."""

from __future__ import annotations

from launcher.plan.build import to_json
from launcher.plan.masked import masked
from tests.plan.plans import plan_of


def test_secret_values_are_not_shown() -> None:
    """Those of variables and of headers, by name and by the profile's list."""
    plan = plan_of(
        {
            "api": {
                "env": {"A_TOKEN": "hush", "MINE": "hush", "PLAIN": "loud"},
                "health": {"http": "/", "headers": {"Authorization": "hush", "X-Secret": "hush", "Accept": "loud"}},
                "port": 8000,
            },
            "web": {},
        },
        secret=["MINE"],
    )
    text = to_json(masked(plan))
    assert b"hush" in to_json(plan)
    assert b"hush" not in text
    assert text.count(b"***") == 4
    assert text.count(b"loud") == 2
    assert masked(plan).services["web"] == plan.services["web"]
