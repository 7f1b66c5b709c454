"""A shared process gets a new one beside itself: all are ready there before any leaves the old."""

from __future__ import annotations

import pytest

from tests.orchestrator.exchanging import APP, HOST, WAYS, ask, filled, generations, phases, up


@pytest.fixture
def shop():
    """The service web needs api."""
    return up(api=APP, web={**APP, "depends_on": {"api": {}}})


@pytest.mark.parametrize("way", WAYS)
def test_all_are_started_in_the_new_process_in_order_and_come_over_together(shop, way):
    """Whoever looks sees them ready throughout; nobody is asked to end before the last could serve."""
    answer = ask(shop, way)
    before = len(shop.merged.did)
    assert shop.engine.did[-1] == "start host.apps#2"
    assert shop.engine.launches[-1].argv[-1] == "--beside"
    assert shop.merged.did[before:] == []
    shop.begins(HOST)
    assert shop.merged.did[before:] == ["renew api.1#2 in a new process"]
    shop.rises("api")
    assert shop.merged.did[before + 1 :] == ["renew web.1#2 in a new process"]
    assert shop.loop.stage.board.lives["api.1"].generation == 1
    shop.rises("web")
    assert shop.merged.did[before + 2 :] == ["take the place of host.apps#1"]
    assert generations(shop) == {HOST: 2, "api": 2, "web": 2}
    assert set(shop.states().values()) == {"ready"}
    assert {view.pid for view in shop.loop.snapshot.instances} == {shop.view(HOST).pid}
    shop.engine.end(HOST, 0, generation=1)
    shop.settle()
    assert answer[0].ok
    assert phases(shop) == dict.fromkeys(("api", "web", HOST), "ready")
    assert not any("→" in line and "ready →" in line for line in shop.log)
    assert not any(done.startswith("stop") for done in (*shop.merged.did, *shop.engine.did))
    assert "in a new process" in shop.view("web").reason.text
    assert "web has started anew beside itself, in a new process" in shop.notes
    assert [view.restarts for view in shop.loop.snapshot.instances] == [0, 0, 0]


def test_those_that_need_each_other_not_begin_together():
    shop = up(api=APP, web=APP)
    ask(shop)
    shop.begins(HOST)
    assert shop.merged.did[-2:] == ["renew api.1#2 in a new process", "renew web.1#2 in a new process"]


def test_a_command_for_one_is_answered_when_that_one_has_its_new_process(shop):
    """It need not wait for the end of the old process; one for the host does."""
    answer = filled(shop, WAYS[1])
    assert answer[0].ok
    assert phases(shop)[HOST] == "renewing"


def test_the_command_for_the_host_waits_for_the_old_process_and_that_has_its_grace(shop):
    """Then it is killed, and it alone."""
    answer = filled(shop)
    assert answer == []
    shop.engine.deaf.add(HOST)
    shop.advance(shop.loop.stage.board.lives[HOST].service.stop.grace)
    assert shop.engine.did[-1] == "stop host.apps#1 KILL"
    assert "sending SIGKILL to the old process of host.apps" in shop.notes
    assert answer[0].ok
    assert phases(shop)[HOST] == "ready"
    assert shop.engine.running == {HOST: 2}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("label", ["api", HOST])
def test_a_second_restart_is_refused_while_it_is_under_way(shop, way, label):
    """It says what is being done; of a component, when that has its new process, no more."""
    ask(shop, way)
    answer = shop.restart(label)
    assert answer[0].error.sentence.startswith(f"{label} is not restarted: host.apps is being exchanged (")
    assert answer[0].error.sentence.endswith("its new process is not ready yet")
    shop.begins(HOST)
    shop.rises("api")
    shop.rises("web")
    answer = shop.restart(label)
    if label == HOST:
        assert answer[0].error.sentence.endswith("its old process has not ended yet")
    else:
        assert shop.merged.did[-1] == "renew api.1#3"


def test_a_second_restart_with_force_ends_it_all_and_starts_anew(shop):
    """Both processes; the next start is when both have gone."""
    ask(shop)
    shop.begins(HOST)
    shop.restart(HOST, force=True)
    assert {"stop host.apps#1 SIGNAL", "stop host.apps#2 SIGNAL"} <= set(shop.engine.did)
    assert shop.states() == {HOST: "starting", "api": "waiting", "web": "waiting"}
    assert shop.engine.running == {HOST: 2}


def test_one_that_ends_before_its_turn_stays_behind_and_starts_in_the_new_process(shop):
    ask(shop)
    shop.exits("web")
    shop.advance(1)
    assert shop.states()["web"] == "waiting"
    shop.begins(HOST)
    shop.rises("api")
    assert shop.merged.did[-2:] == ["take the place of host.apps#1", "start web.1#2"]


def test_one_that_is_not_ready_is_started_anew_in_the_new_process():
    """It stays where it is until then."""
    shop = up(api={**APP, "health": {"http": "/", "retries": 1, "start_period": 0}}, web=APP)
    shop.fails("api")
    ask(shop)
    shop.begins(HOST)
    shop.rises("web")
    assert shop.merged.did[-3:] == ["take the place of host.apps#1", "stop api.1#1 SIGNAL", "start api.1#2"]


def test_what_others_wait_for_outside_is_waited_for(shop):
    """A component whose database is away begins when that is back; the old one serves meanwhile."""
    shop = up(db={"health": {"notify": True}, "restart": {"delay": 5.0}}, api={**APP, "depends_on": {"db": {}}})
    shop.exits("db")
    ask(shop)
    shop.begins(HOST)
    assert shop.merged.coming == {}
    shop.advance(6)
    shop.passes("db", "READY=1")
    assert shop.merged.coming == {"api.1": 2}


def test_restart_edges_that_lead_out_of_the_process_follow_it():
    """Once; those within it do not."""
    follow = {"api": {"on_loss": "restart"}}
    shop = up(api=APP, web={**APP, "depends_on": follow}, worker={"depends_on": follow})
    shop.advance(2)
    answer = filled(shop)
    assert "stop worker.1#1 SIGNAL" in shop.engine.did
    assert not any(done.startswith("stop") for done in shop.merged.did)
    shop.engine.end(HOST, 0, generation=1)
    shop.advance(1)
    assert answer[0].ok
    assert generations(shop) == {HOST: 2, "api": 2, "web": 2, "worker": 2}


def test_two_that_need_it_share_one(shop):
    """Both were asked for; the second is not restarted for its own sake."""
    answer = shop.restart("api", "web")
    shop.keeps("api", "common.py has changed", needs_process=True)
    shop.begins(HOST)
    shop.keeps("web", "common.py has changed", needs_process=True)
    shop.rises("api")
    shop.rises("web")
    assert answer[0].ok
    assert [done for done in shop.engine.did if done.startswith("start")] == ["start host.apps#1", "start host.apps#2"]
    assert generations(shop) == {HOST: 2, "api": 2, "web": 2}
