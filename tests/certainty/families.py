"""Populations of runs whose mean is known: how metrics are spread over replications.

Each is a plain law of chance with a truth that follows from it, or a store of simulated runs, of
which the mean of all is the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from balancer.core.histogram import HALF_A_BUCKET, bucket_index, edge_s
from balancer.policy_file import default_policy, parse_policy
from scenarios.loader import load
from scenarios.schema import Scenario
from sim.run.result import NONE, POLICY, Run
from sim.study.counterfactual import cost_saved
from sim.study.metric_kinds import KINDS
from sim.study.replications import Plan, replicate

__all__ = ["BEYOND", "FAMILIES", "REAL", "Family", "Store", "as_pairs", "simulated"]

Draw = Callable[[np.random.Generator, int], np.ndarray]

REQUESTS = 20_000
"""Of a synthetic run of an hour, unless a family says otherwise."""
EIGHTH = 0.13
"""Share of runs that move, as healthy traffic at a low rate had it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A law of chance for one metric.

    Attributes:
        name: what the runs are like.
        metric: that has these values.
        truth: its mean.
        draw: values of so many runs.
        requests: of each run.
    """

    name: str
    metric: str
    truth: float
    draw: Draw
    requests: int = REQUESTS


def as_pairs(family: Family, values: Sequence[float]) -> tuple[list[Run], list[Run]]:
    """Runs that have these values, and what they would be without a controller."""
    whole = KINDS[family.metric].of
    requests = {whole: float(family.requests)} if whole else {}
    if family.metric == "cost_saved":
        policy = [_run(k, cost_usd=1.0 - value) for k, value in enumerate(values)]
        return policy, [_run(k, cost_usd=1.0) for k in range(len(values))]
    return [_run(k, **{family.metric: value}, **requests) for k, value in enumerate(values)], []


def _run(replication: int, **metrics: float) -> Run:
    return Run(
        arm=POLICY,
        replication=replication,
        duration_s=3600.0,
        metrics=metrics,
        transitions=(),
        servings=(),
    )


def _normal(mean: float, deviation: float) -> Draw:
    return lambda random, n: random.normal(mean, deviation, n)


def _lognormal(sigma: float) -> Draw:
    return lambda random, n: random.lognormal(0.0, sigma, n)


def _two(usual: float, other: float, share: float, deviation: float = 0.0) -> Draw:
    """Usual runs, and a share of others."""

    def draw(random: np.random.Generator, n: int) -> np.ndarray:
        middle = np.where(random.random(n) < share, other, usual)
        return middle + random.normal(0.0, deviation, n) if deviation else middle

    return draw


def _failures(share: float, requests: int, *, answered: bool = False) -> Draw:
    """Share of requests that failed, or were answered, each by itself."""

    def draw(random: np.random.Generator, n: int) -> np.ndarray:
        failed = random.binomial(requests, share, n) / requests
        return 1.0 - failed if answered else failed

    return draw


def _bucketed(draw: Draw) -> Draw:
    """As a histogram tells the values."""

    def rounded(random: np.random.Generator, n: int) -> np.ndarray:
        values = draw(random, n)
        return np.array([edge_s(bucket_index(value)) * HALF_A_BUCKET for value in values])

    return rounded


def _moved(name: str, metric: str, usual: float, other: float, share: float = EIGHTH) -> Family:
    truth = usual + share * (other - usual)
    return Family(name=name, metric=metric, truth=truth, draw=_two(usual, other, share))


_MOVES = "13 % of runs move, the others are alike"

FAMILIES: Sequence[Family] = (
    Family(name="ordinary", metric="latency_p95_s", truth=10.3, draw=_bucketed(_normal(10.3, 0.2))),
    Family(name="ordinary", metric="cost_usd", truth=42.0, draw=_normal(42.0, 0.6)),
    Family(name="ordinary", metric="cost_saved", truth=0.31, draw=_normal(0.31, 0.01)),
    Family(name="ordinary", metric="quality", truth=0.94, draw=_normal(0.94, 0.004)),
    Family(
        name="ordinary",
        metric="availability",
        truth=0.97,
        draw=_failures(0.03, REQUESTS, answered=True),
    ),
    Family(
        name="ordinary",
        metric="transitions_per_hour",
        truth=3.0,
        draw=lambda random, n: 2.0 * random.poisson(1.5, n),
    ),
    Family(
        name="all in one bucket",
        metric="latency_p95_s",
        truth=2.99573,
        draw=_bucketed(_normal(2.99573, 0.002)),
    ),
    _moved(_MOVES, "transitions_per_hour", 0.0, 8.0),
    _moved(_MOVES, "cost_saved", 0.0, 0.2),
    _moved(_MOVES, "degraded_share", 0.0, 0.2),
    _moved(_MOVES, "quality", 1.0, 0.95),
    _moved(_MOVES, "cost_usd", 42.0, 33.6),
    _moved(_MOVES, "latency_p95_s", 10.3, 12.3),
    _moved(_MOVES, "retry_amplification", 1.0, 1.01),
    _moved(_MOVES, "availability", 1.0, 0.995),
    _moved("13 % of runs stay, the others move", "transitions_per_hour", 8.0, 0.0),
    Family(
        name="errors of 5 in a million calls",
        metric="error_rate",
        truth=5e-6,
        draw=_failures(5e-6, REQUESTS),
    ),
    Family(
        name="one request in a million fails",
        metric="availability",
        truth=1.0 - 1e-6,
        draw=_failures(1e-6, REQUESTS, answered=True),
    ),
    Family(
        name="runs of 20 requests, one in a hundred fails",
        metric="availability",
        truth=0.99,
        draw=_failures(0.01, 20, answered=True),
        requests=20,
    ),
    Family(
        name="near to all, skewed",
        metric="availability",
        truth=1.0 - 2e-4,
        draw=lambda random, n: 1.0 - random.exponential(2e-4, n),
    ),
    Family(
        name="exponential",
        metric="cost_per_answer_usd",
        truth=1.0,
        draw=lambda random, n: random.exponential(1.0, n),
    ),
    Family(
        name="lognormal, sigma 0.5", metric="cost_usd", truth=math.exp(0.125), draw=_lognormal(0.5)
    ),
    Family(
        name="lognormal, sigma 0.75",
        metric="latency_p99_s",
        truth=math.exp(0.28125),
        draw=_lognormal(0.75),
    ),
    Family(
        name="half of the runs slower by 40 %",
        metric="latency_p95_s",
        truth=12.0,
        draw=_two(10.0, 14.0, 0.5, 0.2),
    ),
    Family(
        name="40 % of runs save a third", metric="cost_saved", truth=0.12, draw=_two(0.0, 0.3, 0.4)
    ),
)
"""What the claim is about, with ten runs and with twenty-four."""

BEYOND: Sequence[tuple[Family, int]] = (
    (
        Family(
            name="lognormal, sigma 1",
            metric="cost_per_answer_usd",
            truth=math.exp(0.5),
            draw=_lognormal(1.0),
        ),
        24,
    ),
    (_moved("20 % of runs lose 3 points", "availability", 1.0, 0.97, 0.2), 24),
    (_moved("13 % of runs three times as slow", "latency_p95_s", 10.0, 30.0), 24),
    (_moved("5 % of runs lose half of all", "availability", 1.0, 0.5, 0.05), 72),
)
"""Runs farther off than is taken for granted, with the replications that are claimed to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Simulated pairs of runs; run k of both arms saw the same requests.

    Attributes:
        name: of the scenario.
        policy, none: with the controller, and without.
    """

    name: str
    policy: tuple[Run, ...]
    none: tuple[Run, ...]

    def values(self, metric: str) -> list[float]:
        """A metric in every pair."""
        if metric == "cost_saved":
            return cost_saved(self.policy, self.none)
        return [run.metrics[metric] for run in self.policy]

    def differences(self, metric: str) -> list[float]:
        """With minus without, in every pair."""
        pairs = zip(self.policy, self.none, strict=True)
        return [one.metrics[metric] - other.metrics[metric] for one, other in pairs]


_SMALL_RATE = 0.4
_DEFAULT_RATE = 5.5
_RULES = {"soft": ("15s", "5%", 120.0), "hard": ("25s", "10%", 200.0), "emergency": (
    "40s", "20%", 400.0)}  # fmt: skip
_SMALL_POLICY = "name: small application\nthresholds:\n" + "".join(
    f"  {mode}: {{latency_p95: {slow}, error_rate: {errors}, "
    f"token_cost_per_hour: ${cost * _SMALL_RATE / _DEFAULT_RATE:.2f}}}\n"
    for mode, (slow, errors, cost) in _RULES.items()
)
"""The default's thresholds, those of cost scaled to the traffic as its owner would."""

_FAULT = ("duration=12m", "warm_up=1m", "faults.0.at=3m", "faults.0.for=4m", "expectations=[]")
REAL = {
    "healthy traffic, 24 requests a minute": (
        "steady",
        ("duration=20m", "warm_up=2m", f"workload.arrivals.rate={_SMALL_RATE}", "expectations=[]"),
        _SMALL_POLICY,
    ),
    "latency_spike, 12 minutes": ("latency_spike", _FAULT, ""),
    "error_storm, 12 minutes": ("error_storm", _FAULT, ""),
}
"""Scenarios: the library's name, what is changed, and the policy where it is not the default."""


def simulated(name: str, count: int, *, workers: int | None = None) -> Store:
    """So many pairs of runs of one of `REAL`."""
    source, changes, text = REAL[name]
    policy = parse_policy(text) if text else default_policy()
    scenario: Scenario = load(source, changes).scenario
    (runs,) = replicate(
        [
            Plan(
                scenario=scenario,
                arms={POLICY: policy, NONE: policy},
                replications=range(count),
            )
        ],
        workers=workers,
    )
    return Store(name=name, policy=runs[POLICY], none=runs[NONE])
