"""Intervals, against textbook values and against simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.study.intervals import (
    Interval,
    chance_bound,
    mean_interval,
    median_interval,
    ratio_interval,
    replications_for_mean,
    replications_for_median,
    share_interval,
)

SLEEP = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
"""Extra hours of sleep (Student, Biometrika 6, 1908): mean 0.75, 95 % interval -0.53..2.03."""


def test_the_interval_of_a_mean_is_students() -> None:
    """On the data of Student's own paper."""
    found = mean_interval(SLEEP)
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (0.75, -0.5298, 2.0298), abs=1e-4
    )


def test_one_value_has_no_interval() -> None:
    """An estimate alone, not an invented spread."""
    found = mean_interval([3.0])
    assert found.estimate == 3.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_an_undefined_value_leaves_the_mean_undefined() -> None:
    """Leaving it out would flatter the mean."""
    assert math.isnan(mean_interval([1.0, math.nan, 2.0]).estimate)


def test_nothing_has_neither_mean_nor_median() -> None:
    """Both are undefined."""
    assert math.isnan(mean_interval([]).estimate)
    assert math.isnan(median_interval([]).estimate)


def test_the_mean_of_equal_values_is_their_value_to_the_bit() -> None:
    """A bound that is met exactly must not be missed by rounding."""
    found = mean_interval([0.1] * 10)
    assert (found.low, found.estimate, found.high) == (0.1, 0.1, 0.1)


def test_ten_values_bracket_the_median_by_the_second_and_the_ninth() -> None:
    """Exact binomial: P(at most one of ten below) is 1.07 %, of at most two 5.5 %."""
    found = median_interval([float(value) for value in range(1, 11)])
    assert (found.low, found.estimate, found.high) == (2.0, 5.5, 9.0)


def test_a_median_survives_values_that_never_came() -> None:
    """Infinity is a time like others to an order statistic."""
    found = median_interval([1.0] * 9 + [math.inf])
    assert (found.low, found.high) == (1.0, 1.0)


def test_fewer_than_six_values_leave_the_median_open() -> None:
    """2 · 0.5⁵ is more than 5 %."""
    assert math.isnan(median_interval([1.0] * 5).high)
    assert median_interval([1.0] * 6).high == 1.0


def test_the_interval_of_a_share_is_clopper_and_pearsons() -> None:
    """1 of 10: 0.25 % to 44.5 % (their 1934 tables)."""
    found = share_interval(1, 10)
    assert (found.low, found.high) == pytest.approx((0.00253, 0.44502), abs=1e-5)


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.30850), (10, 0.69150, 1.0)])
def test_a_share_at_the_end_of_its_range_stays_in_it(hits: int, low: float, high: float) -> None:
    """None or all of ten."""
    found = share_interval(hits, 10)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


def test_ten_runs_without_a_violation_leave_a_chance_of_a_quarter() -> None:
    """1 − 0.05^(1/10) = 25.9 %; three hundred bring it to the rule of three's 1 %."""
    assert chance_bound(10) == pytest.approx(0.2589, abs=1e-4)
    assert chance_bound(300) == pytest.approx(0.01, abs=1e-4)


def test_the_replications_proposed_for_a_mean_just_decide_it() -> None:
    """With the spread kept, the half-width falls below the distance at that number."""
    values = [0.0, 1.0, 2.0, 3.0, 4.0]
    needed = replications_for_mean(values, 1.5)
    assert needed is not None
    deviation = math.sqrt(2.5)
    spread = [2.0 + deviation * x for x in _standardised(needed)]
    assert mean_interval(spread).low > 1.5
    fewer = [2.0 + deviation * x for x in _standardised(needed - 1)]
    assert mean_interval(fewer).low <= 1.5


def _standardised(n: int) -> list[float]:
    values = np.linspace(-1.0, 1.0, n)
    return list(values / values.std(ddof=1))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, 2.0]])
def test_no_number_is_proposed_where_the_values_do_not_tell(values: list[float]) -> None:
    """No spread, an undefined value, or a mean that lies on the bound."""
    assert replications_for_mean(values, 1.5) is None


