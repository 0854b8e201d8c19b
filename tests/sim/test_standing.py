"""Score, regret and dominance, on runs made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from balancer.core.modes import Mode
from scenarios.schema import Worth
from sim.run.result import Run
from sim.run.serving import Serving
from sim.study.expectations import MetricBound, NeverAbove, NeverOverBudget, TimeBound
from sim.study.ranking import Standing, dominates, score, standings
from tests.sim.samples import run

AVAILABLE = MetricBound(
    name="availability at least 99%", metric="availability", bound=0.99, at_least=True
)


def law(costs: Sequence[float], **values: Any) -> tuple[Run, ...]:
    """A law's runs of a thousand requests: answers worth $100, less the cost of each run."""
    return tuple(
        run(k, cost_usd=cost, utility_usd=100.0 - cost, offered=1000.0, reasked=0.0, **values)
        for k, cost in enumerate(costs)
    )


def stand(runs: Mapping[str, tuple[Run, ...]], *questions: Any) -> dict[str, Standing]:
    """Standings by law, the counterfactual left out."""
    first = next(iter(runs.values()))
    found = standings(questions, {"none": first, **runs}, tuple(runs), Worth(answer=0.03))
    return {each.law: each for each in found}


def test_the_score_is_utility_for_a_thousand_requests() -> None:
    """Three dollars of 500 requests are six of a thousand; who asks again has one request."""
    assert score(run(utility_usd=3.0, offered=500.0, reasked=0.0)) == 6.0
    assert score(run(utility_usd=3.0, offered=700.0, reasked=200.0)) == 6.0


def test_a_run_without_requests_has_no_score() -> None:
    """And not a score of nothing, which can be the best there is."""
    assert math.isnan(score(run(utility_usd=0.0, offered=0.0, reasked=0.0)))


def test_the_law_of_the_highest_utility_is_the_best() -> None:
    """By the mean over its runs; a loss is still better than a larger one."""
    found = stand({"dear": law([20.0, 22.0]), "cheap": law([10.0, 12.0])})
    assert [found["dear"].best, found["cheap"].best] == [False, True]
    lost = stand({"dear": law([300.0, 320.0]), "cheap": law([200.0, 210.0])})
    assert [lost["dear"].best, lost["cheap"].best] == [False, True]
    assert lost["cheap"].score.estimate == -105.0


def test_a_law_that_misses_an_expectation_is_not_the_best() -> None:
    """However cheap it is; its regret is then negative."""
    found = stand({"good": law([20.0, 20.0]), "idle": law([5.0, 5.0], availability=0.5)}, AVAILABLE)
    assert found["good"].best and not found["idle"].eligible
    assert found["idle"].regret_usd.estimate == -15.0
    assert not found["idle"].within_best


def test_an_expectation_is_met_by_the_estimate() -> None:
    """Its interval makes a verdict, but does not keep a law from taking part."""
    runs = tuple(run(k, availability=share) for k, share in enumerate((0.98, 1.0, 0.995)))
    found = stand({"law": runs}, AVAILABLE)["law"]
    (answer,) = found.answers
    assert answer.judgement.verdict == "inconclusive"
    assert answer.met and found.eligible


def test_reaching_a_mode_does_not_count() -> None:
    """It names a mechanism that a law without modes does not have."""
    reaches = TimeBound(
        name="reaches soft", mode=Mode.SOFT, from_s=0.0, until_s=60.0, within_s=60.0
    )
    found = stand({"throttle": law([1.0, 1.0])}, reaches)["throttle"]
    (answer,) = found.answers
    assert (answer.counts, answer.met, found.eligible) == (False, False, True)


@pytest.mark.parametrize(
    "question",
    [
        TimeBound(name="recovers", mode=Mode.NORMAL, from_s=0.0, until_s=60.0, within_s=60.0),
        NeverAbove(name="never above normal", mode=Mode.NORMAL),
        MetricBound(name="calm", metric="transitions_per_hour", bound=0.5, at_least=False),
        MetricBound(name="not degraded", metric="degraded_share", bound=0.5, at_least=False),
        MetricBound(name="few tries", metric="retry_amplification", bound=0.5, at_least=False),
    ],
    ids=["recovers", "never_above", "transitions", "degraded", "retries"],
)
def test_what_operators_live_through_does_not_count(question: Any) -> None:
    """A law that misses it can be the best all the same; it is told, and no more."""
    soft = Serving(at_s=10.0, worst=Mode.SOFT, back=False)
    busy = tuple(replace(each, servings=(soft,)) for each in law([1.0, 1.0]))
    found = stand({"busy": busy}, question)["busy"]
    assert [(answer.counts, answer.met) for answer in found.answers] == [(False, False)]
    assert found.best


