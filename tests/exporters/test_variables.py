"""The environment of an instance, as far as the plan decides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import NotExportable
from launcher.exporters.variables import Environment, Outside, Value
from launcher.plan.resolve import addresses
from tests.exporters.corpus import plan_from

SEEN = Outside("SEEN")


def environment(env: dict[str, str], own: dict[str, str], *, secret: list[str] | None = None) -> Environment:
    plan = plan_from(Path("/project"), {"a": {"command": "a", "env": own, "port": 8000}}, env=env, secret=secret or [])
    one = plan.instances["a.1"]
    return Environment(plan, one, table=addresses(plan), port=("8000",), with_secrets=False)


@pytest.mark.parametrize(
    ("env", "own", "name", "wanted"),
    [
        ({"A": "x"}, {}, "A", ("x",)),
        ({"A": "x"}, {"A": "y"}, "A", ("y",)),
        ({"A": "x"}, {"B": "${A}-${A}"}, "B", ("x-x",)),
        ({"A": "$$x"}, {}, "A", ("$x",)),
        ({}, {"A": "${SEEN}"}, "A", (SEEN,)),
        ({}, {"A": "p${SEEN}q"}, "A", ("p", SEEN, "q")),
        ({"A": "${SEEN}"}, {"B": "<${A}>"}, "B", ("<", SEEN, ">")),
        ({}, {"A": "${SEEN:-d}"}, "A", (Outside("SEEN", default=("d",)),)),
        ({}, {"A": "${SEEN:?why}"}, "A", (Outside("SEEN", message="why"),)),
        ({"A": ""}, {"B": "${A:-d}"}, "B", ("d",)),
        ({"A": "x"}, {"B": "${A:-d}"}, "B", ("x",)),
        ({}, {"A": "${PORT} ${LAUNCHER_SERVICE} ${profile.name}"}, "A", ("8000 a dev",)),
        ({}, {"A": "${services.a.url}"}, "A", ("http://127.0.0.1:8000",)),
        # What the launcher sets has the last word, whoever else says something.
        ({"PORT": "1"}, {"PORT": "2"}, "PORT", ("8000",)),
        # Values of one layer do not see each other.
        ({}, {"SEEN": "x", "B": "${SEEN}"}, "B", (SEEN,)),
    ],
)
def test_value(env: dict[str, str], own: dict[str, str], name: str, wanted: Value) -> None:
    """Known where the profile alone says it; a reference where only the environment does."""
    found = {one.name: one.value for one in environment(env, own).variables}
    assert found[name] == wanted


@pytest.mark.parametrize(
    ("env", "secret", "withheld"),
    [
        ({"API_TOKEN": "x"}, [], ["API_TOKEN"]),
        ({"API_TOKEN": "${SEEN}"}, [], []),
        ({"API_TOKEN": "x${SEEN}"}, [], ["API_TOKEN"]),
        ({"NAME": "x"}, ["NAME"], ["NAME"]),
        ({"URL": "redis://u:pw@h/0"}, [], ["URL"]),
        ({"URL": "redis://u:${SEEN}@h/0"}, [], []),
        ({"URL": "redis://h/0"}, [], []),
    ],
)
def test_secret_is_withheld(env: dict[str, str], secret: list[str], withheld: list[str]) -> None:
    """A secret's own text stays out; a reference to one tells nothing."""
    assert [one.name for one in environment(env, {}, secret=secret).variables if one.withheld] == withheld


def test_secret_does_not_leak_through_another_variable() -> None:
    """Who refers to a withheld variable refers to it in the export too."""
    found = {one.name: one.value for one in environment({"DB_PASSWORD": "pw"}, {"A": "x${DB_PASSWORD}"}).variables}
    assert found["A"] == ("x", Outside("DB_PASSWORD"))


def test_undecided_value_is_refused_by_name() -> None:
    """Whether a default is taken must be known here, or be a single reference."""
    with pytest.raises(NotExportable, match=r"services\.a\.env\.B"):
        environment({"A": "x${SEEN}"}, {"B": "${A:-d}"})
