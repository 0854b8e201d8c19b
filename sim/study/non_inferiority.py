"""Is a candidate worse than the baseline by no more than a margin? From paired replications.

The interval of the worsening is Student's t over the paired differences; Fieller's where
the margin is relative to the baseline's mean, which judges the mean of
(worsening - margin · baseline) by the same t. Its low end has the level of a fail, its high
end that of a pass (`sim.study.sequential`).

Few replications can agree by chance, and miss what happens in some. One and a half margins are
therefore added to the spread that was seen, also where nothing differed at all: neither what is
near to the margin nor "no difference" is decided by a few pairs that happen to be alike. Pairs in
which one of seventeen costs a fifth more, and the others next to nothing, set the amount. What
rounding may hide (`sim.study.rounding`) is added to both ends.

The truth may lie so near to the margin that no reasonable number of replications tells. Once
those made would have told twice the margin, and nothing at all, from the margin, a comparison
is settled: the replications that others need may still decide it, and it asks for none itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from balancer.records.gate import AcceptedMargin
from balancer.records.verdict import Outcome

from .intervals import (
    Interval,
    chance_bound,
    mean_interval,
    ratio_interval,
    replications_for_mean,
    standard_error,
)
from .sequential import Looks

__all__ = ["UNSEEN", "Difference", "judge_difference"]

UNSEEN = 1.5
"""Margins that are added, as a deviation, to the spread of the differences."""
MISSED_Z = 2.33
"""A comparison is settled when twice the margin would be missed in 1 % (a normal quantile)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a candidate compares with the baseline in one metric.

    Attributes:
        margin: what it is held against.
        verdict: pass: the whole interval lies within the margin; fail: beyond it.
        baseline, candidate: mean over the replications with its 95 % interval.
        worsening: candidate against baseline, worse being positive, with the interval that
            decides; relative to the baseline's mean if the margin is, else in the metric's
            unit.
        replications: that it rests on.
        settled: it asks for no more replications: it is decided, or too close to tell.
        replications_needed: how many would decide an inconclusive one, if mean and spread
            stay as they were; None where that cannot be told.
        note: a sentence, or empty.
    """

    margin: AcceptedMargin
    verdict: Outcome
    baseline: Interval
    candidate: Interval
    worsening: Interval
    replications: int
    settled: bool
    replications_needed: int | None = None
    note: str = ""


def judge_difference(
    margin: AcceptedMargin,
    baseline: Sequence[float],
    candidate: Sequence[float],
    looks: Looks,
    *,
    rounding: float = 0.0,
) -> Difference:
    """Judge one look at a metric's values under both policies, which are pairs.

    Args:
        margin: that the difference is held against.
        baseline, candidate: the values.
        looks: of the gate.
        rounding: most by which the mean difference may be off as values are rounded.
    """
    low, high = (baseline, candidate) if margin.better == "lower" else (candidate, baseline)
    worse = [b - a for a, b in zip(low, high, strict=True)]
    below, above = looks.fail_level, looks.pass_level
    allowed = [margin.amount * (a if margin.relative else 1.0) for a in baseline]
    unseen = UNSEEN * mean_interval(allowed).estimate
    if margin.relative:
        worsening = ratio_interval(worse, baseline, below=below, above=above, unseen=unseen)
    else:
        worsening = mean_interval(worse, below=below, above=above, unseen=unseen)
    if rounding > 0.0:
        hidden = rounding / (mean_interval(baseline).estimate if margin.relative else 1.0)
        worsening = Interval(
            estimate=worsening.estimate, low=worsening.low - hidden, high=worsening.high + hidden
        )
    verdict, settled, needed, note = _verdict(worsening, margin.amount), True, None, ""
    if math.isnan(worsening.estimate):
        verdict, settled, note = _undefined(margin, baseline, candidate)
    elif verdict == "inconclusive":
        beyond = [w - a for w, a in zip(worse, allowed, strict=True)]
        mean, room = mean_interval(beyond).estimate, mean_interval(allowed).estimate
        tail = below if worsening.estimate > margin.amount else above
        if abs(mean) > rounding:
            bound = math.copysign(rounding, mean)
            needed = replications_for_mean(beyond, bound, tail=tail, unseen=unseen)
        # What rounding hides no replications tell.
        settled = _too_close(beyond, max(room - rounding, room / 2.0), below, unseen)
        note = "too close to the margin to tell" if settled else ""
    elif not any(worse):
        note = _alike(len(worse))
    return Difference(
        margin=margin,
        verdict=verdict,
        baseline=mean_interval(baseline),
        candidate=mean_interval(candidate),
        worsening=worsening,
        replications=len(worse),
        settled=settled,
        replications_needed=needed,
        note=note,
    )


def _alike(n: int) -> str:
    return (
        f"no difference in {n} replications; that there is one in up to "
        f"{chance_bound(n):.0%} of all cannot be excluded (95 %)"
    )


def _verdict(worsening: Interval, margin: float) -> Outcome:
    # Comparisons with NaN decide nothing.
    if worsening.high <= margin:
        return "pass"
    return "fail" if worsening.low > margin else "inconclusive"


def _too_close(beyond: Sequence[float], allowed: float, below: float, unseen: float) -> bool:
    """Whether a mean of `allowed` beyond the margin would have been a fail by now, in 99 %.

    A fail has the smaller level, so what would be told on its side would on the other too.
    """
    interval = mean_interval(beyond, below=below, unseen=unseen)
    reach = interval.estimate - interval.low + MISSED_Z * standard_error(beyond, unseen=unseen)
    return reach <= allowed


def _undefined(
    margin: AcceptedMargin, baseline: Sequence[float], candidate: Sequence[float]
) -> tuple[Outcome, bool, str]:
    """Verdict, settled or not, and note where a mean is not defined, or is a baseline of 0."""
    n = len(baseline)
    without = sum(not math.isfinite(value) for value in candidate)
    before = sum(not math.isfinite(value) for value in baseline)
    if not without and not before:
        return "inconclusive", True, f"{margin.text} of a baseline of 0: give an absolute margin"
    note = f"undefined in {before} of {n} runs of the baseline, {without} of the candidate"
    # What never answers has no latency at all, and is worse than any that has.
    return "fail" if without == n and not before else "inconclusive", True, note
