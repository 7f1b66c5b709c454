"""From a Profile to a Plan: selection, gates, names, and every problem at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import PlanUnreadable, ProblemsFound
from launcher.plan.build import build, from_json, to_json
from launcher.plan.model import PLAN_VERSION, Instance, Plan
from launcher.profile.model import Condition, EngineName, OnLoss

from .plans import FREE, plan_of, profile_of

HEALTHY = {"health": {"notify": True}}
TASK = {"kind": "task"}
SHOP = {
    "web": {"depends_on": ["orders"]},
    "orders": {"depends_on": ["catalog", "migrate"]},
    "catalog": {"depends_on": ["migrate"]},
    "migrate": TASK,
    "worker": {"depends_on": ["orders"]},
}


SELECTIONS = [
    ("nothing said: all", (), None, "web orders catalog migrate worker"),
    ("the profile's", (), ["catalog"], "catalog migrate"),
    ("the argument goes before the profile's", ("migrate",), ["catalog"], "migrate"),
    ("dependencies of dependencies come along", ("worker",), None, "orders catalog migrate worker"),
    ("order of definition, each once", ("worker", "web", "web"), None, "web orders catalog migrate worker"),
]


@pytest.mark.parametrize(
    ("select", "own", "expected"), [case[1:] for case in SELECTIONS], ids=[case[0] for case in SELECTIONS]
)
def test_selection(select: tuple[str, ...], own: list[str] | None, expected: str) -> None:
    """What is selected starts, with all it depends on, in order of definition."""
    plan = build(profile_of(SHOP, select=own), select=select, is_free=FREE)
    assert list(plan.services) == expected.split()
    assert list(plan.instances) == [f"{name}.1" for name in expected.split()]


def test_layers() -> None:
    """Every service stands in the first layer after all it depends on."""
    assert plan_of(SHOP).layers == (("migrate",), ("catalog",), ("orders",), ("web", "worker"))


GATES = [
    ("a service without a check", {}, None, Condition.STARTED),
    ("a service with a check", HEALTHY, None, Condition.HEALTHY),
    ("an app", {"app": "shop:app"}, None, Condition.HEALTHY),
    ("a task", TASK, None, Condition.COMPLETED),
    ("a task with a check", TASK | HEALTHY, None, Condition.COMPLETED),
    ("said: started", HEALTHY, "started", Condition.STARTED),
    ("said: exited", {}, "exited", Condition.EXITED),
    ("said: exited, of a task", TASK, "exited", Condition.EXITED),
    ("said: healthy, of a task with a check", TASK | HEALTHY, "healthy", Condition.HEALTHY),
]


@pytest.mark.parametrize(("db", "said", "expected"), [case[1:] for case in GATES], ids=[case[0] for case in GATES])
def test_conditions(db: dict[str, Any], said: str | None, expected: Condition) -> None:
    """Each edge says what it waits for, by default what its dependency can tell."""
    plan = plan_of({"api": {"depends_on": {"db": {"condition": said}}}, "db": db})
    assert [edge.condition for edge in plan.edges] == [expected]


def test_edges_keep_what_was_said() -> None:
    """`required` and `on_loss` come through, and an optional dependency that is not there is dropped."""
    plan = plan_of(
        {
            "api": {"depends_on": {"db": {"required": False, "on_loss": "restart"}, "gone": {"required": False}}},
            "db": {},
        },
    )
    (edge,) = plan.edges
    assert (edge.dependent, edge.dependency, edge.required, edge.on_loss) == ("api", "db", False, OnLoss.RESTART)


def test_an_optional_dependency_comes_along() -> None:
    """What may be missing is started all the same when it is there."""
    services = {"api": {"depends_on": {"db": {"required": False}}}, "db": {}}
    assert list(build(profile_of(services), select=["api"], is_free=FREE).services) == ["api", "db"]


LABELS = [
    ("an only one", 1, False, ["api"]),
    ("replicas", 2, False, ["api.1", "api.2"]),
    ("a Procfile's", 1, True, ["api.1"]),
]


@pytest.mark.parametrize(
    ("replicas", "procfile", "expected"), [case[1:] for case in LABELS], ids=[case[0] for case in LABELS]
)
def test_labels(replicas: int, procfile: bool, expected: list[str]) -> None:
    """People see numbers only where there is more than one, or a Procfile."""
    plan = build(profile_of({"api": {"replicas": replicas}}, procfile=procfile), is_free=FREE)
    assert [instance.label for instance in plan.instances.values()] == expected
    assert list(plan.instances) == [f"api.{index}" for index in range(1, replicas + 1)]


def test_what_the_plan_holds() -> None:
    """The profile's settings and templates are in the plan as they were written."""
    plan = plan_of(
        {"api": {"port": 9000, "env": {"URL": "${services.api.url}"}}, "cli": {}},
        env={"A": "${B:-x}"},
        env_file=[".env"],
        secret=["DB"],
        python="python3.12",
        on_exit="stop",
    )
    assert plan == Plan(
        profile="dev",
        root="/project",
        procfile=False,
        on_exit=plan.on_exit.STOP,
        env_files=(".env",),
        env={"A": "${B:-x}"},
        secrets=("DB",),
        python="python3.12",
        services=plan.services,
        instances={
            "api.1": Instance(name="api.1", service="api", index=1, engine=EngineName.LOCAL, label="api", port=9000),
            "cli.1": Instance(name="cli.1", service="cli", index=1, engine=EngineName.LOCAL, label="cli"),
        },
        edges=(),
        layers=(("api", "cli"),),
        ports={"api": (9000,)},
    )
    assert plan.services["api"].env == {"URL": "${services.api.url}"}


