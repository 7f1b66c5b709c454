"""What an agent starts when it begins, from what supervisord tells of its programs and what was wanted of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from launcher.engines.supervisord.client import Program
from launcher.engines.supervisord.engine import has_completed, wanted
from launcher.plan.model import Plan
from launcher.profile.model import Kind
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
    wishes = {} if wish is None else {"web.1": wish}
    assert wanted(plan_of("web"), {"web": program}, wishes, NAMES) == ({"web"} if is_wanted else set())


def test_an_attended_agent_is_told_what_to_start() -> None:
    """It goes on with what was wanted: it died, or supervisord began anew."""
    assert wanted(plan_of("web"), {"web": NEVER}, {}, NAMES, attended=True) == set()
    assert wanted(plan_of("web"), {"web": NEVER}, {"web.1": "up"}, NAMES, attended=True) == {"web"}


def test_a_program_that_supervisord_does_not_have_is_not_wanted() -> None:
    assert wanted(plan_of("web"), {}, {"web.1": "up"}, NAMES) == set()


def as_task(plan: Plan) -> Plan:
    return replace(plan, services={"web": replace(plan.services["web"], kind=Kind.TASK)})


@pytest.mark.parametrize(
    ("program", "is_over"), [(NEVER, False), (RUNS, False), (STOPPED, False), (EXITED, True), (CRASHED, False)]
)
def test_a_task_that_has_done_its_work_is_not_done_again(program: Program, is_over: bool) -> None:
    plan = as_task(plan_of("web"))
    assert has_completed(plan, "web.1", program) is is_over
    assert (wanted(plan, {"web": program}, {"web.1": "up"}, NAMES) == set()) is (is_over or program is STOPPED)
    assert not has_completed(plan_of("web"), "web.1", program)
