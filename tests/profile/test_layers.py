"""What lies over what: extends, the profile, its local file, variables, flags; and where each value comes from."""

from __future__ import annotations

import pytest
from msgspec.structs import asdict

from launcher.profile.model import Condition, Policy
from tests.profile.loading import loaded, problems

API = "[services.api]\ncommand = 'x'\n"


def origin(found, *path):
    return str(found.origins[path])


def test_each_layer_lies_over_the_one_below(project):
    """The highest that has a key gives its value; each value knows its layer."""
    keys = ("directory", "user", "port", "replicas", "critical", "required")
    project.profile(
        "base", "[services.api]\ncommand = 'x'\nport = 1\nreplicas = 1\ncritical = false\nrequired = true\n"
    )
    project.profile("dev", "[launcher]\nextends = ['base']\n[services.api]\nport = 2\nreplicas = 2\ncritical = true\n")
    project.write("profiles/dev.local.toml", "[services.api]\nport = 3\nreplicas = 3\n")
    found = loaded(project, environ={"LAUNCHER__SERVICES__API__PORT": "4"}, sets=["services.api.port=5"])
    api = asdict(found.profile.services["api"])
    assert [api[key] for key in keys] == [".", "", 5, 3, True, True]
    assert origin(found, "services", "api", "port") == "--set services.api.port"
    assert origin(found, "services", "api", "replicas") == "profiles/dev.local.toml:3"
    assert origin(found, "services", "api", "critical") == "profiles/dev.toml:6"
    assert origin(found, "services", "api", "required") == "profiles/base.toml:6"
    assert [path.name for path in found.files] == ["dev.toml", "base.toml", "dev.local.toml"]


def test_extends_nearest_last_and_each_profile_once(project):
    """With a common base, neither branch's values are undone by it."""
    project.profile("root", "[env]\nA = 'root'\nB = 'root'\nC = 'root'\n")
    project.profile("left", "[launcher]\nextends = ['root']\n[env]\nA = 'left'\nB = 'left'\n")
    project.profile("right", "[launcher]\nextends = ['root']\n[env]\nB = 'right'\n")
    project.profile("dev", "[launcher]\nextends = ['left', 'right']\n")
    assert loaded(project).profile.env == {"A": "left", "B": "right", "C": "root"}


def test_tables_merge_and_the_order_of_definition_stays(project):
    """A layer above adds keys and services behind those below; a list is replaced."""
    project.profile("base", "[launcher]\nsecret = ['A']\n[services.b]\ncommand = 'x'\nenv = { A = '1' }\n" + API)
    project.profile(
        "dev",
        "[launcher]\nextends = ['base']\nsecret = ['B']\n[services.a]\ncommand = 'x'\n[services.b.env]\nB = '2'\n",
    )
    profile = loaded(project).profile
    assert list(profile.services) == ["b", "api", "a"]
    assert profile.services["b"].env == {"A": "1", "B": "2"}
    assert profile.settings.secret == ["B"]


def test_shorthands_are_expanded_before_layers_merge(project):
    """A list in one layer and a table in another are the same kind of table."""
    project.profile("base", API + "depends_on = ['db']\nrestart = 'no'\n[services.db]\ncommand = 'x'\n")
    project.profile(
        "dev",
        "[launcher]\nextends = ['base']\n[services.cache]\ncommand = 'x'\n[services.api]\n"
        "depends_on = { cache = 'started', db = { required = false } }\nrestart = { delay = '2s' }\n",
    )
    found = loaded(project)
    api = found.profile.services["api"]
    assert {name: (edge.condition, edge.required) for name, edge in api.depends_on.items()} == {
        "db": (None, False),
        "cache": (Condition.STARTED, True),
    }
    assert (api.restart.policy, api.restart.delay) == (Policy.NO, 2.0)
    assert origin(found, "services", "api", "restart", "policy") == "profiles/base.toml:4"


@pytest.mark.parametrize(
    ("below", "above", "key"),
    [
        ("command = 'x'", "app = 'a:b'", ("app",)),
        ("app = 'a:b'", "command = 'x'", ("command",)),
        (
            "command = 'x'\nport = 1\nhealth = { http = '/', status = 200 }",
            "health = { tcp = true }",
            ("health", "tcp"),
        ),
        ("command = 'x'\nhealth = { exec = 'true' }", "health = { log = 'up' }", ("health", "log")),
    ],
)
@pytest.mark.parametrize("how", ["extends", "defaults"])
def test_a_choice_takes_the_place_of_the_choice_below(project, below, above, key, how):
    """One way to run, one way to check: the layer that says it last is followed, and nothing contradicts it."""
    if how == "extends":
        project.profile("base", f"[services.api]\n{below}\n")
        project.profile("dev", f"[launcher]\nextends = ['base']\n[services.api]\n{above}\n")
    else:
        command = "" if "app" in above or "command" in above else "command = 'x'\n"
        project.profile("dev", f"[defaults]\n{below}\n[services.api]\n{command}{above}\n")
    assert ("services", "api", *key) in loaded(project).origins


