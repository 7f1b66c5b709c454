"""Nothing secret leaves the loop: not in news, snapshots, outcomes or the file it keeps, whoever brought it in."""

from __future__ import annotations

import msgspec
import pytest

from launcher.errors import SpawnFailed
from launcher.orchestrator.events import RestartAsked, StopAsked, Verdict
from launcher.orchestrator.launches import Prepared, secrets_of
from launcher.orchestrator.orders import Launch
from launcher.orchestrator.snapshot import State
from launcher.profile.model import Health
from launcher.testing import Rehearsal

SECRET = "hunter2-hunter2"
CHECK = {"notify": True, "start_period": 0.0, "retries": 1}


class Eavesdropper:
    """Keeps everything that leaves a rehearsal's loop."""

    def __init__(self, **service):
        self.heard = []
        self.rehearsal = Rehearsal({"api": {"env": {"API_TOKEN": SECRET}, **service}})
        self.rehearsal.loop.subscribe(self.heard.append)
        self.outcomes = self.rehearsal.start()

    def finds(self, text):
        outcomes = [(each.lines, str(each.error), getattr(each.error, "remedy", "")) for each in self.outcomes]
        told = [*self.heard, self.rehearsal.loop.snapshot, outcomes]
        return text.encode() in b"".join(map(msgspec.json.encode, told)) + self.rehearsal.store.text


def answers_of_probes(spy):
    spy.rehearsal.passes("api", f"HTTP 200 {SECRET}")
    spy.rehearsal.fails("api", f"HTTP 500 {SECRET}")
    assert spy.rehearsal.state("api") is State.UNHEALTHY


def a_start_that_is_not_ready(spy):
    spy.rehearsal.fails("api", f"HTTP 500 {SECRET}")
    spy.rehearsal.advance(100)
    assert spy.rehearsal.state("api") is State.FAILED
    assert "HTTP 500 ***" in str(spy.outcomes[0].error)


def a_refused_start(spy):
    spy.rehearsal.passes("api")
    spy.rehearsal.engine.broken["api.1"] = SpawnFailed(f"cannot start: {SECRET}")
    spy.rehearsal.exits("api", 1)
    spy.rehearsal.advance(0.2)
    assert spy.rehearsal.state("api") is State.BACKOFF


def words_of_commands(spy):
    spy.rehearsal.passes("api")
    for make in (RestartAsked, StopAsked):
        spy.rehearsal.loop.post(make(services=("api",), by=f"by {SECRET}", reply=spy.outcomes.append))
        spy.rehearsal.settle()
    assert spy.rehearsal.state("api") is State.STOPPED


def a_check_by_command(spy):
    spy.rehearsal.passes("api")
    spy.outcomes = spy.rehearsal.check("api")
    spy.rehearsal.checked("api", Verdict(ok=True, answer=SECRET))
    assert spy.outcomes[-1].lines == ("api is healthy by notify: ***",)


def a_secret_learnt_too_late(spy):
    spy.rehearsal.passes("api", "HTTP 200 late-secret")
    spy.rehearsal.loop.stage.redaction.learn(["late-secret"])
    spy.heard.clear()
    spy.rehearsal.loop.stage.changed(
        spy.rehearsal.loop.stage.board.lives["api.1"], spy.rehearsal.loop.stage.board.lives["api.1"].phase
    )
    assert not any(b"late-secret" in msgspec.json.encode(news) for news in spy.heard)


@pytest.mark.parametrize(
    "history",
    [
        answers_of_probes,
        a_start_that_is_not_ready,
        a_refused_start,
        words_of_commands,
        a_check_by_command,
        a_secret_learnt_too_late,
    ],
)
def test_no_secret_leaves_the_loop(history):
    """Texts that come in are redacted, and what stays of them says that something was."""
    spy = Eavesdropper(health=CHECK)
    history(spy)
    assert not spy.finds(SECRET)
    assert spy.finds("***") or history is a_secret_learnt_too_late


def test_an_env_file_read_again_is_known_before_the_start():
    """Each start's environment is taught before the process exists."""
    spy = Eavesdropper(health=CHECK)
    spy.rehearsal.world.inherited["NEXT_TOKEN"] = "next-value"
    spy.rehearsal.passes("api")
    spy.rehearsal.exits("api", 1)
    spy.rehearsal.advance(0.2)
    spy.rehearsal.fails("api", "next-value")
    assert spy.rehearsal.view("api").health.answer == "***"


def test_what_is_secret_of_a_start():
    """Variables by name and by list, user parts of URLs wherever they stand, headers that prove who asks."""
    launch = Launch(
        instance="api.1",
        generation=1,
        argv=("run", "http://arg:one@h"),
        shell="run redis://sh:two@h",
        directory="/",
        env={"A_TOKEN": "three", "MINE": "four", "URL": "x://u:fi%40ve@h", "PLAIN": "six"},
    )
    health = Health(http="http://he:seven@h/", headers={"Authorization": "eight", "X-Secret": "nine", "Accept": "ten"})
    assert secrets_of(Prepared(launch, health), ["MINE"]) == {
        *("arg:one", "one", "sh:two", "two", "three", "four", "u:fi%40ve", "u:fi@ve", "fi%40ve", "fi@ve"),
        *("he:seven", "seven", "eight", "nine"),
    }
    assert secrets_of(Prepared(launch, Health(exec=["x", "http://e:x-ec@h"])), []) >= {"x-ec"}
