"""Interval of a mean that leaves room for runs of a kind that was not seen.

Student's t knows of no more spread than the values show. Where a few runs of many are far from the
others it errs: none of ten had what one run of eight has in a quarter of all samples, and the
interval is then a point beside the truth. So an end is the wider one of two:

- Student's t: exact for a normal mean, good for most others.
- Gaffke's bound ("Three test statistics for a nonparametric one-sided hypothesis on the mean of a
  nonnegative variable", Mathematical Methods of Statistics 14, 2005): suppose that no run lies
  above a top. The n values and the top share the whole probability in n + 1 random parts, all
  divisions being as likely; the end is a high quantile of the mean. For a yes or no it is Clopper
  and Pearson's bound; for n equal values, a part of the way to the top: the largest share of runs
  that n may have missed, one minus the tail's n-th root. It assumes nothing but the top (Learned-
  Miller and Thomas, arXiv:1905.06208; that it never errs more often than it says is a conjecture
  that no one has seen fail).

The top is the farther one of two: the mean plus the reach that is taken for granted
(`sim.study.metric_kinds`), and the largest value seen, plus as much as it lies farther from the
median than the smallest does: what is skewed has a longer tail than it shows. The low end is the
same, upside down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any

import numpy as np

from .intervals import (
    CONFIDENCE,
    Interval,
    least_replications,
    mean_interval,
    standard_error,
    t_quantile,
)

__all__ = ["Room", "honest_interval", "replications_to_tell"]

TAIL = (1.0 - CONFIDENCE) / 2.0
DRAWS = 10_000
"""Of the parts: a standard error of 1.5 % of the way to an end is left."""
SINGLE = 100
"""So many values at the far end count one by one; where there are more, the rest in groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where a mean's interval may reach.

    Attributes:
        reach: how far from the mean a run may lie that is of a kind not seen.
        least, most: no run lies outside.
        rounding: most by which the mean may be off because values are rounded.
    """

    reach: float
    least: float = -math.inf
    most: float = math.inf
    rounding: float = 0.0


def honest_interval(values: Sequence[float], room: Room) -> Interval:
    """Mean with an interval of 95 % that leaves room for what was not seen.

    One value gives an estimate without an interval; undefined values are treated as in
    `mean_interval`.
    """
    seen = mean_interval(values)
    if math.isnan(seen.low):
        return seen
    mirrored = Room(reach=room.reach, least=-room.most, most=-room.least)
    high = max(seen.high, _bound(values, room))
    low = min(seen.low, -_bound([-value for value in values], mirrored))
    return Interval(
        estimate=seen.estimate,
        low=min(max(low - room.rounding, room.least), seen.estimate),
        high=max(min(high + room.rounding, room.most), seen.estimate),
    )


def replications_to_tell(values: Sequence[float], bound: float, room: Room) -> int | None:
    """About how many replications would tell the mean from a bound.

    If mean and spread stay as they are. None where that cannot be told: fewer than two values,
    an undefined one, a mean on the bound, or more than a scenario may have.
    """
    seen = mean_interval(values)
    if math.isnan(seen.low):
        return None
    above = bound > seen.estimate
    ahead = values if above else [-value for value in values]
    most = room.most if above else -room.least
    distance = abs(bound - seen.estimate) - room.rounding
    estimate = seen.estimate if above else -seen.estimate
    away = _top(ahead, Room(reach=room.reach, most=most)) - estimate
    deviation = standard_error(values) * math.sqrt(len(values))

    def decides(n: int) -> bool:
        t = t_quantile(n, TAIL)
        # Mean and spread of Gaffke's random parts, and its bound where all values are one.
        parts = away / (n + 1) + t * math.sqrt(
            ((n - 1) * deviation**2 + away**2) / ((n + 1) * (n + 2))
        )
        missed = away * (1.0 - TAIL ** (1.0 / n))
        return bool(max(parts, missed, t * deviation / math.sqrt(n)) <= distance)

    return least_replications(decides, 2) if distance > 0.0 else None


def _top(values: Sequence[float], room: Room) -> float:
    middle, largest = median(values), max(values)
    longer = max(0.0, (largest - middle) - (middle - min(values)))
    mean = math.fsum(values) / len(values)
    return max(largest, min(room.most, max(largest + longer, mean + room.reach)))


def _bound(values: Sequence[float], room: Room) -> float:
    """Gaffke's upper bound of the mean."""
    n, lowest, top = len(values), min(values), _top(values, room)
    if top == lowest:
        return top
    ordered = np.sort(np.asarray(values, dtype=np.float64)) - lowest
    points = np.append(_grouped(ordered), top - lowest)
    # Not `@`: a library of linear algebra may sum in another order on another machine.
    means = np.einsum("ij,j->i", _parts(n), points)
    rank = math.ceil((1.0 - TAIL) * DRAWS) - 1
    return lowest + float(np.partition(means, rank)[rank])


def _groups(n: int) -> list[int]:
    """How many values each point stands for, the smallest first."""
    if n <= 2 * SINGLE:
        return [1] * n
    return [len(each) for each in np.array_split(np.arange(n - SINGLE), SINGLE)] + [1] * SINGLE


def _grouped(ordered: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    sizes = _groups(len(ordered))
    if len(sizes) == len(ordered):
        return ordered
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.asarray(np.add.reduceat(ordered, starts) / np.asarray(sizes))


@lru_cache(maxsize=8)
def _parts(n: int) -> np.ndarray[Any, Any]:
    """Divisions of 1 among the points of n values and the top, a row each; always the same."""
    shapes = np.array([*_groups(n), 1], dtype=np.float64)
    drawn = np.random.default_rng(n).standard_gamma(shapes, size=(DRAWS, len(shapes)))
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))
