"""What can come in between while a shared process gets a new one: all go on as they were, or all start again."""

from __future__ import annotations

import pytest

from launcher.errors import ServiceFailed
from launcher.orchestrator.orders import Run
from tests.orchestrator.exchanging import APP, HOST, WAYS, ask, fall, filled, generations, phases, up


@pytest.fixture
def shop():
    """The service web needs api."""
    return up(api=APP, web={**APP, "depends_on": {"api": {}}})


FAILURES = {
    "the new process does not come up": (
        lambda shop: fall(shop, 2, 78),
        "its new process exited with code 78",
    ),
    "it is not ready in time": (
        lambda shop: shop.advance(60),
        "its new process was not ready within 60 s",
    ),
    "the first component fails there": (
        lambda shop: (shop.begins(HOST), shop.merged.fails("api.1", 'importing "api" raised'), shop.settle()),
        'api: importing "api" raised',
    ),
    "the last one does": (
        lambda shop: (
            shop.begins(HOST),
            shop.rises("api"),
            shop.merged.fails("web.1", 'importing "web" raised'),
            shop.settle(),
        ),
        'web: importing "web" raised',
    ),
    "one is not ready in time": (
        lambda shop: (shop.begins(HOST), shop.rises("api"), shop.advance(60)),
        "web: not ready within 60 s",
    ),
    "the new process is killed when it is half full": (
        lambda shop: (shop.begins(HOST), shop.rises("api"), fall(shop, 2)),
        "its new process killed by SIGKILL",
    ),
    "the new process is killed while it takes the place": (
        lambda shop: (setattr(shop.merged, "takes_place", False), shop.begins(HOST), shop.rises("api"),
                      shop.rises("web"), fall(shop, 2)),
        "its new process killed by SIGKILL",
    ),
    "the new process hangs while it is to take the place": (
        lambda shop: (setattr(shop.merged, "takes_place", False), shop.begins(HOST), shop.rises("api"),
                      shop.rises("web"), shop.advance(60)),
        "its new process was not ready within 60 s",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("fails", "why"), FAILURES.values(), ids=FAILURES)
def test_where_it_comes_to_nothing_all_go_on_as_they_were(shop, way, fails, why):
    """However far it has got; the new process is gone before the command says so, and a next attempt may succeed."""
    answer = ask(shop, way)
    fails(shop)
    sentence = f"host.apps goes on as it was, with all that runs in it: in a new process, {why}"
    assert answer[0].error.sentence == sentence
    assert answer[0].status == 1
    assert sentence in shop.notes
    assert shop.engine.running == {HOST: 1}
    assert generations(shop) == {HOST: 1, "api": 1, "web": 1}
    assert phases(shop) == dict.fromkeys(("api", "web", HOST), "ready")
    assert not any("ready →" in line for line in shop.log)
    shop.merged.coming.clear()
    shop.merged.takes_place = True
    filled(shop, way)
    assert generations(shop) == {HOST: 2, "api": 2, "web": 2}


def test_a_new_process_that_does_not_end_is_killed_before_all_go_on(shop):
    """Until then a further restart is refused."""
    answer = ask(shop)
    shop.begins(HOST)
    shop.engine.deaf.add(HOST)
    shop.merged.fails("api.1", "it raised")
    shop.settle()
    assert answer == []
    assert shop.engine.did[-1] == "stop host.apps#2 SIGNAL"
    shop.advance(12)
    assert shop.engine.did[-1] == "stop host.apps#2 KILL"
    assert not answer[0].ok


def test_one_that_cannot_even_be_begun_leaves_all_as_they_were(shop):
    shop.engine.broken[HOST] = ServiceFailed("no such file")
    answer = ask(shop)
    assert answer[0].error.sentence.endswith("in a new process, E3004 no such file")
    assert phases(shop) == dict.fromkeys(("api", "web", HOST), "ready")


@pytest.mark.parametrize("so_far", ["begun", "half full", "leaving"])
def test_a_stop_of_all_ends_both_processes(shop, so_far):
    """The launcher is not over before both have gone."""
    ask(shop)
    if so_far != "begun":
        shop.begins(HOST)
        shop.rises("api")
    if so_far == "leaving":
        shop.rises("web")
    shop.engine.deaf.add(HOST)
    shop.signal(15)
    shop.advance(12)
    assert shop.states() == {HOST: "stopped", "api": "stopped", "web": "stopped"}
    assert shop.engine.running == shop.engine.before == {}
    assert shop.loop.is_over


@pytest.mark.parametrize("command", ["stop", "crash"])
def test_what_befalls_one_of_them_ends_the_exchange(shop, command):
    """A stop, or its end; it is not started again before it is known in which process that would be."""
    ask(shop)
    shop.begins(HOST)
    shop.engine.deaf.add(HOST)
    if command == "stop":
        shop.stop("api")
    else:
        shop.exits("api")
        shop.advance(1)
        assert shop.states()["api"] == "waiting"
        assert shop.view("api").waits_for == ("host.apps (its new process)",)
    assert "stop host.apps#2 SIGNAL" in shop.engine.did
    shop.engine.end(HOST, 0, generation=2)
    shop.settle()
    assert phases(shop)[HOST] == "ready"
    assert shop.states()["api"] == {"stop": "stopped", "crash": "starting"}[command]
    assert shop.loop.stage.board.lives[HOST].generation == 1


@pytest.mark.parametrize("so_far", ["begun", "half full", "leaving"])
def test_a_crash_of_the_process_that_serves_is_a_crash_as_any(shop, so_far):
    """The other goes with it, and all start again in order, in one process, when both have gone."""
    ask(shop)
    if so_far != "begun":
        shop.begins(HOST)
        shop.rises("api")
    if so_far == "leaving":
        shop.rises("web")
    serving, other = (2, 1) if so_far == "leaving" else (1, 2)
    fall(shop, serving)
    assert f"stop host.apps#{other} KILL" in shop.engine.did
    assert shop.states() == {HOST: "backoff", "api": "backoff", "web": "backoff"}
    starts = len([done for done in shop.merged.did if done.startswith("start")])
    shop.advance(1)
    assert shop.states()[HOST] == "starting"
    assert len([done for done in shop.merged.did if done.startswith("start")]) == starts
    for name in (HOST, "api", "web"):
        shop.passes(name, "READY=1")
    assert set(shop.states().values()) == {"ready"}
    assert shop.loop.stage.exchanges == {}


def test_one_that_serves_and_ends_while_the_other_takes_its_place_is_not_missed(shop):
    """Whichever comes first, the word that the place is taken or the end of the old one."""
    shop.merged.takes_place = False
    answer = filled(shop)
    shop.engine.end(HOST, -9, generation=1)
    shop.settle()
    assert "stop host.apps#2 KILL" not in shop.engine.did
    shop.merged.taken(Run(HOST, 1))
    shop.settle()
    assert answer[0].ok
    assert generations(shop) == {HOST: 2, "api": 2, "web": 2}
    assert phases(shop) == dict.fromkeys(("api", "web", HOST), "ready")


def test_a_stop_that_crosses_with_the_new_process_reaches_what_runs_there(shop):
    shop.merged.takes_place = False
    filled(shop)
    shop.merged.deaf.add("web.1")
    shop.stop("web")
    shop.merged.deaf.clear()
    shop.merged.taken(Run(HOST, 1))
    shop.settle()
    assert shop.merged.did[-2:] == ["stop web.1#2 SIGNAL", "release web.1"]
    assert shop.states()["web"] == "stopped"
    assert shop.states()["api"] == "ready"


def test_one_that_dies_in_the_new_process_at_the_last_moment_starts_there_again(shop):
    """The place is being taken: the others come over."""
    shop.merged.takes_place = False
    filled(shop)
    shop.merged.fails("web.1", "its lifespan ended by itself")
    shop.settle()
    shop.merged.taken(Run(HOST, 1))
    shop.settle()
    assert shop.merged.did[-2:] == ["stop web.1#1 SIGNAL", "start web.1#2"]
    assert shop.states() == {HOST: "ready", "api": "ready", "web": "starting"}


def test_one_that_stays_behind_and_does_not_end_is_ended_with_the_old_process():
    """Not with the new one, in which it does not run."""
    shop = up(api={**APP, "health": {"http": "/", "retries": 1, "start_period": 0}, "stop": {"grace": 1}}, web=APP)
    shop.fails("api")
    ask(shop)
    shop.begins(HOST)
    shop.merged.deaf.add("api.1")
    shop.rises("web")
    shop.advance(1)
    assert "stop host.apps#1 KILL" in shop.engine.did
    assert shop.view("web").generation == 2
    assert shop.states()["web"] == "ready"
    assert "api does not end: ending the old process of host.apps" in shop.notes
