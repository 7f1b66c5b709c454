"""What supervisord's configuration has of services that share a process, or are forked from one."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from launcher.errors import ProblemsFound
from launcher.exporters.base import Agent, Options
from launcher.exporters.handover import Handover, read
from launcher.exporters.supervisord import Supervisord
from launcher.profile.model import Settings
from tests.exporters.corpus import plan_from

AGENT = Agent(words=("agent",), run="/run/shop", settings=msgspec.convert({}, Settings))
OPTIONS = Options(app="x", pythons={"": "/bin/python"}, serve="/host/serve.py", agent=AGENT)
APP = {"app": "shop:app", "port": 8001}
APPS = {
    "db": {"command": "db"},
    "catalog": {**APP, "depends_on": {"db": {}}},
    "orders": {**APP, "port": 8002, "depends_on": {"catalog": {}}, "pythonpath": ["lib"]},
}


def exported(
    services: dict[str, Any] = APPS, *, options: Options = OPTIONS, **settings: Any
) -> tuple[RawConfigParser, Handover]:
    plan = plan_from(Path("/srv/shop"), services, **{"mode": "single", **settings})
    configuration, handover = Supervisord().render(plan, options).files
    parser = RawConfigParser()
    parser.read_string(configuration.content)
    given = read(handover.content.encode())
    assert isinstance(given, Handover)
    return parser, given


def programs(parser: RawConfigParser) -> list[str]:
    return [name.partition(":")[2] for name in parser.sections() if name.startswith("program:")]


def inside(services: dict[str, Any]) -> str:
    """By what supervisord tells one process of theirs from another."""
    return exported(services)[0]["program:host.apps"]["environment"]


def test_the_process_is_a_program_and_what_runs_in_it_is_none() -> None:
    parser, given = exported()
    assert programs(parser) == ["db", "host.apps"]
    assert parser["program:host.apps"]["command"] == (
        "/bin/python -u /host/serve.py --channel /run/shop/host-apps.sock --group apps --grace 11.5"
    )
    assert given.names == {"db.1": "db", "host.apps": "host.apps"}
    engines = {name: str(one.engine) for name, one in given.plan.instances.items()}
    assert engines == {
        "db.1": "supervisord",
        "host.apps": "supervisord",
        "catalog.1": "merged",
        "orders.1": "merged",
    }


def test_it_is_stopped_with_the_last_that_runs_in_it() -> None:
    """Where supervisord stops by itself; what all of them need comes after."""
    parser, _ = exported()
    assert int(parser["program:host.apps"]["priority"]) > int(parser["program:db"]["priority"])


@pytest.mark.parametrize("change", [{"env": {"NEW": "yes"}}, {"prefix": "/catalog"}, {"app": "shop:other"}])
def test_it_is_another_program_where_something_in_it_is_another(change: dict[str, Any]) -> None:
    """So `supervisorctl update` begins it anew."""
    changed = {name: {**table, **change} if name == "catalog" else table for name, table in APPS.items()}
    assert inside(changed) != inside(APPS)


def test_a_rule_of_the_agents_and_a_secret_change_nothing_in_it() -> None:
    """The digest may not tell of what is not exported."""
    ruled = {**APPS, "catalog": {**APPS["catalog"], "restart": {"burst": 9}}}
    assert inside(ruled) == inside(APPS)
    one, other = (
        {**APPS, "catalog": {**APPS["catalog"], "env": {"API_TOKEN": token}}} for token in ("hunter1", "hunter2")
    )
    assert inside(one) == inside(other)


def test_as_another_user_it_is_refused() -> None:
    with pytest.raises(ProblemsFound, match=r"services\.host\.apps: as nobody it could not listen"):
        exported(options=msgspec.structs.replace(OPTIONS, user="nobody"))


def test_what_is_forked_is_a_program_with_a_command_of_its_own() -> None:
    """By which supervisord starts it where no agent does; what it is forked from is one, too."""
    parser, given = exported(mode="forked")
    assert programs(parser) == ["db", "host.forked", "catalog", "orders"]
    assert parser["program:host.forked"]["command"] == (
        "/bin/python -u /host/serve.py --zygote /run/shop/host-forked.sock --group forked "
        "--share shop:app /srv/shop --share shop:app /srv/shop /srv/shop/lib"
    )
    assert "/host/serve.py shop:app" in parser["program:catalog"]["command"]
    assert given.plan.instances["catalog.1"].is_forked
    assert given.names["catalog.1"] == "catalog"


def test_what_is_named_is_imported_before_forks_are_made() -> None:
    parser, _ = exported(mode="forked", preload=["fastapi", "json"])
    assert parser["program:host.forked"]["command"].endswith("--group forked --preload fastapi --preload json")
