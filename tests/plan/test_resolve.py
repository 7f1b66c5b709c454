"""What the dotted names stand for."""

from __future__ import annotations

import pytest

from launcher.errors import BadReference, ProblemsFound
from launcher.plan.resolve import addresses, misdirected, resolve

from .plans import plan_of

PLAN = plan_of(
    {"api": {"port": "auto", "replicas": 2}, "my-db": {"port": 5432}, "worker": {}, "url": {"port": 1}},
)


def test_the_table() -> None:
    """Every service with a port has its five attributes; instance 1 speaks for all but in `urls`."""
    table = addresses(PLAN, "10.0.0.1")
    assert {name: text for name, text in table.items() if "my-db" not in name and ".url." not in name} == {
        "profile.name": "dev",
        "socket.fd": "3",
        "services.api.url": "http://10.0.0.1:8000",
        "services.api.address": "10.0.0.1:8000",
        "services.api.host": "10.0.0.1",
        "services.api.port": "8000",
        "services.api.urls": "http://10.0.0.1:8000,http://10.0.0.1:8001",
    }
    assert addresses(PLAN)["services.my-db.address"] == "127.0.0.1:5432"
    assert addresses(PLAN)["services.url.url"] == "http://127.0.0.1:1"


TEXTS = [
    ("in a text", "${services.api.url}/${X} $$", {"X": "x"}, "http://127.0.0.1:8000/x $"),
    ("in a command", "run ${services.my-db.port} ${X} $$", None, "run 5432 ${X} $$"),
    ("the profile and the socket", "${profile.name} ${socket.fd}", {}, "dev 3"),
]


@pytest.mark.parametrize(
    ("text", "variables", "expected"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS]
)
def test_resolve(text: str, variables: dict[str, str] | None, expected: str) -> None:
    """Templates come out with the addresses of the table."""
    assert resolve(text, addresses(PLAN), variables) == expected


UNKNOWN = [
    ("services.apj.url", 'no service "apj" with a port', "did you mean `api`?"),
    ("services.worker.url", 'no service "worker" with a port', ""),
    ("services.api.ulr", 'a service has no "ulr"', "did you mean `url`?"),
    ("services.api", "stands for nothing", ""),
    ("services.api.1.url", 'no service "api.1" with a port', "did you mean `api`?"),
    ("profil.name", "stands for nothing", "did you mean `profile.name`?"),
    ("sys.home", "stands for nothing", ""),
]


@pytest.mark.parametrize(("name", "sentence", "near"), UNKNOWN)
@pytest.mark.parametrize("variables", [{}, None])
def test_unknown(name: str, sentence: str, near: str, variables: dict[str, str] | None) -> None:
    """A name that stands for nothing is an error with the nearest one; somebody else's in a command is not ours."""
    text = f"${{{name}}}"
    if variables is None and not name.startswith("services."):
        assert resolve(text, addresses(PLAN), variables) == text
        return
    with pytest.raises(BadReference) as caught:
        resolve(text, addresses(PLAN), variables)
    assert text in caught.value.sentence
    assert sentence in caught.value.sentence
    assert caught.value.sentence.endswith(near)


def test_every_template_is_looked_at() -> None:
    """A reference that stands for nothing is found wherever it may stand, before anything starts."""
    bad = "${services.nope.url}"
    fields = {
        "command": {"command": bad},
        "command of a list": {"command": ["run", bad]},
        "stop.command": {"stop": {"command": bad}},
        "directory": {"directory": bad},
        "user": {"user": bad},
        "pythonpath": {"pythonpath": [bad]},
        "env.X": {"env": {"X": bad}},
        "health.http": {"health": {"http": bad}},
        "health.headers.X": {"health": {"http": "/", "headers": {"X": bad}}},
        "health.exec": {"health": {"exec": bad}},
        "health.exec of a list": {"health": {"exec": [bad]}},
    }
    for key, fields_of in fields.items():
        with pytest.raises(ProblemsFound, match=f"services.api.{key.split()[0]}: .*nope"):
            plan_of({"api": fields_of})
    with pytest.raises(ProblemsFound, match=r"env\.X: .*nope"):
        plan_of({"api": {}}, env={"X": bad})


def test_a_sound_plan_misdirects_nothing() -> None:
    """References among services, to oneself and to a held socket are sound; the shell's own are no matter."""
    plan = plan_of(
        {
            "api": {
                "app": "x:y",
                "env": {"FD": "${socket.fd}", "ME": "${services.api.url}", "N": "${X:-${services.my-db.url}}"},
            },
            "my-db": {"port": 1, "command": "run ${ ${sys.home} ${x}"},
        },
    )
    assert misdirected(plan) == []
