"""The sequential tests: closed forms, and error rates that were promised, by drawing."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest

from balancer.core.laws.evidence import ALARM, Change, Spending, likelihood, verdict

ALLOWED = 0.05


def requests_to_alarm(share_bad: float, chance: random.Random, most: int) -> int | None:
    """Requests until an e-CUSUM of 5 % allowed raises an alarm; None: it never did."""
    change = Change(ALLOWED)
    for n in range(1, most + 1):
        if change.add(chance.random() < share_bad, 1):
            return n
    return None


# --- leaving ------------------------------------------------------------------------------


def test_six_bad_requests_in_a_row_are_an_alarm_and_five_are_not() -> None:
    """The score for the worst share gains log(0.905 / 0.05) a request: 15.2 / 2.90 = 5.25."""
    change = Change(ALLOWED)
    assert [change.add(1, 1) for _ in range(6)] == [False] * 5 + [True]
    assert math.ceil(ALARM / math.log(0.905 / ALLOWED)) == 6
    assert change.since() == (6, 6)


def test_traffic_just_healthy_raises_no_alarm() -> None:
    """4 % bad where 5 % are allowed: none in thirty runs of 20,000 requests."""
    alarms = [requests_to_alarm(0.04, random.Random(seed), 20_000) for seed in range(30)]
    assert alarms == [None] * 30


@pytest.mark.parametrize(
    ("share_bad", "expected"), [(0.15, 194), (0.30, 42), (0.50, 17), (0.95, 6)]
)
def test_the_worse_it_is_the_fewer_requests_an_alarm_takes(share_bad: float, expected: int) -> None:
    """Medians of 200 runs, within a fifth."""
    chance = random.Random(7)
    found = [requests_to_alarm(share_bad, chance, 100_000) or 0 for _ in range(200)]
    assert median(found) == pytest.approx(expected, rel=0.2)


def test_what_is_good_before_a_change_does_not_delay_its_alarm() -> None:
    """A score is never below nought, so a healthy month owes nothing."""
    change = Change(ALLOWED)
    for _ in range(1000):
        change.add(0, 50)
    assert [change.add(1, 1) for _ in range(6)][-1]


def test_the_counts_since_the_change_leave_out_what_was_before() -> None:
    """A bad request and a hundred good ones, then the change: 8 of 10."""
    change = Change(ALLOWED)
    change.add(1, 1)
    change.add(0, 100)
    change.add(8, 10)
    assert change.since() == (8, 10)


def test_counts_of_a_tick_weigh_as_requests_one_by_one() -> None:
    """Where no score falls to nought between them, however replicas and ticks divide them."""
    together, apart = Change(ALLOWED), Change(ALLOWED)
    together.add(4, 6)
    for bad in (1, 1, 0, 1, 0, 1):
        apart.add(bad, 1)
    assert together.scores == pytest.approx(apart.scores)
    assert together.counts == apart.counts


def test_silence_is_no_evidence() -> None:
    """No requests, no alarm."""
    change = Change(ALLOWED)
    assert not change.add(0, 0)
    assert change.scores == [0.0] * 4


def test_a_reset_forgets() -> None:
    """Five bad ones, a reset, five more: no alarm."""
    change = Change(ALLOWED)
    change.add(5, 5)
    change.reset()
    assert not change.add(5, 5)


# --- coming back --------------------------------------------------------------------------


def test_fifteen_good_requests_are_a_healthy_target_and_two_bad_ones_an_ill_one() -> None:
    """Needed are log 50 / log(0.975 / 0.75) = 14.9 and log 20 / log(0.25 / 0.025) = 1.3."""
    assert (verdict(0, 14, ALLOWED), verdict(0, 15, ALLOWED)) == (None, True)
    assert (verdict(1, 1, ALLOWED), verdict(2, 2, ALLOWED)) == (None, False)


def test_one_bad_request_takes_nine_good_ones_more() -> None:
    """That is log(0.25 / 0.025) / log(0.975 / 0.75) = 8.8, and the bad one itself."""
    assert (verdict(1, 24, ALLOWED), verdict(1, 25, ALLOWED)) == (None, True)


@pytest.mark.parametrize(
    ("share_bad", "wrong", "at_most"), [(ALLOWED / 2, False, 1 / 20), (0.25, True, 1 / 50)]
)
def test_verdicts_are_wrong_no_oftener_than_promised(
    share_bad: float, wrong: bool, at_most: float
) -> None:
    """Over two thousand rounds; the bounds are Wald's, with three standard errors of the draw."""
    chance = random.Random(11)
    verdicts, sizes = [], []
    for _ in range(2000):
        k = n = 0
        while verdict(k, n, ALLOWED) is None:
            k, n = k + (chance.random() < share_bad), n + 1
        verdicts.append(verdict(k, n, ALLOWED))
        sizes.append(n)
    error = math.sqrt(at_most * (1.0 - at_most) / len(verdicts))
    assert verdicts.count(wrong) / len(verdicts) <= at_most + 3.0 * error
    assert median(sizes) <= 20