PROBLEMS = [
    ("unknown service", SHOP, {"select": ["wbe"]}, [(2003, 'no service "wbe"'), (0, "did you mean `web`?")]),
    ("no services", {}, {}, [(2008, "profile dev has no service")]),
    ("an empty selection", SHOP, {"select": []}, [(2008, "profile dev selects no service")]),
    (
        "unknown dependency",
        {"api": {"depends_on": ["cahce"]}, "cache": {}},
        {},
        [(2001, 'api depends on "cahce", which is no service'), (0, "did you mean `cache`?")],
    ),
    ("itself", {"api": {"depends_on": ["api"]}}, {}, [(2002, "api depends on itself: api → api")]),
    (
        "two circles",
        {
            "a": {"depends_on": ["b"]},
            "b": {"depends_on": ["a"]},
            "c": {"depends_on": ["d"]},
            "d": {"depends_on": ["c"]},
        },
        {},
        [(2002, "a → b → a"), (2002, "c → d → c")],
    ),
    (
        "a service never completes",
        {"api": {"depends_on": {"db": "completed"}}, "db": {}},
        {},
        [(2007, "api waits for db to be completed, but db is a service: only a task completes")],
    ),
    (
        "healthy without a check",
        {"api": {"depends_on": {"db": "healthy"}}, "db": {}},
        {},
        [(2007, "api waits for db to be healthy, but db has no health check")],
    ),
    (
        "healthy of a task",
        {"api": {"depends_on": {"db": "healthy"}}, "db": TASK},
        {},
        [(2007, "api waits for db to be healthy, but db has no health check")],
    ),
    (
        "one port twice",
        {"api": {"port": 8001, "replicas": 2}, "web": {"port": 8002}},
        {},
        [(2004, "api.2 and web both ask for port 8002")],
    ),
    (
        "too few ports",
        {"api": {"port": "auto", "replicas": 2}, "web": {"app": "shop:app"}},
        {"ports": "9000-9000"},
        [(2006, "no free port in 9000-9000 is left for api, web")],
    ),
    (
        "a reference to nothing",
        {"api": {"port": 1, "command": "run ${services.apj.url}", "env": {"X": "${services.api.nope}", "Y": "${"}}},
        {},
        [(1008, "services.api.env.X: ${services.api.nope}"), (1008, "services.api.env.Y"), (1008, "api.command: ")],
    ),
    ("a socket it has not", {"api": {"env": {"FD": "${socket.fd}"}}}, {}, [(1008, "services.api.env.FD")]),
    (
        "everything at once",
        {"api": {"depends_on": ["bd", "api"], "port": 1}, "db": {"port": 1}},
        {"select": ["api", "nope", "db"]},
        [(2003, "nope"), (2001, "bd"), (2002, "api → api"), (2004, "api and db both ask for port 1")],
    ),
]


