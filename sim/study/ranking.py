"""How a law stands among others in a scenario: score, regret, and who dominates whom.

The rules are fixed, whatever the outcome (`docs/explanation/comparison.md` gives reasons):

- A law is eligible when it meets every expectation of the scenario that is about the
  outcome, judged by the estimate. What is about the way there (modes and how often they
  change, and attempts) is what operators live through, and does not count.
- The score of a run is its utility for a thousand requests that users had, asking again not
  counted; that of a law, the mean over its runs. The best is the eligible law with the highest
  score.
- Regret is the mean difference of scores, best minus law on the same requests, over what a
  thousand perfect answers would be worth: a utility can be nothing, or less, and is no unit.
  A law is within the best's interval when it is eligible and the interval of its regret
  contains 0.
- One law dominates another when its estimates are no worse in availability, P95, cost per
  answer and quality, and the whole paired interval of one of them is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from balancer.records.comparison import Answer
from balancer.records.interval import UNDEFINED
from scenarios.schema import Worth

from ..run.metrics import asked
from ..run.result import Run
from .expectations import Expected, MetricBound, NeverAbove, TimeBound
from .intervals import Interval, may_be_nothing, mean_interval
from .replications import Runs
from .verdict import judge

__all__ = [
    "CRITERIA",
    "REQUESTS",
    "Standing",
    "counts",
    "dominates",
    "score",
    "standings",
]

REQUESTS = 1000
"""Requests that a score is said of: dollars of one are too small to read."""

CRITERIA: Mapping[str, bool] = {
    "availability": True,
    "latency_p95_s": False,
    "cost_per_answer_usd": False,
    "quality": True,
}
"""What dominance is about: metrics, and whether more of it is better."""

_WAYS = (
    "degraded_share",
    "transitions",
    "transitions_per_hour",
    "attempts",
    "fallback_attempts",
    "error_rate",
    "retry_amplification",
)
"""Metrics of the way to an outcome and not of the outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a law stands in a scenario.

    Attributes:
        law: its name.
        answers: to the scenario's expectations.
        eligible: all that counts is met, and there is a score.
        score: utility for a thousand requests, in dollars.
        regret: below the best, as a share of what answers to all requests would be worth if
            they were perfect; undefined when there is no best.
        regret_usd: the same in dollars for a thousand requests.
        best: it has the highest score of all that are eligible.
        within_best: it is eligible and its regret's interval contains 0, or it is the best.
        dominated_by: laws that dominate it.
    """

    law: str
    answers: tuple[Answer, ...]
    eligible: bool
    score: Interval
    regret: Interval
    regret_usd: Interval
    best: bool
    within_best: bool
    dominated_by: tuple[str, ...]


def standings(
    questions: Sequence[Expected], runs: Runs, laws: Sequence[str], worth: Worth
) -> tuple[Standing, ...]:
    """How laws stand against each other.

    Args:
        questions: the scenario's expectations.
        runs: of every law and of the arms that the questions are held against; run k of each
            saw the same requests.
        laws: those that take part, in the order wanted.
        worth: what the scenario says answers are worth; the runs' utility is by it.
    """
    answers = {law: tuple(_answer(each, runs[law], runs) for each in questions) for law in laws}
    scores = {law: [score(run) for run in runs[law]] for law in laws}
    means = {law: mean_interval(scores[law]) for law in laws}
    eligible = [
        law
        for law in laws
        if all(answer.met for answer in answers[law] if answer.counts)
        and math.isfinite(means[law].estimate)
    ]
    best = max(eligible, key=lambda law: means[law].estimate, default=None)
    found = []
    for law in laws:
        behind = UNDEFINED
        if best is not None:
            behind = mean_interval([b - a for a, b in zip(scores[law], scores[best], strict=True)])
        found.append(
            Standing(
                law=law,
                answers=answers[law],
                eligible=law in eligible,
                score=means[law],
                regret=_scaled(behind, 1.0 / (REQUESTS * worth.answer)),
                regret_usd=behind,
                best=law == best,
                within_best=law == best or (law in eligible and may_be_nothing(behind)),
                dominated_by=tuple(
                    other for other in laws if other != law and dominates(runs[other], runs[law])
                ),
            )
        )
    return tuple(found)


def score(run: Run) -> float:
    """Utility for a thousand requests that users had, in dollars; NaN where there were none."""
    requests = asked(run.metrics)
    return REQUESTS * run.metrics["utility_usd"] / requests if requests > 0.0 else math.nan


def counts(question: Expected) -> bool:
    """Whether an expectation is about the outcome and not about the way to it."""
    if isinstance(question, MetricBound):
        return question.metric not in _WAYS
    return not isinstance(question, TimeBound | NeverAbove)


def dominates(one: Sequence[Run], other: Sequence[Run]) -> bool:
    """Whether one law is nowhere worse than another, and surely better somewhere.

    An undefined metric (the cost per answer of no answers) is worse than any value.
    """
    surely = False
    for metric, more_is_better in CRITERIA.items():
        ours, theirs = ([run.metrics[metric] for run in runs] for runs in (one, other))
        if not all(map(math.isfinite, ours)):
            return False
        if not all(map(math.isfinite, theirs)):
            surely = True
            continue
        sign = 1.0 if more_is_better else -1.0
        ahead = mean_interval([sign * (a - b) for a, b in zip(ours, theirs, strict=True)])
        if ahead.estimate < 0.0:
            return False
        surely = surely or ahead.low > 0.0
    return surely


def _answer(question: Expected, runs: Sequence[Run], arms: Runs) -> Answer:
    judgement = judge(question, runs, arms)
    estimate, bound = judgement.value.estimate, judgement.bound
    # An undefined estimate compares false, and so meets nothing.
    met = estimate >= bound if judgement.better == "higher" else estimate <= bound
    return Answer(judgement=judgement, counts=counts(question), met=met)


def _scaled(value: Interval, factor: float) -> Interval:
    return Interval(
        estimate=value.estimate * factor, low=value.low * factor, high=value.high * factor
    )
