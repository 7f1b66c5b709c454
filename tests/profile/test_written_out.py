"""Profiles written out: `config show`, the JSON Schema, docs/profile.md."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from launcher.profile.keys import keys_of
from launcher.profile.model import Defaults, Settings
from launcher.profile.names import quote
from launcher.profile.reference import profile_markdown
from launcher.profile.schema import json_schema
from launcher.profile.show import render
from tests.profile.loading import loaded

ROOT = Path(__file__).resolve().parents[2]

FULL = r"""
[launcher]
ports = "8100-8199"
select = ["api"]
history = { keep = "7d", size = "1MB", store = "${HISTORY:-}" }
notify = { command = "cat >> notices", on = ["failed", "ready"], timeout = 2 }
[env]
LEVEL = "info"
"odd name" = "C:\\x\t\"q\" é"
[defaults]
stop = { grace = "1m30s" }
[services.db]
command = ["redis-server", "--port", "$PORT", "\u001b[0m\u007f"]
port = "auto"
health = { tcp = true, interval = 0.25 }
limits = { memory = "512MB" }
[services.migrate]
kind = "task"
command = "migrate ${services.db.url} --pattern 'a\\xb'"
depends_on = ["db"]
[services.api]
app = "shop.api:app"
depends_on = { db = "healthy", migrate = { condition = "completed", on_loss = "restart" } }
health = { http = "/", headers = { Accept = "x" }, status = [200, 204] }
restart = { cooldown = "never" }
success_exit_codes = [0, 3]
"""


def test_what_is_shown_means_the_same(project):
    """Read back, it is the same profile."""
    project.profile("dev", FULL)
    found = loaded(project)
    for with_origins in (False, True):
        project.profile("again", "")
        (project.root / "profiles" / "again.toml").write_text(
            render(found, with_origins=with_origins), encoding="utf-8"
        )
        assert replace(loaded(project, "again").profile, name="dev") == found.profile


def test_what_was_extended_is_shown_as_one(project):
    """Without its `extends`."""
    project.profile("base", FULL)
    project.profile("dev", "[launcher]\nextends = ['base']\n")
    assert "extends" not in render(loaded(project))


def test_origins_stand_behind_the_values(project):
    """File and line, variable, flag, or that the value follows from others."""
    project.profile("dev", "[services.api]\napp = 'a:b'\ndepends_on = ['db']\n[services.db]\ncommand = 'x'\n")
    text = render(
        loaded(project, environ={"LAUNCHER__ENV__A": "1"}, sets=["services.db.replicas=2"]), with_origins=True
    )
    assert text.splitlines() == [
        "[env]",
        'A = "1"  # $LAUNCHER__ENV__A',
        "",
        "[services.api]",
        'app = "a:b"  # profiles/dev.toml:2',
        'port = "auto"  # derived',
        "",
        "[services.api.depends_on.db]  # profiles/dev.toml:3",
        "",
        "[services.api.restart]",
        'policy = "on-failure"  # derived',
        "",
        "[services.db]",
        'command = "x"  # profiles/dev.toml:5',
        "replicas = 2  # --set services.db.replicas",
        "",
        "[services.db.restart]",
        'policy = "on-failure"  # derived',
    ]


def test_secrets_are_not_shown(project):
    """By name, by the profile's list, in URLs, in the headers that carry them."""
    project.profile(
        "dev",
        """
        [launcher]
        secret = ["DB_URL"]
        history = { store = "redis://:hush@h" }
        notify = { url = "https://h/hush" }
        [env]
        A_TOKEN = "hush"
        [services.api]
        command = "x --db redis://u:hush@h"
        port = 1
        env = { DB_URL = "hush", OTHER = "http://hush@h" }
        health = { http = "http://u:hush@h/", headers = { Authorization = "hush", X_SECRET = "hush" } }
        """,
    )
    assert "hush" not in render(loaded(project))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_is_written_as_toml_reads_it(text):
    """Control characters and backslashes too."""
    assert tomllib.loads(f"{quote(text)} = {quote(text)}") == {text: text}


def fits(schema, value, root):  # noqa: C901, PLR0911  (a table of the schema's words)
    """Whether a value fits a schema: as much of JSON Schema as ours uses."""
    if "$ref" in schema and not fits(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root):
        return False
    if "anyOf" in schema and not any(fits(way, value, root) for way in schema["anyOf"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    if "type" in schema:
        is_bool = isinstance(value, bool)
        if not isinstance(value, types[schema["type"]]) or (is_bool and schema["type"] != "boolean"):
            return False
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        if not low <= value <= high or value <= schema.get("exclusiveMinimum", value - 1):
            return False
    if isinstance(value, list):
        return all(fits(schema.get("items", {}), item, root) for item in value)
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        if others is False and value.keys() - known.keys():
            return False
        return all(fits(known.get(name, others or {}), item, root) for name, item in value.items())
    return True


def test_the_schema_takes_what_a_profile_takes():
    """With every shorthand."""
    schema = json_schema()
    assert fits(schema, tomllib.loads(FULL), schema)
    for path in sorted((ROOT / "profiles").glob("*.toml")):
        assert fits(schema, tomllib.loads(path.read_text()), schema), path


@pytest.mark.parametrize(
    "text",
    [
        "[sevices]",
        "[launcher]\nmod = 'multi'",
        "[services.a]\nprot = 1",
        "[services.a]\nport = 'auot'",
        "[services.a]\nreplicas = 0",
        "[services.a]\nhealth = { interval = '5x' }",
        "[services.a]\nhealth = { timeout = 0 }",
        "[services.a]\nhealth = { start_interval = 0 }",
        "[services.a]\nlimits = { memory = 'lots' }",
        "[services.a]\ndepends_on = { b = 'heathly' }",
        "[services.a]\nrestart = 'alway'",
        "[services.a]\nwatch = ['a']",
        "[defaults]\nenv = { A = [1] }",
    ],
)
def test_the_schema_refuses_what_a_profile_refuses(text):
    """An editor marks it."""
    schema = json_schema()
    assert not fits(schema, tomllib.loads(text), schema)


def test_the_schema_has_every_key_with_its_meaning():
    """The model is the only source."""
    definitions = json_schema()["$defs"]
    for name, struct in (("Settings", Settings), ("Service", Defaults)):
        assert list(definitions[name]["properties"]) == list(keys_of(struct))
        assert all(described["description"] for described in definitions[name]["properties"].values())


#: What makes both files anew.
ANEW = (
    "import json, pathlib; from launcher.profile import reference, schema; "
    "pathlib.Path('docs/profile.md').write_text(reference.profile_markdown()); "
    "pathlib.Path('docs/profile.schema.json').write_text("
    "json.dumps(schema.json_schema(), indent=2, ensure_ascii=False) + chr(10))"
)


def test_the_committed_pages_are_those_of_the_model():
    """Otherwise they are made anew with the command shown."""
    assert (ROOT / "docs/profile.md").read_text(encoding="utf-8") == profile_markdown(), f'python -c "{ANEW}"'
    committed = json.loads((ROOT / "docs/profile.schema.json").read_text(encoding="utf-8"))
    assert committed == json_schema(), f'python -c "{ANEW}"'


def test_the_example_of_the_page_is_a_profile(project):
    """It loads without a warning."""
    example = re.search(r"```toml\n(.*?)```", profile_markdown(), re.DOTALL)
    project.profile("base", "")
    project.profile("dev", example[1])
    assert loaded(project).warnings == []
