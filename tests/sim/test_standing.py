"""Score, regret and dominance, on runs made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from balancer.core.modes import Mode
from sim.expectations import MetricBound, NeverAbove, TimeBound
from sim.run import Run
from sim.standing import Standing, dominates, score, standings
from tests.sim.samples import run

AVAILABLE = MetricBound(
    name="availability at least 99%", metric="availability", bound=0.99, at_least=True
)


def law(costs: Sequence[float], **values: Any) -> tuple[Run, ...]:
    """A law's runs: the cost of each, all else the same; ten quality-weighted answers."""
    return tuple(
        run(k, cost_usd=cost, quality_weighted_answers=10.0, **values)
        for k, cost in enumerate(costs)
    )


def stand(runs: Mapping[str, tuple[Run, ...]], *questions: Any) -> dict[str, Standing]:
    """Standings by law, the counterfactual left out."""
    first = next(iter(runs.values()))
    found = standings(questions, {"none": first, **runs}, tuple(runs))
    return {each.law: each for each in found}


def test_the_score_is_dollars_per_quality_weighted_answer() -> None:
    """Three dollars for two answers' worth."""
    assert score(run(cost_usd=3.0, quality_weighted_answers=2.0)) == 1.5


def test_a_run_without_answers_has_no_score() -> None:
    """And not a score of nothing, which would be the best there is."""
    assert math.isnan(score(run(cost_usd=0.0, quality_weighted_answers=0.0)))


def test_the_cheapest_law_is_the_best() -> None:
    """By the mean over its runs."""
    found = stand({"dear": law([20.0, 22.0]), "cheap": law([10.0, 12.0])})
    assert [found["dear"].best, found["cheap"].best] == [False, True]


def test_a_law_that_misses_an_expectation_is_not_the_best() -> None:
    """However cheap it is; its regret is then negative."""
    found = stand({"good": law([20.0, 20.0]), "idle": law([5.0, 5.0], availability=0.5)}, AVAILABLE)
    assert found["good"].best and not found["idle"].eligible
    assert found["idle"].regret.estimate == -0.75
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


def test_recovering_and_staying_below_a_mode_do_count() -> None:
    """They are about what users get; a law without modes meets them by itself."""
    recovers = TimeBound(name="recovers", mode=Mode.NORMAL, from_s=0.0, until_s=60.0, within_s=60.0)
    never = NeverAbove(name="never above hard", mode=Mode.HARD)
    found = stand({"throttle": law([1.0, 1.0])}, recovers, never)["throttle"]
    assert [(answer.counts, answer.met) for answer in found.answers] == [(True, True)] * 2


def test_regret_is_a_share_of_the_bests_score() -> None:
    """Half as dear again, with the interval of the paired differences: here no spread."""
    found = stand({"best": law([10.0, 30.0]), "other": law([20.0, 40.0])})
    assert found["best"].regret.estimate == 0.0
    regret = found["other"].regret
    assert (regret.estimate, regret.low, regret.high) == (0.5, 0.5, 0.5)


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
