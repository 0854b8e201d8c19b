"""How many policies a search can try: `policy_hours_per_minute` of `make bench`.

One policy hour is one simulated hour of 50 requests a second with a step of the controller every
second. Policies of one scenario are run as a search runs them: arms of a plan, on two worker
processes. What it takes to start those is left out, as the difference of a long and a short run.

Once for policies that differ in a threshold and decide alike, as most trials of a search do for
most of the time, and once for such as serve otherwise, which share nothing but their requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from balancer.core.policy import Policy
from balancer.core.rules import Rule
from sim.study.replications import Plan, replicate

from .speed import policy_for, steady

__all__ = ["apart", "measure_policies"]

RATE = 50.0
POLICIES = 12
WORKERS = 2
SHORT, LONG = 2, 8
"""Replications."""
_RUNS = 3


def measure_policies() -> dict[str, float]:
    """The figures, by their names in `bench.json`."""
    return {
        "policy_hours_per_minute": _hours_per_minute(_policy),
        "policy_hours_per_minute_apart": _hours_per_minute(
            lambda number: apart(_policy(number), number)
        ),
    }


def _hours_per_minute(policy: Callable[[int], Policy]) -> float:
    short_s, long_s = (min(_run_s(count, policy) for _ in range(_RUNS)) for count in (SHORT, LONG))
    return POLICIES * (LONG - SHORT) / (long_s - short_s) * 60.0


def _run_s(replications: int, policy: Callable[[int], Policy]) -> float:
    arms = {f"policy {number}": policy(number) for number in range(POLICIES)}
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


def apart(policy: Policy, number: int) -> Policy:
    """A policy that serves otherwise than its other numbers: time-outs differ."""
    normal, soft, hard, emergency = policy.strategies
    normal = replace(normal, timeout_s=(normal.timeout_s or 60.0) + number)
    return replace(policy, strategies=(normal, soft, hard, emergency))


if __name__ == "__main__":
    print(measure_policies())
