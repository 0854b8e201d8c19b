"""One application at ten sizes: what a controller does on it when all is well, and when not.

The default policy with its cost thresholds and its baseline scaled to the traffic, and models
without quotas or capacities, so that no rate is large for them: what differs from one rate to the
next is how much there is to see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balancer.core.modes import Mode
from balancer.core.policy import Policy
from balancer.policy_file import default_model, default_policy
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.run.result import POLICY, STATIC, Run
from sim.run.serving import back_after_s
from sim.run.timeline import mode_at, reached_after_s
from sim.streams import replication_key
from sim.traffic.workload import generate

__all__ = [
    "ABSORBED",
    "FAULTS",
    "HEALTHY",
    "RATES",
    "WARM_UP_S",
    "Case",
    "Episode",
    "Fault",
    "arrived",
    "back",
    "found",
    "policy_at",
    "quantile",
    "run_case",
    "scenario_at",
]

RATES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 5.5, 50.0, 500.0)
"""Requests a second."""
WARM_UP_S = 300.0
_MAIN = default_model()
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        parts: what a scenario file says, without the window.
        from_s, until_s: its window.
        duration_s: of the whole run.
    """

    parts: tuple[Mapping[str, Any], ...]
    from_s: float = _HOUR_S
    until_s: float = 2 * _HOUR_S
    duration_s: float = 4 * _HOUR_S


def _main(**said: Any) -> Mapping[str, Any]:
    return {"model": _MAIN, **said}


FAULTS: Mapping[str, Fault] = {
    "slow": Fault(parts=(_main(kind="latency", factor="x5"),)),
    "hang": Fault(parts=(_main(kind="hang"),)),
    # Three times the bill at the pace of before: what costs more is most often slower too, and
    # would be found by that.
    "cost": Fault(
        parts=(
            _main(kind="thinking", factor="x3.2", ignores_budget=True),
            _main(kind="output", factor="x3.2"),
            _main(kind="latency", factor="31%"),
        )
    ),
    "region": Fault(parts=({"kind": "error", "error": "overloaded", "share": "40%"},)),
    "all hang": Fault(parts=({"kind": "hang"},)),
}
"""One hour ill of four: the main model, and in the last two every model."""

ABSORBED: Mapping[str, Fault] = {
    f"{percent} %": Fault(
        parts=(_main(kind="error", error="overloaded", share=f"{percent}%"),), until_s=3 * _HOUR_S
    )
    for percent in (2, 8, 15, 40)
}
"""Attempts at the main model that fail for two hours of four while its fallback is well."""

HEALTHY = Fault(parts=(), from_s=0.0, until_s=0.0, duration_s=6 * _HOUR_S)
"""Nothing goes wrong for six hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run to make.

    Attributes:
        law: instead of the default policy's.
        against_static: whether to run the same requests without a controller as well.
    """

    rate: float
    fault: Fault
    replication: int
    law: str | None = None
    against_static: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What came of a case.

    Attributes:
        found_s, found_requests: from the start of the fault until the mode left normal;
            infinite if it did not before the fault's end, or had left already.
        back_s, back_requests: from the end of the fault until nine of ten requests were served
            in normal, to stay; infinite if they were not at the end of the run.
        ill_requests: that came while the fault lasted.
        away: whether the mode was away from normal when the fault began.
        run: under the controller.
        static: the same requests without one.
    """

    found_s: float
    found_requests: float
    back_s: float
    back_requests: float
    ill_requests: float
    away: bool
    run: Run
    static: Run | None


def policy_at(rate: float, law: str | None = None) -> Policy:
    """The default policy for this much traffic, whose cost thresholds grow with it."""
    policy = default_policy()
    baseline = policy.baseline
    assert baseline is not None
    scale = rate / baseline.requests_per_s
    return replace(
        policy,
        law=law or policy.law,
        rules=tuple(
            replace(rule, threshold=rule.threshold * scale)
            if rule.signal == "token_cost_per_hour"
            else rule
            for rule in policy.rules
        ),
        baseline=replace(baseline, requests_per_s=rate),
    )


def scenario_at(rate: float, fault: Fault) -> Scenario:
    """Poisson traffic of the calibrated conversation, and a fault."""
    window = {"at": fault.from_s, "for": fault.until_s - fault.from_s}
    return Scenario.model_validate(
        {
            "scenario": "rates",
            "title": "One application at one size",
            "duration": fault.duration_s,
            "warm_up": WARM_UP_S,
            "workload": {"arrivals": {"process": "poisson", "rate": rate}},
            "clients": {"retries": 2},
            "faults": [{**part, **window} for part in fault.parts],
        }
    )


def run_case(case: Case) -> Episode:
    """Simulate it and measure."""
    scenario = scenario_at(case.rate, case.fault)
    policy = policy_at(case.rate, case.law)
    requests = generate(scenario, replication_key(scenario.seed, case.replication))

    def arm(name: str) -> Run:
        return simulate(
            scenario, policy, replication=case.replication, arm=name, traffic=[requests]
        )

    run, fault = arm(POLICY), case.fault
    found_s, back_s = found(run, fault), back(run, fault)
    arrivals_s = requests["s"]
    return Episode(
        found_s=found_s,
        found_requests=arrived(arrivals_s, fault.from_s, found_s),
        back_s=back_s,
        back_requests=arrived(arrivals_s, fault.until_s, back_s),
        ill_requests=arrived(arrivals_s, fault.from_s, fault.until_s - fault.from_s),
        away=mode_at(run.transitions, fault.from_s) is not Mode.NORMAL,
        run=run,
        static=arm(STATIC) if case.against_static else None,
    )


def found(run: Run, fault: Fault) -> float:
    """Seconds from the start of a fault until the mode left normal for it; infinite if never."""
    if mode_at(run.transitions, fault.from_s) is not Mode.NORMAL:
        return math.inf
    return reached_after_s(run.transitions, Mode.SOFT, fault.from_s, fault.until_s)


def back(run: Run, fault: Fault) -> float:
    """Seconds from the end of a fault until all was back in normal to stay; infinite if never."""
    return back_after_s(run.servings, fault.until_s, run.duration_s)


def arrived(arrivals_s: np.ndarray[Any, Any], from_s: float, for_s: float) -> float:
    """Requests that came in a span of time; infinite if it never ended."""
    if math.isinf(for_s):
        return math.inf
    first, last = np.searchsorted(arrivals_s, (from_s, from_s + for_s), side="right")
    return float(last - first)


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that this share of them does not pass; it may be infinite."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
