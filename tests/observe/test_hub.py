"""The hub: lines go once, in order, to everyone who listens, and log probes see them until the first match."""

import pytest

from launcher.observe.hub import Batch, Hub
from launcher.observe.redact import Redactor
from launcher.orchestrator.orders import Run

API = Run("api.1", 1)


class Room:
    def __init__(self):
        self.full = False
        self.wakes = []

    def on_room(self, wake):
        self.wakes.append(wake)


@pytest.fixture
def room():
    return Room()


def make_hub(room=None, **more):
    return Hub(room or Room(), label_of=lambda instance: instance.removesuffix(".1"), wall=lambda: 12.5, **more)


def test_a_batch_is_whole_lines_with_label_and_time():
    hub, seen = make_hub(), []
    hub.follow(seen.append)
    hub.write(API, b"one\ntw")
    hub.write(API, b"o\n")
    assert seen == [Batch(API, "api", b"one\n", 12.5), Batch(API, "api", b"two\n", 12.5)]


def test_runs_are_not_mixed():
    """The unfinished line of one run waits for that run, of one generation, alone."""
    hub, seen = make_hub(), []
    hub.follow(seen.append)
    hub.write(API, b"from ")
    hub.write(Run("web.1", 1), b"web\n")
    hub.write(Run("api.1", 2), b"second\n")
    hub.write(API, b"first\n")
    assert [batch.lines for batch in seen] == [b"web\n", b"second\n", b"from first\n"]


def test_the_end_gives_out_what_is_left():
    hub, seen = make_hub(), []
    hub.follow(seen.append)
    hub.write(API, b"last words")
    hub.end(API)
    hub.end(API)
    assert [batch.lines for batch in seen] == [b"last words\n"]


def test_consumers_hear_in_the_order_in_which_they_came_until_they_leave():
    hub, heard = make_hub(), []
    leave = hub.follow(lambda batch: heard.append(("first", batch.lines)))
    hub.follow(lambda batch: heard.append(("second", batch.lines)))
    hub.write(API, b"1\n")
    leave()
    leave()
    hub.write(API, b"2\n")
    assert heard == [("first", b"1\n"), ("second", b"1\n"), ("second", b"2\n")]


def test_a_consumer_may_leave_while_it_is_called():
    hub, heard = make_hub(), []

    def once(batch):
        heard.append(batch.lines)
        leave()

    leave = hub.follow(once)
    hub.follow(lambda batch: heard.append(batch.lines))
    hub.write(API, b"1\n")
    hub.write(API, b"2\n")
    assert heard == [b"1\n", b"1\n", b"2\n"]


def test_a_full_writer_stops_the_reader_but_takes_the_batch(room):
    hub, seen = make_hub(room), []
    hub.follow(seen.append)
    assert hub.write(API, b"one\n")
    room.full = True
    assert not hub.write(API, b"two\n")
    assert len(seen) == 2


def test_the_reader_is_woken_by_the_writer(room):
    wake = object()
    make_hub(room).on_room(wake)
    assert room.wakes == [wake]


def test_what_is_redacted_is_seen_by_nobody():
    """Redaction works on whole lines, so a secret cut by a batch's end is found."""
    redactor = Redactor()
    redactor.learn(["hunter2"])
    hub, seen, matched = make_hub(redact=redactor), [], []
    hub.follow(seen.append)
    hub.tap(API, "password", matched.append)
    hub.write(API, b"password hun")
    hub.write(API, b"ter2\n")
    assert seen[0].lines == b"password ***\n"
    assert matched == ["password ***"]


def test_a_tap_sees_the_first_line_that_matches_once():
    hub, matched = make_hub(), []
    hub.tap(API, r"listening on \d+$", matched.append)
    hub.write(API, b"boot\nlistening on 80")
    assert matched == []
    hub.write(API, b"80\nlistening on 8081\n")
    hub.write(API, b"listening on 8082\n")
    assert matched == ["listening on 8080"]


def test_a_tap_sees_a_last_line_without_newline():
    hub, matched = make_hub(), []
    hub.tap(API, "ready", matched.append)
    hub.write(API, b"ready")
    hub.end(API)
    assert matched == ["ready"]


def test_a_tap_may_come_after_the_line_where_it_is_awaited():
    """The probe is set up when the process already runs: its first lines are held for that."""
    hub, matched = make_hub(awaited={"api.1"}), []
    hub.write(API, b"boot\nready\n")
    hub.end(API)
    hub.tap(API, "ready", matched.append)
    assert matched == ["ready"]


def test_a_tap_sees_nothing_of_another_generation():
    hub, matched = make_hub(awaited={"api.1"}), []
    hub.write(API, b"ready\n")
    hub.write(Run("api.1", 2), b"boot\n")
    hub.tap(Run("api.1", 2), "ready", matched.append)
    hub.tap(API, "ready", matched.append)
    hub.write(API, b"ready\n")
    assert matched == []
    hub.write(Run("api.1", 2), b"ready at last\n")
    assert matched == ["ready at last"]


def test_an_untapped_run_is_looked_at_no_more():
    hub, matched = make_hub(awaited={"api.1"}), []
    hub.tap(API, "ready", matched.append)
    hub.untap(Run("api.1", 0))
    hub.untap(API)
    hub.write(API, b"ready\n")
    assert matched == []


def test_a_match_may_untap():
    """What is called at a match may call the hub."""
    hub, matched = make_hub(), []
    hub.tap(API, "ready", lambda line: (matched.append(line), hub.untap(API)))
    hub.write(API, b"ready\nready\n")
    assert matched == ["ready"]


def test_the_next_generation_is_held_anew():
    hub, matched = make_hub(awaited={"api.1"}), []
    for generation in (1, 2):
        run = Run("api.1", generation)
        hub.write(run, b"ready\n")
        hub.tap(run, "ready", matched.append)
        hub.write(run, b"ready\n")
    assert matched == ["ready", "ready"]


def test_lines_of_invalid_utf8_can_match():
    hub, matched = make_hub(), []
    hub.tap(API, "ready", matched.append)
    hub.write(API, b"\xff ready\n")
    assert matched == ["� ready"]
