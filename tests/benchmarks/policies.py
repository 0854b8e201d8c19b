"""How many policies a search can try: `policy_hours_per_minute` of `make bench`.

One policy hour is one simulated hour of 50 requests a second with a step of the controller every
second. Policies of one scenario are run as a search runs them: arms of a plan, on two worker
processes. What it takes to start those is left out, as the difference of a long and a short run.
"""

from __future__ import annotations

import time
from dataclasses import replace

from balancer.core.policy import Policy
from balancer.core.rules import Rule
from sim.study.replications import Plan, replicate

from .speed import policy_for, steady

__all__ = ["measure_policies"]

RATE = 50.0
POLICIES = 12
WORKERS = 2
SHORT, LONG = 2, 8
"""Replications."""
_RUNS = 3


def measure_policies() -> dict[str, float]:
    """The figure, by its name in `bench.json`."""
    short_s, long_s = (min(_run_s(count) for _ in range(_RUNS)) for count in (SHORT, LONG))
    hours = POLICIES * (LONG - SHORT)
    return {"policy_hours_per_minute": hours / (long_s - short_s) * 60.0}


def _run_s(replications: int) -> float:
    arms = {f"policy {number}": _policy(number) for number in range(POLICIES)}
    plan = Plan(scenario=steady(RATE), arms=arms, replications=range(replications))
    began = time.perf_counter()
    (runs,) = replicate([plan], workers=WORKERS)
    taken_s = time.perf_counter() - began
    if any(run.metrics["transitions"] for arm in runs.values() for run in arm):
        raise AssertionError("a run left normal mode; the figure would not be that of normal")
    return taken_s


def _policy(number: int) -> Policy:
    """One of the policies: their latency thresholds differ."""

    def of(rule: Rule) -> Rule:
        scaled = rule.threshold * (1.0 + number / POLICIES)
        return replace(rule, threshold=scaled) if rule.signal == "latency_p95" else rule

    policy = policy_for(RATE)
    return replace(policy, rules=tuple(map(of, policy.rules)))


if __name__ == "__main__":
    print(measure_policies())
