"""The restart rule, case by case."""

from __future__ import annotations

import pytest

from launcher.orchestrator.restart import Break, Circuit, Done, GiveUp, Retry, Tally, ended, steadied, tried
from launcher.profile.model import Policy, Restart

RULE = Restart(policy=Policy.ON_FAILURE, delay=1.0, factor=2.0, max_delay=5.0, burst=3, window=60.0, cooldown=30.0)


def crash(tally: Tally, now: float, rule: Restart = RULE, chance: float = 0.0):
    return ended(tally, rule, well=False, now=now, chance=chance)


def test_delays_grow_by_the_factor_up_to_the_longest():
    """Each further wait is `factor` times longer, and never longer than `max_delay`."""
    rule = Restart(policy=Policy.ON_FAILURE, delay=1.0, factor=2.0, max_delay=5.0, burst=100)
    tally, delays = Tally(), []
    for second in range(5):
        tally, decision = crash(tally, second, rule)
        delays.append(decision.delay)
    assert delays == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_only_lengthens():
    """Chance adds up to a tenth of the wait, and takes nothing away."""
    assert crash(Tally(), 0.0, chance=0.0)[1] == Retry(1.0)
    assert crash(Tally(), 0.0, chance=0.5)[1] == Retry(1.05)


def test_more_than_burst_failures_within_the_window_open_the_circuit():
    """The burst-th failure is still retried, the next one is not."""
    tally = Tally()
    for second in (0.0, 1.0, 2.0):
        tally, decision = crash(tally, second)
        assert isinstance(decision, Retry)
    tally, decision = crash(tally, 3.0)
    assert decision == Break(30.0, first=True, failures=4)
    assert tally.circuit is Circuit.OPEN


def test_failures_older_than_the_window_do_not_count():
    """A crash a minute goes on for ever."""
    tally = Tally()
    for minute in range(20):
        tally, decision = crash(tally, minute * 61.0)
        assert isinstance(decision, Retry)


def test_a_failed_trial_opens_the_circuit_again_and_is_no_news():
    """Half open: one failure is enough, and it is not the first opening."""
    tally = tried(Tally(failures=(0.0,), circuit=Circuit.OPEN))
    assert tally.circuit is Circuit.HALF_OPEN
    tally, decision = crash(tally, 100.0)
    assert decision == Break(30.0, first=False, failures=1)
    assert tally.circuit is Circuit.OPEN


def test_staying_ready_closes_a_half_open_circuit_and_forgets():
    """After a successful trial the rule starts from nothing."""
    assert steadied(tried(Tally(failures=(1.0, 2.0), streak=4, circuit=Circuit.OPEN))) == Tally()


def test_staying_ready_resets_the_delay_but_not_the_count_of_failures():
    """A service that crashes every eleven seconds still opens the circuit."""
    tally = steadied(Tally(failures=(1.0, 2.0), streak=4))
    assert (tally.streak, tally.failures) == (0, (1.0, 2.0))


@pytest.mark.parametrize(
    ("policy", "well", "expected"),
    [
        (Policy.NO, True, Done),
        (Policy.NO, False, GiveUp),
        (Policy.ON_FAILURE, True, Done),
        (Policy.ON_FAILURE, False, Retry),
        (Policy.ALWAYS, True, Retry),
        (Policy.ALWAYS, False, Retry),
    ],
)
def test_policy_decides_which_ends_are_followed_by_a_start(policy, well, expected):
    """`no` never restarts, `on-failure` after failures, `always` after every end."""
    _, decision = ended(Tally(), Restart(policy=policy), well=well, now=0.0, chance=0.0)
    assert isinstance(decision, expected)


def test_a_good_end_under_always_is_no_failure():
    """It is started again with growing waits, but never opens the circuit."""
    rule, tally = Restart(policy=Policy.ALWAYS, burst=1), Tally()
    for _ in range(10):
        tally, decision = ended(tally, rule, well=True, now=0.0, chance=0.0)
        assert isinstance(decision, Retry)
    assert tally.failures == ()


def test_cooldown_never_waits_for_a_command():
    """No trial is to come."""
    rule = Restart(policy=Policy.ON_FAILURE, burst=0, cooldown="never")
    assert crash(Tally(), 0.0, rule)[1] == Break(None, first=True, failures=1)
