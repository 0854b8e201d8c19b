"""How often intervals hold the truth, and how often a bound that is broken passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import fsum

import numpy as np

from sim.run.metrics import METRICS
from sim.run.result import NONE, Run
from sim.study.counterfactual import cost_saved
from sim.study.estimates import difference_interval, metric_room, values_interval
from sim.study.expectations import MetricBound
from sim.study.intervals import Interval, mean_interval, median_interval
from sim.study.metric_kinds import KINDS
from sim.study.verdict import judge
from tests.certainty.families import Family, Store, as_pairs

__all__ = [
    "COVERED",
    "FALSE_PASSES",
    "Covered",
    "covered",
    "covered_medians",
    "covered_metrics",
]

COVERED = 0.93
"""Least share of intervals of 95 % that must hold the truth."""
FALSE_PASSES = 0.05
"""Largest share of bounds, broken by a hair, that may pass."""
HAIR = 1e-9
SEED = 17
PASSING = 24
"""Replications of a scenario that says nothing, with which false passes are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What came of many samples from one population.

    Attributes:
        name: of the population.
        metric: what was measured.
        n, samples: replications of a sample, and how many there were.
        coverage: share of intervals that hold the truth.
        false_passes: share of samples in which a bound passes that the truth breaks by a hair,
            on the worse side; NaN where there is no such bound.
        points: intervals without a width, though the metric can differ.
        outside: intervals that leave the metric's range, or do not hold their own estimate.
        width: of all intervals together, in widths of Student's.
    """

    name: str
    metric: str
    n: int
    samples: int
    coverage: float
    false_passes: float
    points: int
    outside: int
    width: float

    @property
    def holds(self) -> bool:
        """Whether all that is claimed does."""
        return (
            self.coverage >= COVERED
            and not self.false_passes > FALSE_PASSES
            and not self.points
            and not self.outside
        )


def covered(family: Family, n: int, samples: int) -> Covered:
    """Samples of n values from a law of chance."""
    random = np.random.default_rng(SEED)

    def sample() -> tuple[list[Run], list[Run]]:
        return as_pairs(family, family.draw(random, n).tolist())

    return _metric(family.name, family.metric, family.truth, sample, n=n, samples=samples)


def covered_metrics(store: Store, n: int, samples: int) -> list[Covered]:
    """Samples of n pairs from stored ones: every metric that differs, and its difference.

    The means of all pairs are the truth.
    """
    found = []
    size = len(store.policy)

    def draw(random: np.random.Generator) -> tuple[list[Run], list[Run]]:
        drawn = random.integers(size, size=n).tolist()
        return [store.policy[k] for k in drawn], [store.none[k] for k in drawn]

    for metric in METRICS:
        values = store.values(metric)
        if not all(map(math.isfinite, values)):
            continue
        random = np.random.default_rng(SEED)
        truth = fsum(values) / size
        if len(set(values)) > 1:
            found.append(
                _metric(
                    store.name,
                    metric,
                    truth,
                    partial(draw, random),
                    n=n,
                    samples=samples,
                )
            )
        if metric != "cost_saved" and len(set(store.differences(metric))) > 1:
            found.append(_difference(store, metric, draw, n=n, samples=samples))
    return found


def _metric(
    name: str,
    metric: str,
    truth: float,
    sample: Callable[[], tuple[list[Run], list[Run]]],
    *,
    n: int,
    samples: int,
) -> Covered:
    kind = KINDS[metric]
    # A bound that would be an end of the range is none that the truth can break by a hair.
    broken = [
        MetricBound(
            name="broken",
            metric=metric,
            bound=bound,
            at_least=at_least,
            against=NONE if metric == "cost_saved" else None,
        )
        for bound, at_least in ((truth - HAIR, False), (truth + HAIR, True))
        if kind.least < bound < kind.most
    ]
    intervals = []
    students = []
    passes = [0] * len(broken)
    for _ in range(samples):
        policy, none = sample()
        students.append(mean_interval(_values(metric, policy, none)))
        if n == PASSING:
            judged = [judge(question, policy, {NONE: none}) for question in broken]
            passes = [
                count + (each.verdict == "pass") for count, each in zip(passes, judged, strict=True)
            ]
            intervals.append(judged[0].value if judged else _interval(metric, policy, none))
        else:
            intervals.append(_interval(metric, policy, none))
    can_differ = metric_room(metric, [truth], []).reach > 0.0
    return Covered(
        name=name,
        metric=metric,
        n=n,
        samples=samples,
        coverage=_holding(intervals, truth),
        false_passes=max(passes) / samples if n == PASSING and broken else math.nan,
        points=sum(each.low == each.high for each in intervals) if can_differ else 0,
        outside=_outside(intervals, kind.least, kind.most),
        width=_width(intervals) / (_width(students) or math.nan),
    )


def _values(metric: str, policy: Sequence[Run], none: Sequence[Run]) -> list[float]:
    if metric == "cost_saved":
        return cost_saved(policy, none)
    return [run.metrics[metric] for run in policy]


def _interval(metric: str, policy: Sequence[Run], none: Sequence[Run]) -> Interval:
    return values_interval(metric, _values(metric, policy, none), policy)


def _difference(
    store: Store,
    metric: str,
    draw: Callable[[np.random.Generator], tuple[list[Run], list[Run]]],
    *,
    n: int,
    samples: int,
) -> Covered:
    random = np.random.default_rng(SEED)
    drawn = [draw(random) for _ in range(samples)]
    intervals = [difference_interval(metric, *pairs) for pairs in drawn]
    students = [
        mean_interval([a.metrics[metric] - b.metrics[metric] for a, b in zip(*pairs, strict=True)])
        for pairs in drawn
    ]
    widest = KINDS[metric].most - KINDS[metric].least
    truth = fsum(store.differences(metric)) / len(store.policy)
    return Covered(
        name=store.name,
        metric=f"{metric}, with minus without",
        n=n,
        samples=samples,
        coverage=_holding(intervals, truth),
        false_passes=math.nan,
        points=sum(each.low == each.high for each in intervals),
        outside=_outside(intervals, -widest, widest),
        width=_width(intervals) / (_width(students) or math.nan),
    )


def covered_medians(n: int, samples: int) -> list[Covered]:
    """Times until something happens, of which one of five never comes."""
    random = np.random.default_rng(SEED)
    laws: dict[str, tuple[float, Callable[[], np.ndarray]]] = {
        "exponential times": (math.log(2.0), lambda: random.exponential(1.0, n)),
        "whole seconds": (3.0, lambda: random.integers(1, 6, n).astype(float)),
        "one of five never": (
            -math.log(1.0 - 0.5 / 0.8),
            lambda: np.where(random.random(n) < 0.2, math.inf, random.exponential(1.0, n)),
        ),
    }
    found = []
    for name, (truth, draw) in laws.items():
        intervals = [median_interval(draw().tolist()) for _ in range(samples)]
        found.append(
            Covered(
                name=name,
                metric="median time",
                n=n,
                samples=samples,
                coverage=_holding(intervals, truth),
                # A bound just below the true median passes when the upper end is below it.
                false_passes=sum(each.high < truth for each in intervals) / samples,
                points=0,
                outside=0,
                width=math.nan,
            )
        )
    return found


def _holding(intervals: Sequence[Interval], truth: float) -> float:
    # The mean of stored values may differ from a point's by its last bit.
    slack = 1e-12 * abs(truth)
    held = sum(each.low - slack <= truth <= each.high + slack for each in intervals)
    return held / len(intervals)


def _width(intervals: Iterable[Interval]) -> float:
    return fsum(each.high - each.low for each in intervals)


def _outside(intervals: Iterable[Interval], least: float, most: float) -> int:
    return sum(not least <= each.low <= each.estimate <= each.high <= most for each in intervals)