@pytest.mark.parametrize("allowed", [0.01, 0.05, 0.2, 0.5, 0.9, 0.999])
def test_whatever_is_allowed_good_requests_speak_for_and_bad_ones_against(allowed: float) -> None:
    """Healthy is always likelier to be good than ill is."""
    assert likelihood(0, 1, allowed) > 0.0 > likelihood(1, 1, allowed)


# --- money --------------------------------------------------------------------------------


def ticks_to_excess(per_s: float, mean: float, chance: random.Random, ticks: int) -> int | None:
    """Ticks until exponential costs of a mean are found above 1.73 a request; None: never."""
    spending = Spending(60)
    for tick in range(ticks):
        n, left = 0, chance.expovariate(per_s)
        while left < 1.0:
            n, left = n + 1, left + chance.expovariate(per_s)
        cost = sum(round(1e6 * chance.expovariate(1.0 / mean)) for _ in range(n))
        spending.add(tick, n, cost, 0)
        if n and spending.above(tick, 2, 1.73e6 * per_s):
            return tick
    return None


@pytest.mark.parametrize("per_s", [0.02, 0.2, 5.5])
def test_usual_spending_is_never_found_excessive(per_s: float) -> None:
    """The threshold is 1.73 times the usual cost; six runs of two hours each."""
    found = [ticks_to_excess(per_s, 1.0, random.Random(seed), 7200) for seed in range(6)]
    assert found == [None] * 6


@pytest.mark.parametrize("per_s", [0.2, 5.5])
def test_three_times_the_spending_is_found_within_some_hundred_requests(per_s: float) -> None:
    """From a cold start; at 5.5 requests a second the first window of a minute is enough."""
    found = [ticks_to_excess(per_s, 3.0, random.Random(seed), 7200) for seed in range(8)]
    late = [7200 if tick is None else tick for tick in found]
    assert median(late) <= max(75.0, 150.0 / per_s)


def test_spending_is_not_judged_within_a_minute_of_its_start() -> None:
    """However much it is."""
    spending = Spending(60)
    spending.reset(100)
    for tick in range(101, 160):
        spending.add(tick, 5, 10**9, 0)
        assert spending.above(tick, 2, 1.0) is None
    spending.add(160, 5, 10**9, 0)
    mean, requests = spending.above(160, 2, 1.0) or (0.0, 0)
    assert (round(mean), requests) == (10**9, 300)


def test_tokens_are_judged_as_dollars_are() -> None:
    """By their own column."""
    spending = Spending(60)
    for tick in range(100):
        spending.add(tick, 1, 0, 1000)
    assert spending.above(99, 3, 100.0) is not None
    assert spending.above(99, 2, 100.0) is None


def test_requests_longer_ago_than_a_minute_are_kept_until_there_are_a_hundred() -> None:
    """So that three requests a minute can be judged, and a rush does not fill the memory."""
    slow, quick = Spending(60), Spending(60)
    for tick in range(0, 6000, 20):
        slow.add(tick, 1, 1, 0)
    for tick in range(6000):
        quick.add(tick, 50, 1, 0)
    assert sum(row[1] for row in slow.rows) == 100
    assert len(quick.rows) == 61