def test_defaults_lie_under_every_service(project):
    """Table by table; a value from there keeps its origin."""
    project.profile(
        "dev",
        "[defaults]\nstop = { grace = 3 }\nenv = { A = '1' }\n"
        "[services.api]\ncommand = 'x'\nstop = { signal = 'sigint' }\n",
    )
    found = loaded(project)
    api = found.profile.services["api"]
    assert (api.stop.grace, api.stop.signal, api.env) == (3.0, "INT", {"A": "1"})
    assert origin(found, "services", "api", "stop", "grace") == "profiles/dev.toml:2"


@pytest.mark.parametrize(
    ("kind", "written", "policy"),
    [("service", "", "on-failure"), ("task", "", "no"), ("task", "restart = 'on-failure'", "on-failure")],
)
def test_the_policy_depends_on_the_kind(project, kind, written, policy):
    """Where none is written."""
    project.profile("dev", f"{API}kind = '{kind}'\n{written}\n")
    assert loaded(project).profile.services["api"].restart.policy == policy


def test_an_app_without_port_gets_one(project):
    """It is served on a socket that the launcher holds."""
    project.profile("dev", "[services.api]\napp = 'a:b'\n")
    assert loaded(project).profile.services["api"].port == "auto"


OVERRIDES = {
    "a number": ("services.api.port=9000", ("port",), 9000),
    "a bare word is a text": ("services.api.kind=task", ("kind",), "task"),
    "words are a text": ("services.api.command=run me", ("command",), "run me"),
    "a word of TOML where a text is wanted": ("services.api.command=true", ("command",), "true"),
    "a number where a text is wanted": ("services.api.user=${U}", ("user",), "${U}"),
    "a list": ('services.api.command=["a", "b"]', ("command",), ["a", "b"]),
    "a table": ("services.api.stop={ grace = 1 }", ("stop", "grace"), 1.0),
    "a shorthand": ("services.api.restart=always", ("restart", "policy"), "always"),
    "an environment's number as it is spelt": ("services.api.env.V=1.10", ("env", "V"), "1.10"),
    "a quoted key": ('services.api.env."a b"=x', ("env", "a b"), "x"),
    "spaces around": ("services.api.port = 9", ("port",), 9),
    "nothing": ("services.api.command.=", None, "1012"),
    "no value": ("services.api.port", None, "1012"),
    "no path": ("=1", None, "1012"),
    "extends": ("launcher.extends=['x']", None, "1012"),
    "not UTF-8": ("services.api.command=\udcff", None, "1012"),
    "two lines": ("services.api.command=1\nx = 2", ("command",), "1\nx = 2"),
    "no such service": ("services.apy.port=1", None, "2003"),
}


@pytest.mark.parametrize("what", OVERRIDES)
def test_set(project, what):
    """A value is TOML; what is none is a text."""
    text, path, expected = OVERRIDES[what]
    project.profile("dev", API)
    if path is None:
        assert [line[:4] for line in problems(project, sets=[text])] == [expected]
        return
    value = loaded(project, sets=[text]).profile.services["api"]
    for name in path:
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    assert value == expected


VARIABLES = {
    "upper case": ("LAUNCHER__SERVICES__ORDER_API__PORT", ("services", "order-api", "port")),
    "lower case": ("LAUNCHER__services__order_api__port", ("services", "order-api", "port")),
    "a variable that is there": (
        "LAUNCHER__SERVICES__ORDER_API__ENV__db_url",
        ("services", "order-api", "env", "DB_URL"),
    ),
    "a new variable": ("LAUNCHER__SERVICES__ORDER_API__ENV__New", ("services", "order-api", "env", "New")),
    "a variable with the separator": ("LAUNCHER__ENV__A__B", ("env", "A__B")),
}


@pytest.mark.parametrize("what", VARIABLES)
def test_variables_find_the_key_they_mean(project, what):
    """Whatever their case, and with `_` for `-`."""
    variable, path = VARIABLES[what]
    project.profile("dev", "[services.order-api]\ncommand = 'x'\nenv = { DB_URL = '' }\n")
    assert origin(loaded(project, environ={variable: "9000"}), *path) == f"${variable}"


def test_a_variable_without_a_key(project):
    """Or with one that is not there, or a service that is not."""
    project.profile("dev", API)
    names = [
        "LAUNCHER__",
        "LAUNCHER__SERVICES____PORT",
        "LAUNCHER__SERVICES__API__PROT",
        "LAUNCHER__SERVICES__APY__PORT",
    ]
    found = problems(project, environ=dict.fromkeys(names, "1"))
    assert [line.partition(": ")[2] for line in found] == [
        "$LAUNCHER__ names no key",
        "services.api.prot: unknown key, did you mean `port`?",
        "services.APY: no service `APY`, did you mean `api`?",
        "$LAUNCHER__SERVICES____PORT names no key",
    ]


def test_numbers_of_an_environment_are_texts_as_they_are_spelt(project):
    """3.10 is not 3.1."""
    project.profile("dev", "[env]\nA = 3.10\nB = 1e3\nC = 7\nD = true\n")
    assert loaded(project).profile.env == {"A": "3.10", "B": "1e3", "C": "7", "D": "true"}