def test_a_hopelessly_close_mean_proposes_nothing() -> None:
    """More replications than a scenario may have are no proposal."""
    assert replications_for_mean([0.0, 1.0, 0.0, 1.0], 0.5 + 1e-9) is None


def test_three_runs_in_time_need_three_more() -> None:
    """Six out of six is the least that decides a median."""
    assert replications_for_median([1.0, 1.0, 1.0], 2.0) == 6


def test_four_late_in_twenty_need_no_more_than_their_share_demands() -> None:
    """The proposal's interval lies below the bound, and one fewer would not have sufficed."""
    needed = replications_for_median([1.0] * 7 + [9.0] * 3, 2.0)
    assert needed is not None
    late = math.ceil(0.3 * needed)
    assert median_interval([1.0] * (needed - late) + [9.0] * late).high <= 2.0


def test_half_in_time_proposes_nothing() -> None:
    """A median on the bound is never decided, and no runs tell nothing."""
    assert replications_for_median([1.0, 9.0], 2.0) is None
    assert replications_for_median([], 2.0) is None


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """2,000 samples of ten: 95 % for the mean, at least 95 % for the median, within 4 errors."""
    draws = np.random.default_rng(7).normal(size=(2000, 10))
    error = math.sqrt(0.05 * 0.95 / 2000)
    means = [mean_interval(list(row)) for row in draws]
    medians = [median_interval(list(row)) for row in draws]
    mean_covers = sum(each.low <= 0 <= each.high for each in means) / 2000
    median_covers = sum(each.low <= 0 <= each.high for each in medians) / 2000
    assert abs(mean_covers - 0.95) < 4 * error
    assert median_covers > 0.95 - 4 * error


def test_each_side_of_a_mean_may_have_its_own_level() -> None:
    """T of 4 degrees of freedom is 2.776 at 2.5 % and 4.604 at 0.5 % (any table of it)."""
    found = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0], below=0.005)
    error = math.sqrt(2.5 / 5)
    assert found.low == pytest.approx(3.0 - 4.604 * error, abs=1e-3)
    assert found.high == pytest.approx(3.0 + 2.776 * error, abs=1e-3)


def test_the_ends_of_a_ratio_are_where_the_paired_mean_may_just_be_zero() -> None:
    """Fieller: at each end r, the interval of part - r whole ends at zero."""
    parts, wholes = [1.0, 1.3, 0.9, 1.6, 1.2], [2.0, 2.2, 1.9, 2.9, 2.5]
    found = ratio_interval(parts, wholes)
    assert found.estimate == pytest.approx(6.0 / 11.5)
    at_low, at_high = (
        mean_interval([p - end * w for p, w in zip(parts, wholes, strict=True)])
        for end in (found.low, found.high)
    )
    assert at_low.low == pytest.approx(0.0, abs=1e-9)
    assert at_high.high == pytest.approx(0.0, abs=1e-9)
    assert found.low < found.estimate < found.high


def test_a_ratio_to_what_may_be_zero_has_no_ends() -> None:
    """Any ratio is possible then."""
    found = ratio_interval([1.0, 2.0, 3.0], [5.0, -4.0, 0.5])
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_a_ratio_of_nothing_is_nothing() -> None:
    """Exactly, and of nothing too; of something, it is not defined."""
    for wholes in ([1.0, 2.0], [0.0, 0.0]):
        assert ratio_interval([0.0, 0.0], wholes) == Interval(estimate=0.0, low=0.0, high=0.0)
    assert math.isnan(ratio_interval([1.0, 2.0], [0.0, 0.0]).estimate)
    assert math.isnan(ratio_interval([0.0, math.nan], [1.0, 1.0]).estimate)


def test_replications_for_a_level_are_those_that_meet_it() -> None:
    """A stricter level needs more."""
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    usual, strict = (
        replications_for_mean(values, 2.0),
        replications_for_mean(values, 2.0, tail=1e-4),
    )
    assert usual is not None
    assert strict is not None
    assert usual < strict
