"""What an agent starts when it begins, from what supervisord tells of its programs and what was wanted of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from launcher.engines.supervisord.beginning import OPERATOR, has_completed, resting, wanted
from launcher.engines.supervisord.client import Program
from launcher.orchestrator.state import Remembered
from launcher.plan.model import Plan
from launcher.profile.model import EngineName, Kind
from tests.engines.world import plan_of

NEVER = Program(name="web", pid=0, state="STOPPED")
RUNS = replace(NEVER, state="RUNNING", pid=7, started=100)
STOPPED = replace(NEVER, started=100, exit_code=0)
EXITED = replace(STOPPED, state="EXITED")
CRASHED = replace(EXITED, exit_code=-1)
NAMES = {"web.1": "web"}


@pytest.mark.parametrize(
    ("program", "wish", "is_wanted"),
    [
        (NEVER, None, True),
        (NEVER, "up", True),
        (NEVER, "down", True),  # supervisord has begun anew since it was taken down
        (RUNS, "up", True),
        (STOPPED, "up", False),  # the operator's doing
        (STOPPED, "down", False),
        (STOPPED, None, False),
        (CRASHED, "up", True),  # it died while no agent looked
        (CRASHED, "down", False),
    ],
)
def test_what_is_started_when_an_agent_begins(program: Program, wish: str | None, is_wanted: bool) -> None:
    past = {} if wish is None else {"web.1": remembered(wish)}
    assert wanted(plan_of("web"), {"web": program}, past, NAMES) == ({"web.1"} if is_wanted else set())


@pytest.mark.parametrize(
    ("program", "wish", "by"),
    [
        (NEVER, "down", None),
        (RUNS, "down", None),  # an operator has started it
        (STOPPED, "up", OPERATOR),
        (STOPPED, None, OPERATOR),
        (STOPPED, "down", "so it was"),
        (EXITED, "down", "so it was"),  # by its stop command
        (CRASHED, "up", None),
    ],
)
def test_who_stopped_what_is_down_when_an_agent_begins(program: Program, wish: str | None, by: str | None) -> None:
    past = {} if wish is None else {"web.1": remembered(wish)}
    assert resting(plan_of("web"), {"web": program}, past, NAMES) == ({} if by is None else {"web.1": by})


@pytest.mark.parametrize(
    ("host", "wish", "state", "is_wanted", "by"),
    [
        (NEVER, None, "", True, None),
        (NEVER, "down", "stopped", True, None),  # supervisord has begun anew since
        (RUNS, None, "", True, None),
        (RUNS, "down", "pending", True, None),  # the last agent died before it was asked for
        (RUNS, "up", "ready", True, None),
        (RUNS, "up", "failed", True, None),
        (RUNS, "down", "stopped", False, "so it was"),
        (CRASHED, "up", "ready", True, None),
        (CRASHED, "down", "stopped", False, "so it was"),
        (STOPPED, "up", "ready", False, OPERATOR),
        (STOPPED, "down", "stopped", False, "so it was"),
    ],
)
def test_a_component_is_started_or_rests_as_was_wanted_of_it(
    host: Program, wish: str | None, state: str, is_wanted: bool, by: str | None
) -> None:
    """Supervisord has a program for its process alone."""
    plan = plan_of("web", "host.apps")
    web, process = replace(plan.instances["web.1"], engine=EngineName.MERGED, group="apps"), "host.apps.1"
    inside = replace(plan, instances={"web.1": web, process: replace(plan.instances[process], group="apps")})
    past = {} if wish is None else {"web.1": remembered(wish, state)}
    asked = (inside, {"host.apps": host}, past, {process: "host.apps"})
    assert ("web.1" in wanted(*asked)) is is_wanted
    assert resting(*asked).get("web.1") == by


def remembered(wish: str, state: str = "ready") -> Remembered:
    return Remembered(wish=wish, by="somebody", why="so it was", state=state, generation=1)


def test_an_attended_agent_is_told_what_to_start() -> None:
    """It goes on with what was wanted: it died, or supervisord began anew."""
    assert wanted(plan_of("web"), {"web": NEVER}, {}, NAMES, attended=True) == set()
    assert wanted(plan_of("web"), {"web": NEVER}, UP, NAMES, attended=True) == {"web.1"}


def test_a_program_that_supervisord_does_not_have_is_not_wanted() -> None:
    assert wanted(plan_of("web"), {}, UP, NAMES) == set()


UP = {"web.1": remembered("up")}


def as_task(plan: Plan) -> Plan:
    return replace(plan, services={"web": replace(plan.services["web"], kind=Kind.TASK)})


@pytest.mark.parametrize(
    ("program", "is_over"), [(NEVER, False), (RUNS, False), (STOPPED, False), (EXITED, True), (CRASHED, False)]
)
def test_a_task_that_has_done_its_work_is_not_done_again(program: Program, is_over: bool) -> None:
    plan = as_task(plan_of("web"))
    assert has_completed(plan, "web.1", program) is is_over
    assert (wanted(plan, {"web": program}, UP, NAMES) == set()) is (is_over or program is STOPPED)
    assert not has_completed(plan_of("web"), "web.1", program)
