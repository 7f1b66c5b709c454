"""What the launcher says of itself, state by state."""

import pytest

from launcher.observe.wording import duration, started, wording
from launcher.orchestrator.snapshot import Changed, Noted, Reason, State


def news(before, state, text="", *, pid=None, code=None, at=10.52):
    return Changed(
        instance="api.1",
        service="api",
        label="api",
        generation=3,
        before=State(before),
        state=State(state),
        reason=Reason(text=text, causes=("db",) if text.startswith("waits") else ()),
        at=at,
        pid=pid,
        exit_code=code,
    )


SAID = [
    # (transition, our lines, honcho's lines)
    (news("pending", "waiting", "waits for db (healthy)"), ("api waits for db (healthy)",), ()),
    (news("pending", "waiting", "asked for"), (), ()),
    (news("waiting", "waiting", "waits for cache (healthy)"), ("api waits for cache (healthy)",), ()),
    (news("waiting", "starting", "start"), (), ()),
    (news("starting", "starting", pid=7), (), ()),
    (news("starting", "ready", pid=7), ("api ready after 0.52 s",), ()),
    (news("unhealthy", "ready", pid=7), ("api healthy again",), ()),
    (news("ready", "unhealthy", "HTTP 503, 3 times", pid=7), ("api unhealthy: HTTP 503, 3 times",), ()),
    (
        news("ready", "backoff", "exited with code 1, again in 0.2 s", code=1),
        ("api stopped (rc=1)", "api backoff: exited with code 1, again in 0.2 s"),
        ("api stopped (rc=1)",),
    ),
    (news("starting", "backoff", "command not found: x"), ("api backoff: command not found: x",), ()),
    (
        news("starting", "failed", "circuit", code=-9),
        ("api stopped (rc=-9)", "api failed: circuit"),
        ("api stopped (rc=-9)",),
    ),
    (news("backoff", "failed", "circuit", code=1), ("api failed: circuit",), ()),
    (news("starting", "failed", "E3003 no memory"), ("api failed: E3003 no memory",), ("api failed: E3003 no memory",)),
    (news("waiting", "skipped", "db failed"), ("api skipped: db failed",), ()),
    (
        news("ready", "stopping", "stop", pid=7),
        ("sending SIGTERM to api (pid 7)",),
        ("sending SIGTERM to api (pid 7)",),
    ),
    (news("stopping", "stopping", "stop", pid=7), (), ()),
    (news("stopping", "stopped", "stop", code=-15), ("api stopped (rc=-15)",), ("api stopped (rc=-15)",)),
    (news("waiting", "stopped", "stop"), (), ()),
    (news("ready", "completed", "done", code=0), ("api stopped (rc=0)",), ("api stopped (rc=0)",)),
    (Noted(text="SIGINT received"), ("SIGINT received",), ("SIGINT received",)),
    (Noted(text="two\nlines"), ("two", "lines"), ("two", "lines")),
]


@pytest.mark.parametrize(
    ("what", "ours", "honchos"), SAID, ids=[getattr(row[0], "state", "note") + str(i) for i, row in enumerate(SAID)]
)
def test_a_transition_is_told(what, ours, honchos):
    assert wording(what, since=10.0) == ours
    assert wording(what, since=10.0, procfile=True) == honchos


def test_ready_of_an_adopted_process_tells_no_time():
    assert wording(news("pending", "ready", pid=7)) == ("api ready",)


def test_the_stop_signal_of_the_service_is_named():
    assert wording(news("ready", "stopping", pid=7), signal="INT") == ("sending SIGINT to api (pid 7)",)


def test_a_start_is_told_in_honchos_words():
    assert started(news("waiting", "starting", pid=7)) == "api started (pid=7)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.00 s"), (0.524, "0.52 s"), (9.99, "9.99 s"), (12.34, "12.3 s"), (125, "2 min 5 s")],
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text


def test_a_stop_command_is_said_as_such():
    """Where one is run instead of the signal."""
    assert wording(news("ready", "stopping", pid=7), signal="") == ("running the stop command of api (pid 7)",)
