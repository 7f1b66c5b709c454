"""Where `launcher measure` asks each service."""

from __future__ import annotations

from launcher.cli.measure import paths_of
from tests.plan.plans import plan_of

APP = {"app": "shop:app", "port": "auto"}


def test_each_service_is_asked_at_its_health_or_at_its_root():
    """Below its prefix; one that is not known to speak HTTP is not asked."""
    services = {
        "plain": APP,
        "healthy": {**APP, "health": {"http": "/healthz"}},
        "elsewhere": {**APP, "health": {"http": "http://127.0.0.1:1/"}},
        "templated": {**APP, "health": {"http": "/${WHERE}"}},
        "mounted": {**APP, "prefix": "/shop/", "health": {"http": "/healthz"}},
        "web": {"port": 9000, "health": {"http": "/up"}},
        "redis": {"port": 9001, "health": {"tcp": True}},
    }
    assert paths_of(plan_of(services)) == {
        "plain": "/",
        "healthy": "/healthz",
        "elsewhere": "/",
        "templated": "/",
        "mounted": "/shop/healthz",
        "web": "/up",
    }
