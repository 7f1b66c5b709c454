"""The profiles in `profiles/` mean what their comments say."""

from __future__ import annotations

import pytest

from launcher.plan.build import build
from launcher.profile.load import load
from launcher.profile.project import find_project
from tests.serving import ROOT

NAMES = sorted(path.stem for path in (ROOT / "profiles").glob("*.toml"))
SHOP = {"migrate", "catalog", "orders", "worker", "web"}
LAYERS = (("migrate",), ("catalog",), ("orders",), ("web", "worker"))


def loaded(name):
    return load(find_project(ROOT), name, environ={"PATH": "/usr/bin:/bin"})


def plan(name):
    return build(loaded(name).profile, is_free=lambda _: True)


def test_the_profiles_that_the_documentation_names_are_there():
    assert {"base", "minimal", "full", "debug", "dev", "prod"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_is_without_a_problem_and_names_its_schema(name):
    assert loaded(name).warnings == []
    first = (ROOT / "profiles" / f"{name}.toml").read_text().partition("\n")[0]
    assert first == "#:schema ../docs/profile.schema.json"


@pytest.mark.parametrize("name", ["full", "dev", "debug", "prod"])
def test_the_whole_shop_starts_in_order(name):
    assert set(plan(name).services) == SHOP
    assert plan(name).layers == LAYERS


def test_minimal_is_the_catalog_and_what_it_needs():
    assert plan("minimal").layers == LAYERS[:2]


def test_the_pages_are_on_8000_where_that_is_free():
    ports = {instance.service: instance.port for instance in plan("dev").instances.values() if instance.port}
    assert ports == {"web": 8000, "catalog": 8001, "orders": 8002}


def test_a_second_profile_finds_ports_of_its_own():
    taken = {instance.port for instance in plan("dev").instances.values()}
    second = build(loaded("full").profile, is_free=lambda port: port not in taken)
    assert not taken & {instance.port for instance in second.instances.values() if instance.port}


def test_in_production_only_the_pages_have_a_fixed_port():
    fixed = [one.service for one in plan("prod").instances.values() if one.port and not one.port_drawn]
    assert fixed == ["web"]
