"""A plan for people."""

from __future__ import annotations

from textwrap import dedent

from launcher.plan.text import describe, dot, tree

from .plans import plan_of

SHOP = plan_of(
    {
        "migrate": {"command": ["python", "-m", "shop migrate"], "kind": "task", "required": False},
        "db": {"command": "run redis://me:secret@host/0", "port": 6379, "health": {"tcp": True}, "critical": True},
        "api": {"app": "shop:api", "replicas": 2, "depends_on": ["db", "migrate"], "env": {"TOKEN": "s3cret"}},
        "web": {"depends_on": {"api": {"on_loss": "restart"}, "db": {"condition": "started", "required": False}}},
        "report": {"command": "one\n  two", "depends_on": {"api": "started", "migrate": "exited", "web": {}}},
    },
    env={"KEY": "s3cret"},
)


def test_the_path_of_a_check_is_shown_as_it_is_asked_for() -> None:
    """Under the service's prefix; a URL is somebody else's, and stays."""
    shown = describe(
        plan_of(
            {
                "api": {"app": "shop:api", "prefix": "/api/", "health": {"http": "/healthz"}},
                "web": {"app": "shop:web", "prefix": "/web", "health": {"http": "http://127.0.0.1:1/healthz"}},
                "root": {"app": "shop:root", "prefix": "/", "health": {"http": "/healthz"}},
                "plain": {"app": "shop:plain", "health": {"http": "/healthz"}},
            }
        )
    )
    assert [line.split()[1:] for line in shown.splitlines() if line.split()[:1] == ["health"]] == [
        ["http", "/api/healthz"],
        ["http", "http://127.0.0.1:1/healthz"],
        ["http", "/healthz"],
        ["http", "/healthz"],
    ]


def test_describe() -> None:
    """Layer by layer: what runs, where, after what and why; no value of the environment."""
    assert describe(SHOP) == dedent("""\
        dev: 5 services in 4 layers

        layer 1
          migrate (task, not required)
            command  python -m 'shop migrate'
          db (critical)
            command  run redis://***@host/0
            port     6379
            health   tcp

        layer 2
          api (2 replicas)
            app      shop:api
            port     8000, 8001 (drawn)
            after    db: healthy, by its tcp check
            after    migrate: completed, since it is a task
            env      TOKEN

        layer 3
          web
            command  web
            after    api: healthy, restart on loss, when its host reports it
            after    db: started, optional, whatever its health

        layer 4
          report
            command  one   two
            after    api: started, whatever its health
            after    migrate: exited, with any exit code
            after    web: started, since it has no health check

        env of all: KEY

        memory: about 70 MB, an estimate (`launcher measure` measures it); commands are not counted
        """)


def test_tree() -> None:
    """What is needed stands below what needs it; a branch is drawn once."""
    assert tree(SHOP) == dedent("""\
        report
        ├─ api (started)
        │  ├─ db (healthy)
        │  └─ migrate (completed)
        ├─ migrate (exited)
        └─ web (started)
           ├─ api (healthy, restart on loss) …
           └─ db (started, optional)
        """)


def test_tree_of_several_roots() -> None:
    """What nothing needs stands at the left, in order of definition."""
    assert tree(plan_of({"b": {}, "a": {"depends_on": ["c"]}, "c": {}})) == "b\na\n└─ c (started)\n"


def test_a_deep_tree_needs_no_deep_stack() -> None:
    """A chain of two thousand services is drawn like one of two."""
    count = 2000
    services = {f"s{number}": {"depends_on": [f"s{number + 1}"]} for number in range(count - 1)} | {f"s{count - 1}": {}}
    assert tree(plan_of(services)).count("\n") == count


def test_dot() -> None:
    """Arrows lead to what is needed; names are quoted as Graphviz wants them."""
    plan = plan_of({'a"\\': {"depends_on": {"t": {"required": False}, "s": {}}}, "t": {"kind": "task"}, "s": {}})
    assert dot(plan) == dedent("""\
        digraph "dev" {
          rankdir=LR;
          node [shape=box];
          "a\\"\\\\";
          "t" [style=rounded];
          "s";
          "a\\"\\\\" -> "t" [label="completed", style=dashed];
          "a\\"\\\\" -> "s" [label="started"];
        }
        """)