@pytest.mark.parametrize(
    ("services", "settings", "expected"), [case[1:] for case in PROBLEMS], ids=[case[0] for case in PROBLEMS]
)
def test_problems(services: dict[str, Any], settings: dict[str, Any], expected: list[tuple[int, str]]) -> None:
    """All problems come at once, each with its code and a sentence."""
    with pytest.raises(ProblemsFound) as caught:
        plan_of(services, **settings)
    problems = caught.value.problems
    assert [problem.code for problem in problems] == [code for code, _ in expected if code]
    for _, part in expected:
        assert part in str(caught.value)


def test_what_is_not_selected_is_no_problem() -> None:
    """A circle, a port asked for twice or an impossible gate elsewhere in the profile stops nobody."""
    services = {
        "api": {"port": 9000},
        "other": {"port": 9000, "depends_on": {"api": "completed", "other": "started"}},
    }
    assert list(build(profile_of(services), select=["api"], is_free=FREE).services) == ["api"]


def test_a_plan_reads_back_equal() -> None:
    """Every kind of value of the model survives JSON."""
    plan = plan_of(
        {
            "db": {
                "command": ["a", "b"],
                "health": {"tcp": 5432, "status": [200, 204]},
                "restart": {"cooldown": "never"},
            },
            "tool": TASK | {"limits": {"memory": 512_000_000}, "success_exit_codes": [0, 3]},
            "api": {
                "app": "shop:app",
                "replicas": 2,
                "depends_on": {"db": {"on_loss": "stop"}, "tool": {}},
                "env": {"É": "\n\0"},
                "health": {"http": "/", "headers": {"A": "b"}, "on_failure": "restart"},
            },
        },
    )
    assert from_json(to_json(plan)) == plan


@pytest.mark.slow
@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=2),
        st.fixed_dictionaries(
            {},
            optional={
                "port": st.just("auto"),
                "replicas": st.integers(1, 3),
                "kind": st.sampled_from(["task", "service"]),
                "env": st.dictionaries(st.text(min_size=1), st.text().map(lambda text: text.replace("$", "$$"))),
            },
        ),
        min_size=1,
        max_size=6,
    ).flatmap(lambda table: st.tuples(st.just(table), st.lists(st.tuples(*[st.sampled_from(sorted(table))] * 2))))
)
def test_any_plan_reads_back_equal(drawn: tuple[dict[str, Any], list[tuple[str, str]]]) -> None:
    """Whatever is planned reads back equal, and starts nothing before what it needs."""
    table, pairs = drawn
    names = list(table)
    services = {name: dict(service, depends_on=[]) for name, service in table.items()}
    for near, far in pairs:
        if names.index(near) > names.index(far):
            services[near]["depends_on"].append(far)
    plan = plan_of(services)
    assert from_json(to_json(plan)) == plan
    layer = {name: index for index, layer in enumerate(plan.layers) for name in layer}
    assert all(layer[edge.dependency] < layer[edge.dependent] for edge in plan.edges)
    ports = [instance.port for instance in plan.instances.values() if instance.port]
    assert len(ports) == len(set(ports))


UNREADABLE = [
    ("empty", b"", "this is no plan"),
    ("no JSON", b"plan", "this is no plan"),
    ("something else", b"[]", "this is no plan"),
    ("no version", b"{}", "this is no plan"),
    ("not text", b'{"version": "\xff"}', "this is no plan"),
    ("cut", to_json(plan_of(SHOP))[:-20], "this is no plan"),
    ("a field is missing", b'{"version": 1}', "this is no plan"),
    ("of another version", b'{"version": 99}', f"of version 99; this launcher reads version {PLAN_VERSION}"),
]


@pytest.mark.parametrize(("data", "sentence"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE])
def test_unreadable(data: bytes, sentence: str) -> None:
    """What is no plan, or one of another version, is refused in a sentence."""
    with pytest.raises(PlanUnreadable, match=sentence):
        from_json(data)


def test_a_service_key_of_a_later_version_is_refused() -> None:
    """An unknown key of a service is not dropped in silence."""
    raw = msgspec.json.decode(to_json(plan_of({"api": {}})))
    raw["services"]["api"]["colour"] = "red"
    with pytest.raises(PlanUnreadable, match="colour"):
        from_json(msgspec.json.encode(raw))
