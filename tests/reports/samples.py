"""A made-up run to draw: an hour of traffic, in whose middle the model is four times slower."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from balancer.core.catalog import Catalog
from balancer.core.decisions import Decision, Reason, Stance, gates, one_hot
from balancer.core.histogram import Histogram
from balancer.core.modes import MODES, Mode
from balancer.core.observations import NO_FAILURES, ModeObservations, Observations
from balancer.core.policy import Policy, Rule, Strategy

__all__ = ["POLICY", "decision", "sample_ticks", "sample_verdict"]

MODEL = "gemini-2.5-flash"
FAULT_FROM_S, FAULT_TO_S = 1200, 2400
SOFT_FROM_S, SOFT_TO_S = 1212, 2520

POLICY = Policy(
    name="sample",
    rules=tuple(
        Rule(name=f"{signal} {level.label}", signal=signal, level=level, threshold=threshold)
        for signal, by_level in {
            "latency_p95": (4.0, 8.0, 16.0),
            "error_rate": (0.05, 0.10, 0.20),
            "token_cost_per_hour": (50.0, 100.0, 200.0),
        }.items()
        for level, threshold in zip(MODES[1:], by_level, strict=True)
    ),
    strategies=(Strategy(), Strategy(), Strategy(), Strategy(shed=(0.5, 0.0, 0.0))),
    catalog=Catalog(dated="2026-01-01", cards=()),
)


def decision(
    tick: int, mode: Mode = Mode.NORMAL, *, probing: Mode | None = None, reason: str = ""
) -> Decision:
    """A decision that holds a mode, a tenth of the traffic probing another one."""
    mix = one_hot(mode)
    if probing is not None:
        shares = [0.0] * len(MODES)
        shares[mode] = 0.9
        shares[probing] = 0.1
        mix = (shares[0], shares[1], shares[2], shares[3])
    reasons = (Reason(kind="rule", text=reason),) if reason else ()
    stance = Stance(mode=mode, mixes=(mix, mix, mix), reasons=reasons)
    return Decision(
        tick=tick,
        mode=mode,
        mix=mix,
        admit=stance.admit,
        limits=stance.limits,
        reasons=reasons,
        mixes=stance.mixes,
        gates=gates(stance, POLICY.strategies),
    )


def sample_ticks(
    *, controlled: bool, duration_s: int = 3600, rate: float = 5.5
) -> Iterator[tuple[Observations, Decision]]:
    """Ticks of one second of the story, with a controller that answers it or without one."""
    draws = random.Random(7)
    for tick in range(duration_s):
        soft = controlled and SOFT_FROM_S <= tick < SOFT_TO_S
        mode = Mode.SOFT if soft else Mode.NORMAL
        fault = FAULT_FROM_S <= tick < FAULT_TO_S
        count = sum(draws.random() < rate / 20 for _ in range(20))
        # Soft mode calls another model, which the fault does not reach.
        slow = 4.0 if fault and not soft else 0.7 if soft else 1.0
        times_s = [draws.lognormvariate(0.55, 0.5) * slow for _ in range(count)]
        failed = sum(draws.random() < (0.08 if fault and not soft else 0.004) for _ in times_s)
        served = ModeObservations(
            mode=mode,
            model=MODEL,
            started=count,
            finished=count,
            failures=(failed, *NO_FAILURES[1:]),
            latency=Histogram.of(times_s[failed:]),
            nano_usd=count * (900_000 if soft else 2_400_000),
        )
        probing = Mode.NORMAL if soft and tick >= SOFT_TO_S - 70 else None
        yield (
            Observations(
                tick=tick,
                served=(served,) if count else (),
                offered=(0, count, 0),
                admitted=(0, count, 0),
            ),
            decision(tick, mode, probing=probing),
        )


def sample_verdict(**changes: Any) -> dict[str, Any]:
    """One object of `verdict.json` for the story; `changes` replace its keys."""

    def estimate(value: float, half: float) -> dict[str, float]:
        return {"estimate": value, "low": value - half, "high": value + half}

    verdict: dict[str, Any] = {
        "version": 2,
        "scenario": "latency_spike",
        "title": "The model answers four times slower for 20 minutes",
        "teaches": "A sibling model carries the traffic while the first one is slow.",
        "source": "latency_spike",
        "policy": "default",
        "verdict": "pass",
        "seed": 1,
        "replications": 10,
        "confidence": 0.95,
        "duration_s": 3600.0,
        "warm_up_s": 300.0,
        "expectations": [],
        "arms": {
            "policy": {
                "cost_usd": estimate(31.2, 0.4),
                "cost_saved": estimate(0.336, 0.005),
                "availability": estimate(0.9991, 0.0003),
                "latency_p95_s": estimate(3.9, 0.1),
                "error_rate": estimate(0.004, 0.0005),
                "quality": estimate(0.95, 0.001),
                "degraded_share": estimate(0.37, 0.01),
                "transitions": estimate(2.2, 0.3),
            },
            "static": {
                "cost_usd": estimate(47.0, 0.5),
                "cost_saved": estimate(0.0, 0.0),
                "availability": estimate(0.985, 0.002),
                "latency_p95_s": estimate(14.2, 0.4),
                "error_rate": estimate(0.03, 0.002),
                "quality": estimate(0.99, 0.001),
                "degraded_share": estimate(0.0, 0.0),
                "transitions": estimate(0.0, 0.0),
            },
            "cheapest": {
                "cost_usd": estimate(9.4, 0.1),
                "cost_saved": estimate(0.8, 0.005),
                "availability": estimate(1.0, 0.0),
                "latency_p95_s": estimate(2.5, 0.1),
                "error_rate": estimate(0.0, 0.0),
                "quality": estimate(0.85, 0.0),
                "transitions": estimate(1.0, 0.0),
            },
            "none": {
                "cost_usd": estimate(47.5, 0.5),
                "cost_saved": estimate(-0.01, 0.005),
                "availability": estimate(0.968, 0.002),
                "latency_p95_s": estimate(15.1, 0.4),
                "error_rate": estimate(0.031, 0.002),
                "quality": estimate(1.0, 0.0),
                "transitions": estimate(0.0, 0.0),
            },
        },
        "differences": {
            "static": {
                "cost_usd": estimate(-15.8, 0.3),
                "cost_saved": estimate(0.336, 0.005),
                "availability": estimate(0.0141, 0.002),
                "latency_p95_s": estimate(-10.3, 0.4),
                "error_rate": estimate(-0.026, 0.002),
                "quality": estimate(-0.04, 0.001),
                "transitions": estimate(2.2, 0.3),
            },
            "none": {"availability": estimate(0.0311, 0.002)},
            "cheapest": {"availability": estimate(-0.0009, 0.0003)},
        },
        "harm": {**estimate(0.0141, 0.002), "found": False},
        "transitions": [
            {
                "at_s": 1212.0,
                "from": "normal",
                "to": "soft",
                "reason": "soft: latency_p95 6.2 s > 4 s over 60 s",
            },
            {"at_s": 2520.0, "from": "soft", "to": "normal", "reason": "probe of normal passed"},
        ],
        "faults": [
            {
                "name": "slow model",
                "text": "durations of gemini-2.5-flash times 4",
                "from_s": 1200.0,
                "to_s": 2400.0,
            }
        ],
        "assumptions": ["Quality of a full answer of gemini-2.5-flash is taken as 1.0."],
        "journals": {},
        "versions": {"open-balancer": "0.1.0"},
    }
    return {**verdict, **changes}
