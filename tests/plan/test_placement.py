"""Placement: who shares a process, and the host that this process is."""

from __future__ import annotations

import pytest

from launcher.errors import CannotShare, ProblemsFound
from launcher.plan.build import build, from_json, to_json
from launcher.plan.model import Edge, Plan
from launcher.plan.text import describe
from launcher.profile.model import Condition, EngineName, OnLoss
from launcher.testing import profile_of

APP = {"command": None, "app": "shop:app", "port": "auto"}


def plan_of(services: dict[str, dict[str, object]], mode: str = "single", **how: bool) -> Plan:
    return build(profile_of(services, mode=mode), is_free=lambda _port: True, **how)


PLACES = {
    "single: every app": ("single", {}, ["web", "api"]),
    "multi: none": ("multi", {}, []),
    "own goes before the mode": ("single", {"web": "own"}, ["api"]),
    "merged does, too": ("multi", {"web": "merged"}, ["web"]),
}


@pytest.mark.parametrize(("mode", "placements", "merged"), PLACES.values(), ids=PLACES)
def test_who_shares_a_process(mode, placements, merged):
    """A command never does."""
    services = {name: {**APP, "placement": placements.get(name, "auto")} for name in ("web", "api")}
    plan = plan_of({**services, "db": {}}, mode)
    assert [one.service for one in plan.instances.values() if one.is_component] == merged
    hosts = [one for one in plan.instances.values() if one.is_host]
    assert [one.name for one in hosts] == (["host.apps"] if merged else [])
    assert all(one.engine is EngineName.LOCAL for one in plan.instances.values() if not one.is_component)


def test_a_component_waits_for_its_host_and_is_restarted_with_it():
    plan = plan_of({"web": {**APP, "depends_on": {"db": {}}}, "db": {}})
    edge = Edge(dependent="web", dependency="host.apps", condition=Condition.HEALTHY, on_loss=OnLoss.RESTART)
    assert edge in plan.edges
    assert plan.layers == (("host.apps", "db"), ("web",))
    assert from_json(to_json(plan)) == plan


def test_groups_have_a_host_each():
    """It may take longer to end than the slowest of its components."""
    services = {
        "a": {**APP, "placement": "merged:front"},
        "b": {**APP, "placement": "merged:back", "stop": {"grace": 30.0}},
        "c": {**APP, "placement": "merged:back"},
    }
    plan = plan_of(services, "multi")
    assert {one.name: one.group for one in plan.instances.values()} == {
        "host.front": "front",
        "a.1": "front",
        "host.back": "back",
        "b.1": "back",
        "c.1": "back",
    }
    assert plan.services["host.back"].stop.grace == 32.0
    assert "host.back" not in plan.ports


def test_what_is_forked_waits_for_its_host_and_goes_on_without_it():
    """Each is a process of its own, with its own directory, replicas too."""
    plan = plan_of({"web": {**APP, "replicas": 2, "port": 9000}, "api": {**APP, "directory": "api"}}, "forked")
    assert [(one.name, one.engine, one.group, one.port) for one in plan.instances.values()] == [
        ("host.forked", EngineName.LOCAL, "forked", None),
        ("web.1", EngineName.FORKED, "forked", 9000),
        ("web.2", EngineName.FORKED, "forked", 9001),
        ("api.1", EngineName.FORKED, "forked", plan.ports["api"][0]),
    ]
    assert [edge for edge in plan.edges if edge.dependent == "web"] == [
        Edge(dependent="web", dependency="host.forked", condition=Condition.HEALTHY, on_loss=OnLoss.IGNORE)
    ]
    text = describe(plan)
    assert "  host.forked\n    forks    web, api\n" in text
    assert "    from     host.forked\n" in text


def test_one_group_has_one_process():
    """Which serves, or forks."""
    services = {"web": {**APP, "placement": "merged:x"}, "api": {**APP, "placement": "forked:x"}}
    with pytest.raises(ProblemsFound) as caught:
        plan_of(services, "multi")
    (problem,) = caught.value.problems
    assert isinstance(problem, CannotShare)
    assert problem.sentence == 'api is to be forked from the process of the group "x", and web to run in it'


def test_forks_of_two_interpreters_need_two_groups():
    services = {"web": APP, "api": {**APP, "python": "/opt/python"}}
    with pytest.raises(ProblemsFound) as caught:
        plan_of(services, "forked")
    (problem,) = caught.value.problems
    assert "`python` is not set for web and" in problem.sentence
    assert 'placement = "forked:NAME"' in problem.remedy
    services["api"]["placement"] = "forked:other"
    assert plan_of(services, "forked").services["host.other"].python == "/opt/python"


def test_replicas_in_a_shared_process_are_one_component():
    plan = plan_of({"web": {**APP, "port": 9000, "replicas": 3}})
    assert [(one.name, one.label, one.port) for one in plan.instances.values() if one.is_component] == [
        ("web.1", "web", 9000)
    ]
    assert plan.ports == {"web": (9000,)}


APART = {
    "directory": ({"directory": "a"}, {"directory": "b"}, '`directory` is "a" for web and "b" for api'),
    "python": ({}, {"python": "/opt/python"}, '`python` is not set for web and "/opt/python" for api'),
}


@pytest.mark.parametrize(("one", "other", "sentence"), APART.values(), ids=APART)
def test_what_differs_keeps_services_apart(one, other, sentence):
    with pytest.raises(ProblemsFound) as caught:
        plan_of({"web": {**APP, **one}, "api": {**APP, **other}})
    (problem,) = caught.value.problems
    assert isinstance(problem, CannotShare)
    assert problem.sentence == f"web and api cannot share a process: {sentence}"
    assert 'placement = "own"' in problem.remedy


def test_what_is_not_chosen_asks_for_no_host():
    plan = build(profile_of({"web": APP, "db": {}}, mode="single"), select=["db"], is_free=lambda _port: True)
    assert list(plan.instances) == ["db.1"]


def test_without_merging_all_have_a_process_of_their_own():
    """As exporters need it."""
    plan = plan_of({"web": APP}, merges=False)
    assert [one.name for one in plan.instances.values()] == ["web.1"]
    assert not plan.edges


def test_the_plan_tells_who_is_where():
    text = describe(plan_of({"web": APP, "api": APP}))
    assert "  host.apps\n    serves   web, api\n" in text
    assert "    in       host.apps\n" in text
