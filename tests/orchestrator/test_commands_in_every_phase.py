"""Each command, given in each phase to the real loop, moves the instance as the table says: one test per cell."""

from __future__ import annotations

import pytest

from launcher.orchestrator.lifecycle import TABLE, Phase, Trigger
from launcher.testing import Rehearsal

CHECKED = {"health": {"notify": True, "start_period": 0.0, "retries": 1}, "ready_timeout": 5.0, "required": False}


def rehearse(**api):
    """`api` depends on `db`; `other` keeps the launcher alive."""
    services = {"db": {**CHECKED}, "other": {}, "api": {**CHECKED, "depends_on": {"db": {}}, **api}}
    rehearsal = Rehearsal(services)
    rehearsal.start("other")
    return rehearsal


def pending():
    return rehearse()


def waiting():
    rehearsal = rehearse()
    rehearsal.start("api")
    return rehearsal


def starting(**api):
    rehearsal = rehearse(**api)
    rehearsal.start("api")
    rehearsal.passes("db")
    rehearsal.advance(0.3)
    return rehearsal


def ready(**api):
    rehearsal = starting(**api)
    rehearsal.passes("api")
    return rehearsal


def renewing():
    rehearsal = rehearse(command=None, app="shop:app", port="auto", placement="merged")
    rehearsal.start("api")
    for name in ("host.apps", "db", "api"):
        rehearsal.passes(name)
    rehearsal.restart("api")
    return rehearsal


def unhealthy():
    rehearsal = ready()
    rehearsal.fails("api")
    return rehearsal


def backoff():
    rehearsal = ready(restart={"delay": 60.0})
    rehearsal.exits("api", 1)
    return rehearsal


def stopping():
    rehearsal = ready()
    rehearsal.engine.deaf = {"api.1"}
    rehearsal.stop("api")
    return rehearsal


def replacing():
    rehearsal = ready()
    rehearsal.engine.deaf = {"api.1"}
    rehearsal.restart("api")
    return rehearsal


def aborting():
    rehearsal = starting()
    rehearsal.engine.deaf = {"api.1"}
    rehearsal.advance(5.0)
    return rehearsal


def stopped():
    rehearsal = ready()
    rehearsal.stop("api")
    return rehearsal


def completed():
    rehearsal = ready()
    rehearsal.exits("api", 0)
    return rehearsal


def failed():
    rehearsal = ready(restart={"policy": "no"})
    rehearsal.exits("api", 1)
    return rehearsal


def skipped():
    rehearsal = waiting()
    rehearsal.stop("db")
    return rehearsal


SCENES = (
    pending,
    waiting,
    starting,
    ready,
    renewing,
    unhealthy,
    backoff,
    stopping,
    replacing,
    aborting,
    stopped,
    completed,
    failed,
    skipped,
)


def test_there_is_a_scene_for_every_phase():
    """No row of the table is left out."""
    assert {scene.__name__ for scene in SCENES} == {phase.value for phase in Phase}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("command", [Trigger.START, Trigger.STOP, Trigger.RESTART])
def test_a_command_moves_the_instance_as_the_table_says(scene, command):
    """The first move after the command is the table's; where the table stays, so does the instance."""
    rehearsal = scene()
    life = rehearsal.loop.stage.board.lives["api.1"]
    phase = Phase(scene.__name__)
    assert life.phase is phase
    moves = []
    fire = rehearsal.loop.stage.fire

    def watch(life, trigger, reason, **more):
        before = life.phase
        answer = fire(life, trigger, reason, **more)
        if life.name == "api.1" and life.phase is not before:
            moves.append(life.phase)
        return answer

    rehearsal.loop.stage.fire = watch
    getattr(rehearsal, command.value)("api")
    expected = TABLE[phase, command].phase
    assert (moves[:1] or [phase]) == [expected]
