"""A made-up tuning: three policies of a front, with all that may be said of them."""

from __future__ import annotations

from typing import Any

__all__ = ["candidate", "estimate", "sample_tuning"]


COST = {"name": "cost", "metric": "cost_usd", "form": "ratio", "unit": "share", "better": "lower"}
AVAILABILITY = {
    "name": "availability",
    "metric": "availability",
    "form": "mean",
    "unit": "share",
    "better": "higher",
}


def estimate(middle: float | None, half: float = 0.0) -> dict[str, float | None]:
    """An estimate and an interval about it; None is undefined."""
    if middle is None:
        return {"estimate": None, "low": None, "high": None}
    return {"estimate": middle, "low": middle - half, "high": middle + half}


def candidate(
    trial: int, cost: float, availability: float, *, seconds: float = 12.0, **changes: Any
) -> dict[str, Any]:
    """A policy by its mean cost and availability; cost is of today's, which has 99 %."""
    found: dict[str, Any] = {
        "trial": trial,
        "name": "default" if trial < 0 else f"candidate-{trial}",
        "law": "mildest",
        "file": None if trial < 0 else f"front-{trial}.yaml",
        "fingerprint": f"{trial + 1:04x}",
        "values": [
            {"path": "thresholds.soft.latency_p95", "value": seconds, "text": f"{seconds:g}s"},
            {"path": "thresholds.soft.error_rate", "value": 0.05, "text": "5%"},
        ],
        "feasible": True,
        "broken": [],
        "objectives": [estimate(cost, 0.02), estimate(availability, 0.001)],
        "objectives_held_out": [estimate(cost + 0.1, 0.03), estimate(availability - 0.01, 0.002)],
        "worst": [
            {"metric": "availability", "scenario": "error_storm", **estimate(0.9, 0.01)},
            {"metric": "cost_usd", "scenario": "steady", **estimate(20.0, 0.1)},
        ],
        "changes": [] if trial < 0 else ["soft begins at P95 latency 12s, was 15s"],
        "effects": [
            {**COST, **estimate(cost - 1, 0.02)},
            {**AVAILABILITY, **estimate(availability - 0.99, 0.0005)},
        ],
        "effects_held_out": [
            {**COST, **estimate(cost - 0.9, 0.02)},
            {**AVAILABILITY, **estimate(0.0001, 0.0005)},
        ],
        "figures": {},
    }
    return {**found, **changes}


def standing(cost: float, availability: float, **more: Any) -> dict[str, Any]:
    """Objectives of a policy somewhere."""
    return {
        "feasible": True,
        "objectives": [estimate(cost, 0.02), estimate(availability, 0.001)],
        **more,
    }


def sample_tuning(**changes: Any) -> dict[str, Any]:
    """The object of `tuning.json`; `changes` replace its keys."""
    tuning: dict[str, Any] = {
        "version": 1,
        "confidence": 0.95,
        "objectives": [
            COST,
            AVAILABILITY,
        ],
        "constraints": ["availability >= 95%"],
        "scenarios": ["error_storm", "steady"],
        "held_out": ["latency_spike"],
        "split": "every third scenario",
        "trials": 200,
        "raced": 120,
        "invalid": 4,
        "simulated_hours": 2400.0,
        "replications": 20,
        "seed": 7,
        "sampler": "nsga2",
        "today": candidate(-1, 1.0, 0.99, seconds=15.0),
        "static": standing(1.4, 0.94, feasible=False),
        "front": [
            candidate(3, 0.7, 0.97),
            candidate(8, 0.8, 0.985),
            candidate(5, 1.1, 0.995, seconds=9.0),
        ],
        "knee": 1,
        "chosen": 1,
        "sensitivity": [
            {
                "path": "thresholds.soft.latency_p95",
                "chosen": 12.0,
                "steps": [
                    {"value": 8.0, "text": "8s", "valid": True, **standing(0.75, 0.98)},
                    {"value": 12.0, "text": "12s", "valid": True, **standing(0.8, 0.985)},
                    {
                        "value": 20.0,
                        "text": "20s",
                        "valid": True,
                        **standing(1.2, 0.93, feasible=False),
                    },
                    {
                        "value": 30.0,
                        "text": "30s",
                        "valid": False,
                        "feasible": None,
                        "objectives": [],
                    },
                ],
            }
        ],
        "importance": {
            "trials": 80,
            "needed": 40,
            "objectives": [
                {
                    "objective": name,
                    "shares": [
                        {"path": "thresholds.soft.latency_p95", **estimate(0.7, 0.1)},
                        {"path": "thresholds.soft.error_rate", **estimate(0.3, 0.1)},
                    ],
                }
                for name in ("cost", "availability")
            ],
        },
        "robustness": {
            "off": 0.3,
            "cases": [
                {
                    "name": "prices +30%",
                    "simulated": False,
                    "policies": [
                        standing(1.0, 0.99, trial=-1, best=False),
                        standing(0.7, 0.97, trial=3, best=True),
                        standing(0.8, 0.985, trial=8, best=True, proposed=True),
                        standing(1.1, 0.94, trial=5, feasible=False, best=False),
                    ],
                }
            ],
            "left_out": ["quotas: no scenario has any"],
        },
        "command": ["open-balancer", "tune", "error_storm", "--objective", "cost,availability"],
        "gate": ["open-balancer", "gate", "--candidate", "front-2.yaml"],
        "versions": {"open-balancer": "0.1.0"},
    }
    return {**tuning, **changes}
