"""A shop whose process is exchanged: how far it is brought, and what is asked of it. Histories of faults share it."""

from __future__ import annotations

from launcher.testing import Rehearsal

APP = {"command": None, "app": "shop:app", "port": "auto"}
HOST = "host.apps"
#: What starts it: a command for the host, or new code that only a new process can have.
WAYS = ("the host is restarted", "new code needs it")


def up(**services):
    """These are components, and ready."""
    rehearsal = Rehearsal(services, mode="single")
    rehearsal.start()
    while starting := [label for label, state in rehearsal.states().items() if state == "starting"]:
        for name in starting:
            rehearsal.passes(name, "READY=1")
    return rehearsal


def phases(shop):
    return {life.label: life.phase.value for life in shop.loop.stage.board.lives.values()}


def generations(shop):
    return {view.label: view.generation for view in shop.loop.snapshot.instances}


def ask(shop, way=WAYS[0]):
    """Have the process exchanged; what the command will answer."""
    if way == WAYS[0]:
        return shop.restart(HOST)
    answer = shop.restart("api")
    shop.keeps("api", "its module fast is no Python code", needs_process=True)
    return answer


def filled(shop, way=WAYS[0]):
    """So far that all could serve in the new process."""
    answer = ask(shop, way)
    shop.begins(HOST)
    shop.rises("api")
    shop.rises("web")
    return answer


def fall(shop, generation, code=-9):
    """A process of the host ends, and what runs in it."""
    is_serving = shop.view(HOST).generation == generation
    shop.engine.end(HOST, code, generation=generation)
    for name in list(shop.merged.running) if is_serving else ():
        shop.merged.end(name, 1)
    shop.settle()