@pytest.mark.parametrize(
    "metric", ["availability", "latency_p95_s", "cost_usd", "quality", "shed_share"]
)
def test_outcomes_count(metric: str) -> None:
    """Whoever misses one is out."""
    question = MetricBound(name=metric, metric=metric, bound=0.5, at_least=False)
    assert not stand({"law": law([1.0, 1.0])}, question)["law"].eligible


def test_never_over_budget_counts() -> None:
    """Money that was not to be spent is an outcome."""
    over = law([1.0, 1.0], budget_overshoot_usd=0.1)
    found = stand({"law": over}, NeverOverBudget(name="budget never exceeded"))["law"]
    assert [(answer.counts, answer.met) for answer in found.answers] == [(True, False)]


def test_regret_is_a_share_of_what_perfect_answers_are_worth() -> None:
    """Fifteen dollars of a thousand answers at three cents are a half; here without spread."""
    found = stand({"best": law([10.0, 30.0]), "other": law([25.0, 45.0])})
    assert found["best"].regret.estimate == 0.0
    regret, dollars = found["other"].regret, found["other"].regret_usd
    assert (dollars.estimate, dollars.low, dollars.high) == (15.0, 15.0, 15.0)
    assert (regret.estimate, regret.low, regret.high) == pytest.approx((0.5, 0.5, 0.5))


def test_noise_that_both_share_does_not_hide_a_regret() -> None:
    """Each law's own interval is wide, that of the difference is not."""
    found = stand({"best": law([10.0, 90.0, 50.0]), "other": law([11.0, 91.0, 51.0])})
    assert found["best"].score.high > found["other"].score.low
    assert not found["other"].within_best


def test_a_law_is_within_the_bests_interval_when_the_runs_cannot_tell() -> None:
    """Dearer on average, cheaper in one of three."""
    found = stand({"best": law([10.0, 20.0, 30.0]), "other": law([15.0, 15.0, 36.0])})
    assert found["best"].best
    assert found["other"].regret.estimate > 0.0
    assert found["other"].within_best


def test_one_replication_tells_nobody_from_the_best_but_the_best() -> None:
    """It has no interval that could contain anything."""
    found = stand({"best": law([10.0]), "other": law([10.5])})
    assert [found["best"].within_best, found["other"].within_best] == [True, False]


def test_who_does_the_same_is_as_good_in_one_replication_too() -> None:
    """Whoever is named first is not better for it."""
    found = stand({"best": law([10.0]), "other": law([10.0])})
    assert [found["best"].within_best, found["other"].within_best] == [True, True]


def test_where_nobody_is_eligible_nobody_is_best() -> None:
    """And there is no regret."""
    found = stand({"one": law([1.0, 1.0], availability=0.5)}, AVAILABLE)["one"]
    assert not found.best and not found.within_best
    assert math.isnan(found.regret.estimate)


@pytest.mark.parametrize(
    ("better", "expected"),
    [
        ({"availability": 1.1}, True),
        ({"latency_p95_s": 0.9}, True),
        ({"cost_per_answer_usd": 0.9}, True),
        ({"quality": 1.1}, True),
        ({}, False),
        ({"quality": 1.1, "latency_p95_s": 1.1}, False),
        ({"retry_amplification": 0.5}, False),
    ],
    ids=lambda value: "-".join(value) or "nothing" if isinstance(value, dict) else "",
)
def test_one_dominates_another_that_is_nowhere_better(
    better: dict[str, Any], expected: bool
) -> None:
    """Equal or worse in all four criteria, and worse in one; nothing else matters."""
    one = [run(k, **better) for k in range(3)]
    other = [run(k) for k in range(3)]
    assert dominates(one, other) is expected


def test_dominance_needs_a_difference_beyond_luck() -> None:
    """Better on average in one criterion, but not surely in any."""
    one = [run(k, quality=value) for k, value in enumerate((1.5, 0.9, 1.0))]
    assert not dominates(one, [run(k) for k in range(3)])


def test_a_law_that_answers_nobody_is_dominated() -> None:
    """Its undefined cost per answer counts as worse than any, and not as unknown."""
    dead = [run(k, availability=0.0, cost_per_answer_usd=math.nan) for k in range(2)]
    alive = [run(k) for k in range(2)]
    assert dominates(alive, dead)
    assert not dominates(dead, alive)
