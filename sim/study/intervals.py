"""Confidence intervals over replications, and how many replications would decide a question.

Replications are independent and identically distributed by construction, so nothing is
assumed beyond that for medians and shares (exact binomial), and a roughly normal mean for
means (Student's t). All intervals have two sides and a confidence of 95 %, unless the
chance of missing on each side is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scipy.special import bdtr, betaincinv, stdtrit

from balancer.records.interval import Interval

__all__ = [
    "CONFIDENCE",
    "MOST_REPLICATIONS",
    "Interval",
    "chance_bound",
    "least_replications",
    "may_be_nothing",
    "mean_interval",
    "median_interval",
    "ratio_interval",
    "replications_for_mean",
    "replications_for_median",
    "share_interval",
    "standard_error",
    "t_quantile",
]

CONFIDENCE = 0.95
TAIL = (1.0 - CONFIDENCE) / 2.0
MOST_REPLICATIONS = 100_000
"""No more replications than these are ever proposed (nor accepted by a scenario)."""


def mean_interval(
    values: Sequence[float], *, below: float = TAIL, above: float = TAIL, unseen: float = 0.0
) -> Interval:
    """Mean with Student's t interval.

    One value gives an estimate without an interval; a value that is not a finite number
    leaves all three undefined, because leaving it out would flatter the mean.

    Args:
        values: one for each replication.
        below, above: chance that the true mean lies below the interval, and above it.
        unseen: deviation that is added, as a variance, to the one that was seen.
    """
    n = len(values)
    if n == 0 or not all(map(math.isfinite, values)):
        return Interval(estimate=math.nan, low=math.nan, high=math.nan)
    estimate = _mean(values)
    if n == 1:
        return Interval(estimate=estimate, low=math.nan, high=math.nan)
    error = standard_error(values, unseen=unseen)
    return Interval(
        estimate=estimate,
        low=estimate - t_quantile(n, below) * error,
        high=estimate + t_quantile(n, above) * error,
    )


def standard_error(values: Sequence[float], *, unseen: float = 0.0) -> float:
    """Standard error of the mean of two or more finite values; `unseen` as of `mean_interval`."""
    return math.hypot(_deviation(values, _mean(values)), unseen) / math.sqrt(len(values))


def ratio_interval(
    parts: Sequence[float],
    wholes: Sequence[float],
    *,
    below: float = TAIL,
    above: float = TAIL,
    unseen: float = 0.0,
) -> Interval:
    """Ratio of the means of two paired metrics, with Fieller's interval.

    It holds exactly those ratios r for which the mean of part - r whole, judged by
    Student's t, may be zero (Fieller, "Some problems in interval estimation", JRSS B 16,
    1954). Its ends are infinite where the mean of the wholes may itself be zero; undefined
    values are treated as in `mean_interval`.

    Args:
        parts, wholes: one of each for each replication; the mean of the wholes is positive.
        below, above: as of `mean_interval`.
        unseen: deviation that is added to that of the parts.
    """
    n = len(parts)
    if n == 0 or not all(map(math.isfinite, (*parts, *wholes))):
        return Interval(estimate=math.nan, low=math.nan, high=math.nan)
    if not any(parts) and not unseen:
        # Nothing of something, or of nothing: what is never there does not differ.
        return Interval(estimate=0.0, low=0.0, high=0.0)
    part, whole = _mean(parts), _mean(wholes)
    estimate = part / whole if whole > 0.0 else math.nan
    if n == 1 or not whole > 0.0:
        return Interval(estimate=estimate, low=math.nan, high=math.nan)

    def end(side: float, tail: float) -> float:
        # A quadratic in r: (part - r whole)² = t² · squared standard error of that mean.
        weight = t_quantile(n, tail) ** 2 / n
        a = whole * whole - weight * _covariance(wholes, wholes, whole, whole)
        b = part * whole - weight * _covariance(parts, wholes, part, whole)
        c = part * part - weight * (_covariance(parts, parts, part, part) + unseen**2)
        if not a > 0.0:
            return side * math.inf
        return (b + side * math.sqrt(max(b * b - a * c, 0.0))) / a

    return Interval(estimate=estimate, low=end(-1.0, below), high=end(1.0, above))


def may_be_nothing(difference: Interval) -> bool:
    """Whether a difference may be nought or less.

    Its interval reaches there; where one value gives none, the difference itself is so.
    """
    return difference.low <= 0.0 or difference.estimate <= 0.0


def median_interval(values: Sequence[float]) -> Interval:
    """Median with the exact interval between two order statistics.

    Infinite values (it never happened) are allowed. Fewer than six values have no interval
    of this confidence.
    """
    n = len(values)
    if n == 0:
        return Interval(estimate=math.nan, low=math.nan, high=math.nan)
    ordered = sorted(values)
    estimate = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2.0
    rank = _median_rank(n)
    if rank == 0:
        return Interval(estimate=estimate, low=math.nan, high=math.nan)
    return Interval(estimate=estimate, low=ordered[rank - 1], high=ordered[n - rank])


def share_interval(hits: int, n: int) -> Interval:
    """Share of hits with the exact interval of Clopper and Pearson (Biometrika 26, 1934)."""
    low = float(betaincinv(hits, n - hits + 1, TAIL)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1.0 - TAIL)) if hits < n else 1.0
    return Interval(estimate=hits / n, low=low, high=high)


def chance_bound(n: int) -> float:
    """Upper bound, at 95 %, on the chance of an event that n replications never showed."""
    return float(1.0 - (1.0 - CONFIDENCE) ** (1.0 / n))


def replications_for_mean(
    values: Sequence[float], bound: float, *, tail: float = TAIL, unseen: float = 0.0
) -> int | None:
    """Replications whose interval of the mean would no longer contain the bound.

    The chance of missing on the side of the bound is `tail`. Told from the spread of these
    values, taking their mean for the true one. None where they don't tell: fewer than two
    values, an undefined value, a mean on the bound, or more than `MOST_REPLICATIONS` needed.
    """
    interval = mean_interval(values)
    distance = abs(interval.estimate - bound)
    if len(values) < 2 or not distance > 0.0:
        return None
    deviation = math.hypot(_deviation(values, interval.estimate), unseen)

    def decides(n: int) -> bool:
        return t_quantile(n, tail) * deviation / math.sqrt(n) < distance

    return least_replications(decides, 2)


def replications_for_median(values: Sequence[float], bound: float) -> int | None:
    """Replications whose interval of the median would lie on one side of the bound.

    If the share of values within the bound stays as it is. None where that is one half, or
    more than `MOST_REPLICATIONS` are needed.
    """
    if not values:
        return None
    within = sum(value <= bound for value in values) / len(values)
    minority = min(within, 1.0 - within)

    def decides(n: int) -> bool:
        return math.ceil(minority * n) < _median_rank(n)

    return least_replications(decides, 6)


def least_replications(decides: Callable[[int], bool], start: int) -> int | None:
    """Least number of replications, at least `start`, for which a growing condition holds.

    None where it needs more than `MOST_REPLICATIONS`.
    """
    high = start
    while not decides(high):
        if high >= MOST_REPLICATIONS:
            return None
        high = min(2 * high, MOST_REPLICATIONS)
    low = start - 1
    while high - low > 1:
        middle = (low + high) // 2
        if decides(middle):
            high = middle
        else:
            low = middle
    return high


def t_quantile(n: int, tail: float) -> float:
    """Student's t of n values for a chance of `tail` on one side."""
    # From the lower tail, where a small chance is not rounded away beside 1.
    return -float(stdtrit(n - 1, tail))


def _mean(values: Sequence[float]) -> float:
    # The mean of equal values is their value to the last bit, or a bound would be missed by one.
    if min(values) == max(values):
        return values[0]
    return math.fsum(values) / len(values)


def _deviation(values: Sequence[float], mean: float) -> float:
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _covariance(
    ones: Sequence[float], others: Sequence[float], mean: float, other_mean: float
) -> float:
    products = ((a - mean) * (b - other_mean) for a, b in zip(ones, others, strict=True))
    return math.fsum(products) / (len(ones) - 1)


def _median_rank(n: int) -> int:
    """Largest r such that fewer than r of n values lie below the median with at most TAIL."""
    low, high = 0, n // 2 + 1
    while high - low > 1:
        middle = (low + high) // 2
        if float(bdtr(middle - 1, n, 0.5)) <= TAIL:
            low = middle
        else:
            high = middle
    return low
