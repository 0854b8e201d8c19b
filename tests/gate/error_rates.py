"""How often the gate errs: whole gates on pairs of runs, resampled from stored ones.

The stored pairs are the population: their mean difference is the truth. The candidate's
values are shifted so that the truth lies exactly where a claim wants it, which leaves the
shape of the differences, and how the metrics hang together, as the simulator made them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

import numpy as np

from balancer.policy_file import default_policy, parse_policy
from balancer.records.gate import AcceptedMargin
from balancer.records.verdict import Outcome
from scenarios.loader import load
from sim.run.result import Run
from sim.study.gate import look_at
from sim.study.intervals import Interval, share_interval
from sim.study.margins import DEFAULT_MARGINS, parse_margins
from sim.study.non_inferiority import Difference
from sim.study.replications import Plan, replicate
from sim.study.rounding import EXACT
from sim.study.sequential import FAIL_ERROR, LAST_LOOK, PASS_ERROR, Looks
from sim.study.verdict import worst

__all__ = ["CASES", "ErrorRate", "Pairs", "error_rates", "rate_rows", "real_pairs", "shifted"]

SEED = 20
DETECTED = 0.95
"""A candidate that is worse by twice a margin fails at least so often."""

SHORT = ("duration=12m", "warm_up=1m", "faults.0.at=3m", "faults.0.for=4m")
CASES = {
    "error_storm": "name: patient\nladder: {hold: 4m}\n",
    "latency_spike": "name: late\nthresholds:\n"
    "  soft: {latency_p95: 17s, error_rate: 5%, token_cost_per_hour: $120}\n"
    "  hard: {latency_p95: 25s, error_rate: 10%, token_cost_per_hour: $200}\n"
    "  emergency: {latency_p95: 40s, error_rate: 20%, token_cost_per_hour: $400}\n",
}
"""Candidates that differ a little from the default policy: one stays longer in soft after the
storm, which shows in nearly every run; one starts later, which one run of seventeen pays dearly."""
SHOWN = 0.1
"""A metric is tried if it differs in at least this share of pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Runs of both policies; run k of each saw the same requests."""

    baseline: tuple[Run, ...]
    candidate: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRate:
    """How many gates came out in one way.

    Attributes:
        truth: what is true of the candidate.
        outcome: that is counted.
        hits, gates: how many gates had it, of how many.
        replications: mean number of pairs a gate took.
        at_most, at_least: what the share must keep; None where it need not.
    """

    truth: str
    outcome: Outcome
    hits: int
    gates: int
    replications: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def share(self) -> Interval:
        """Share of gates with its exact binomial interval."""
        return share_interval(self.hits, self.gates)

    @property
    def holds(self) -> bool:
        """The whole interval keeps what it must; of what must never be, there is none."""
        if self.at_most == 0.0:
            return self.hits == 0
        if self.at_most is not None:
            return self.share.high <= self.at_most
        return self.at_least is not None and self.share.low >= self.at_least


def real_pairs(case: str, count: int, *, workers: int | None = None) -> Pairs:
    """The default policy and the candidate of a case, through twelve minutes of its scenario."""
    (runs,) = replicate(
        [
            Plan(
                scenario=load(case, SHORT).scenario,
                arms={"baseline": default_policy(), "candidate": parse_policy(CASES[case])},
                replications=range(count),
            )
        ],
        workers=workers,
    )
    return Pairs(baseline=runs["baseline"], candidate=runs["candidate"])


def error_rates(pairs: Pairs, gates: int) -> tuple[ErrorRate, ...]:
    """Every claim about the gate, tried on so many gates each."""
    asked = parse_margins(DEFAULT_MARGINS)
    tried = [margin for margin in asked if _differs(pairs, margin)]
    close = tuple(_half_the_spread(pairs, margin) for margin in tried)
    found = []
    for margins, kind in ((asked, "the margin"), (close, "a margin of half the spread")):
        found.append(
            _rate(
                pairs,
                margins,
                {},
                gates,
                truth=f"equal in effect, {kind} in each metric",
                outcome="fail",
                at_most=0.0,
            )
        )
        for margin in margins:
            if margin not in (*tried, *close):
                continue
            at = f"{margin.metric} worse by"
            found.append(
                _rate(
                    pairs,
                    margins,
                    {margin.metric: 1.0},
                    gates,
                    truth=f"{at} exactly {kind}",
                    outcome="pass",
                    at_most=PASS_ERROR,
                )
            )
            found.append(
                _rate(
                    pairs,
                    margins,
                    {margin.metric: 2.0},
                    gates,
                    truth=f"{at} twice {kind}",
                    outcome="fail",
                    at_least=DETECTED,
                )
            )
    at_all = {margin.metric: 1.0 for margin in asked}
    found.append(
        _rate(
            pairs,
            asked,
            at_all,
            gates,
            truth="every metric worse by exactly its margin",
            outcome="fail",
            at_most=FAIL_ERROR,
        )
    )
    return tuple(found)


def rate_rows(rates: Sequence[ErrorRate]) -> list[tuple[str, ...]]:
    """Rows of a table: truth, verdict, what is asked, share, interval, replications, holds."""
    return [
        (
            rate.truth,
            rate.outcome,
            _asked(rate),
            f"{rate.share.estimate:.2%}",
            f"{rate.share.low:.2%} to {rate.share.high:.2%}",
            f"{rate.replications:.0f}",
            "yes" if rate.holds else "**no**",
        )
        for rate in rates
    ]


def _asked(rate: ErrorRate) -> str:
    if rate.at_least is not None:
        return f"at least {rate.at_least:.0%}"
    return f"at most {rate.at_most:.0%}" if rate.at_most else "never"


def shifted(pairs: Pairs, margins: Sequence[AcceptedMargin], truth: Mapping[str, float]) -> Pairs:
    """Pairs whose mean worsening is the margin times `truth` (0 where nothing is said)."""
    shifts = {}
    for margin in margins:
        before, after = _mean(pairs.baseline, margin), _mean(pairs.candidate, margin)
        worse = margin.amount * truth.get(margin.metric, 0.0) * (before if margin.relative else 1)
        shifts[margin.metric] = before + (worse if margin.better == "lower" else -worse) - after
    return Pairs(
        baseline=tuple(
            replace(run, metrics={name: run.metrics[name] for name in (*shifts, EXACT)})
            for run in pairs.baseline
        ),
        candidate=tuple(
            replace(
                run,
                metrics={
                    EXACT: run.metrics[EXACT],
                    **{name: run.metrics[name] + by for name, by in shifts.items()},
                },
            )
            for run in pairs.candidate
        ),
    )


def _rate(
    pairs: Pairs,
    margins: Sequence[AcceptedMargin],
    true: Mapping[str, float],
    gates: int,
    *,
    truth: str,
    outcome: Outcome,
    at_most: float | None = None,
    at_least: float | None = None,
) -> ErrorRate:
    population = shifted(pairs, margins, true)
    looks = Looks.up_to(LAST_LOOK, comparisons=len(margins))
    random = np.random.default_rng(SEED)
    hits, replications = 0, 0
    for _ in range(gates):
        drawn = random.integers(len(population.baseline), size=looks.at[-1])
        verdict, taken = _gate(population, drawn.tolist(), margins, looks)
        hits += verdict == outcome
        replications += taken
    return ErrorRate(
        truth=truth,
        outcome=outcome,
        hits=hits,
        gates=gates,
        replications=replications / gates,
        at_most=at_most,
        at_least=at_least,
    )


def _gate(
    population: Pairs, drawn: Sequence[int], margins: Sequence[AcceptedMargin], looks: Looks
) -> tuple[Outcome, int]:
    """Verdict of one gate, and the pairs it took."""
    differences: tuple[Difference, ...] = ()
    for look in looks.at:
        differences = look_at(
            [population.baseline[k] for k in drawn[:look]],
            [population.candidate[k] for k in drawn[:look]],
            margins=margins,
            looks=looks,
            earlier=differences,
        )
        if all(difference.settled for difference in differences):
            break
    return worst(difference.verdict for difference in differences), look


def _differs(pairs: Pairs, margin: AcceptedMargin) -> bool:
    differing = sum(
        before.metrics[margin.metric] != after.metrics[margin.metric]
        for before, after in zip(pairs.baseline, pairs.candidate, strict=True)
    )
    return differing >= SHOWN * len(pairs.baseline)


def _half_the_spread(pairs: Pairs, margin: AcceptedMargin) -> AcceptedMargin:
    values = [
        after.metrics[margin.metric] - before.metrics[margin.metric]
        for before, after in zip(pairs.baseline, pairs.candidate, strict=True)
    ]
    half = float(np.std(values, ddof=1)) / 2
    whole = _mean(pairs.baseline, margin) if margin.relative else 1.0
    return replace(margin, amount=half / whole, text="half the spread")


def _mean(runs: Sequence[Run], margin: AcceptedMargin) -> float:
    return fsum(run.metrics[margin.metric] for run in runs) / len(runs)
