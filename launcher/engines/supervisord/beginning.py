"""What an agent that begins makes of supervisord's programs: which it starts, and which were stopped, and by whom.

Pure: from what supervisord tells, and what an earlier agent of the same supervisord wrote down. Of what runs inside a
program, a component of its process, supervisord knows nothing: there only the latter counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from launcher.engines.supervisord.client import Program
from launcher.orchestrator.lifecycle import Phase
from launcher.orchestrator.state import Remembered
from launcher.plan.model import Instance, Plan

#: As who an operator's commands are told.
OPERATOR = "operator, with supervisorctl"
#: As what a change of supervisord's configuration is told.
UPDATE = "supervisorctl update"


def has_completed(plan: Plan, instance: str, program: Program) -> bool:
    """Whether this is a task that has done its work in this supervisord's life."""
    service = plan.service_of(instance)
    is_over = program.has_exited and program.started > 0
    return service.is_task and is_over and program.exit_code in service.success_exit_codes


def wanted(
    plan: Plan,
    programs: Mapping[str, Program],
    past: Mapping[str, Remembered],
    names: Mapping[str, str],
    *,
    attended: bool = False,
) -> set[str]:
    """The instances to start: those never started in this supervisord's life, and those wanted up.

    Only the latter where the agent is `attended`. One that an operator stopped, while no agent looked, or that a
    command took down, stays as it is.
    """
    found = set()
    for instance, one in plan.instances.items():
        program = programs.get(names[_process_of(plan, one)])
        if program is None or has_completed(plan, instance, program):
            continue
        is_new = program.started == 0 and not attended
        if one.is_component:
            is_new = is_new or (_is_unasked(past, instance) and not attended)
            if (is_new or _wish(past, instance) == "up") and not program.was_stopped:
                found.add(instance)
            continue
        if is_new or (_wish(past, instance) == "up" and not program.was_stopped):
            found.add(instance)
    return found


def resting(
    plan: Plan, programs: Mapping[str, Program], past: Mapping[str, Remembered], names: Mapping[str, str]
) -> dict[str, str]:
    """By whom the instances that are down, and stay so, were stopped."""
    found = {}
    for instance, one in plan.instances.items():
        program = programs.get(names[_process_of(plan, one)])
        if program is None or program.started == 0:
            continue
        if one.is_component:
            # Should it run yet, it was being stopped when the last agent left.
            if _wish(past, instance) == "down" and not _is_unasked(past, instance):
                found[instance] = past[instance].why
            elif program.was_stopped:
                found[instance] = OPERATOR
            continue
        if program.runs or has_completed(plan, instance, program):
            continue
        if _wish(past, instance) == "down":
            found[instance] = past[instance].why
        elif program.was_stopped:
            found[instance] = OPERATOR
    return found


def _process_of(plan: Plan, one: Instance) -> str:
    """The instance that has a program: of a component its host."""
    return plan.host_of(one.group).name if one.is_component else one.name


def _is_unasked(past: Mapping[str, Remembered], instance: str) -> bool:
    """Whether nobody has ever wanted anything of an instance in this supervisord's life."""
    return instance not in past or past[instance].state == Phase.PENDING


def _wish(past: Mapping[str, Remembered], instance: str) -> str | None:
    return past[instance].wish if instance in past else None
