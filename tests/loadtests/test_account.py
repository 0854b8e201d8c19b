"""The account of a live run is the simulator's."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.modes import Priority
from balancer.core.routes import resolve
from balancer.core.strategy import Strategy
from balancer.policy_file import default_model, default_policy
from loadtests.account import account
from loadtests.rows import ANSWER, FAILED, FALLBACK, SHED, Call, Fate, Request
from loadtests.spending import with_budget
from loadtests.traffic import Planned
from sim.plant.totals import Totals

from .small import small_scenario

MODEL = default_model()
LITE = resolve(Strategy(model="one cheaper"), MODEL, default_policy().catalog)[0]


def planned(number: int, at_s: float = 10.0, priority: Priority = Priority.NORMAL) -> Planned:
    """A request."""
    return Planned(number, at_s, "chat", priority, None, 100)


def sent(number: int, outcome: str = ANSWER, took_s: float = 2.0) -> Request:
    """The same, as its user saw it."""
    return Request(number, 10.0, 10.0, 10.0 + took_s, outcome, 200)


def call(number: int, **changes: Any) -> Call:
    """An attempt that was answered."""
    return Call(number, 0, 0, MODEL, 10.0, 12.0, "", 100, 0, 50, 0, 7)._replace(**changes)


def fate(number: int, **changes: Any) -> Fate:
    """The same, as the mock dealt it."""
    row = Fate(number, 0, MODEL, 10.0, 2.0, "", 100, 0, 50, 0, 1_000_000, 1_000_000, 9)
    return row._replace(**changes)


def totals(
    traffic: list[Planned], requests: list[Request], calls: list[Call], fates: list[Fate]
) -> Totals:
    """Their account."""
    return account(
        small_scenario(warm_up=5),
        default_policy(),
        traffic,
        requests=requests,
        calls=calls,
        fates=fates,
    )


def test_the_bill_is_the_upstreams_and_the_estimate_the_applications() -> None:
    """They differ where a fault raises prices or usage is lost."""
    found = totals([planned(0)], [sent(0)], [call(0)], [fate(0)])
    assert (found.true_nano_usd, found.observed_nano_usd) == (9, 7)


def test_without_a_mock_the_estimate_is_taken_for_the_bill() -> None:
    """The real API shows none."""
    found = totals([planned(0)], [sent(0)], [call(0)], [])
    assert (found.true_nano_usd, found.output_tokens) == (7, 50)


def test_every_request_is_admitted_or_shed() -> None:
    """And those that are shed may get the static answer."""
    traffic = [planned(0), planned(1, priority=Priority.LOW), planned(2, priority=Priority.LOW)]
    requests = [sent(0), sent(1, SHED), sent(2, FALLBACK)]
    found = totals(traffic, requests, [call(0)], [fate(0)])
    assert (found.offered, found.admitted, found.shed, found.answered) == (3, 1, 2, 1)
    assert found.fallback == 1


def test_what_came_before_the_warm_up_ended_is_left_out() -> None:
    """As in the simulator."""
    found = totals([planned(0, at_s=4.0)], [sent(0)], [call(0)], [fate(0)])
    assert (found.offered, found.attempts, found.true_nano_usd) == (0, 0, 0)


def test_latency_is_of_answers_and_timeouts() -> None:
    """A fast failure must not lower it."""
    traffic = [planned(0), planned(1), planned(2)]
    requests = [sent(0, took_s=2.0), sent(1, FAILED, took_s=60.0), sent(2, FAILED, took_s=0.1)]
    calls = [call(0), call(1, failure="timeout"), call(2, failure="overloaded")]
    found = totals(traffic, requests, calls, [])
    assert found.latency_sum_s == pytest.approx(62.0)
    assert found.latency.total == 2
    assert (found.failed, found.attempts_failed) == (2, 2)


def test_quality_is_that_of_the_model_and_of_what_was_delivered() -> None:
    """Of the attempt that answered."""
    calls = [call(0, failure="overloaded"), call(0, attempt=1, mode=1, model=LITE)]
    changes = {"model": LITE, "delivered_ppm": 500_000, "quality_ppm": 425_000}
    fates = [fate(0), fate(0, attempt=1, **changes)]
    found = totals([planned(0)], [sent(0)], calls, fates)
    assert found.truncated == 1
    assert found.quality_ppm_sum == found.good_quality_ppm_sum == 425_000 * 97 // 100
    assert found.sibling_quality_ppm_sum == found.quality_ppm_sum
    assert found.attempts == 2


def test_a_plans_edits_cost_quality_as_in_the_simulator() -> None:
    """Hard asks for brevity and cuts the history; of a real model the profile is all there is."""
    hard = call(0, mode=2, model=LITE)
    found = totals([planned(0)], [sent(0)], [hard], [fate(0, model=LITE, quality_ppm=782_000)])
    assert found.quality_ppm_sum == pytest.approx(0.782 * 0.97 * 0.95 * 1e6, abs=1)
    real = totals([planned(0)], [sent(0)], [hard], [])
    assert real.quality_ppm_sum == pytest.approx(0.85 * 0.97 * 0.95 * 1e6, abs=1)


def test_waiting_counts_from_asking_and_late_answers_are_worth_nothing() -> None:
    """Answers and failures wait; who is shed does not."""
    traffic = [planned(number, at_s=9.0) for number in range(4)]
    requests = [sent(0), sent(1, took_s=60.0), sent(2, FAILED, took_s=0.5), sent(3, SHED)]
    calls = [call(0), call(1), call(2, failure="overloaded")]
    found = totals(traffic, requests, calls, [fate(0), fate(1), fate(2, failure="overloaded")])
    assert found.waiting_s == pytest.approx(3.0 + 61.0 + 1.5)
    assert (found.quality_ppm_sum, found.good_quality_ppm_sum) == (2_000_000, 1_000_000)
    assert found.sibling_quality_ppm_sum == 0


def test_an_attempt_at_a_later_model_of_the_plan_is_a_fallback() -> None:
    """And one that starts over with the first repeats it."""
    models = (MODEL, LITE, MODEL, LITE)
    calls = [call(0, attempt=k, model=model, failure="x") for k, model in enumerate(models)]
    found = totals([planned(0)], [sent(0, FAILED)], calls, [])
    assert (found.attempts, found.fallback_attempts) == (4, 2)


def test_a_budget_is_overshot_by_the_worst_window() -> None:
    """Bills count when their caller saw the outcome."""
    policy = with_budget(default_policy(), 15)
    requests = [sent(0), sent(1)]
    found = account(
        small_scenario(),
        policy,
        [planned(0), planned(1)],
        requests=requests,
        calls=[call(0), call(1, ended_s=30.0)],
        fates=[fate(0), fate(1)],
    )
    assert found.overshoot_nano_usd == 3
