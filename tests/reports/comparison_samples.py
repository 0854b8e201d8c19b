"""A made-up comparison: three laws in two scenarios, with every standing there is."""

from __future__ import annotations

from typing import Any

__all__ = ["WORTHS", "law", "sample_comparison"]


WORTHS = (0.003, 0.01, 0.03, 0.1)
"""Of an answer, that are looked at."""


def estimate(value: float, half: float = 0.0) -> dict[str, float]:
    """A value with a symmetric interval."""
    return {"estimate": value, "low": value - half, "high": value + half}


def law(name: str, standing: str, regret: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A law in a scenario; `standing` is best, level, behind or misses."""
    missed = standing == "misses"
    found: dict[str, Any] = {
        "law": name,
        "eligible": not missed,
        "expectations": [
            {
                "name": "availability at least 99%",
                "verdict": "fail" if missed else "pass",
                "counts": True,
                "met": not missed,
            },
            {
                "name": "reaches soft within 1m",
                "verdict": "fail" if missed else "pass",
                "counts": False,
                "met": not missed,
                "estimate": 90.0 if missed else 40.0,
                "low": 30.0,
                "high": 99.0,
                "unit": "seconds",
            },
        ],
        "score": estimate(25.0 - 30.0 * regret, 0.5),
        "regret": estimate(regret, 0.004),
        "regret_usd": estimate(30.0 * regret, 0.12),
        "value": estimate(0.95, 0.01),
        "bill_usd": estimate(0.0035, 0.0001),
        "best": standing == "best",
        "within_best": standing in {"best", "level"},
        "dominated_by": [],
        "metrics": {
            "availability": estimate(0.94 if missed else 0.999, 0.001),
            "latency_p95_s": estimate(9.3, 0.2),
            "cost_per_answer_usd": estimate(0.002, 0.0001),
            "transitions_per_hour": estimate(0.0 if missed else 2.0, 0.1),
        },
        "difference": {},
    }
    return {**found, **changes}


def totals(name: str, largest: float | None, **changes: Any) -> dict[str, Any]:
    """A law in the summary."""
    found: dict[str, Any] = {
        "law": name,
        "scenarios": 2,
        "eligible": 2,
        "best": 0,
        "within_best": 0,
        "dominated": 0,
        "largest_regret": (
            None if largest is None else {"scenario": "cost_spike", **estimate(largest, 0.01)}
        ),
        "mean_regret": largest,
        "median_regret": largest,
        "availability": 0.97,
        "least_availability": {"scenario": "retry_storm", "estimate": 0.9},
        "ahead_of_reference": -0.25,
        "not_eligible": [],
        "near_best": [{"regret": 0.005, "scenarios": 0}, {"regret": 0.01, "scenarios": 1}],
        "lived_through": {
            "expectations": [{"about": "recovers", "met": 1, "asked": 2}],
            "transitions_per_hour": 2.0,
            "degraded_share": 0.3,
        },
        "sweep": [
            {"answer_usd": worth, "best": 1, "within_best": 1 + place % 2, "median_regret": 0.1}
            for place, worth in enumerate(WORTHS)
        ],
    }
    return {**found, **changes}


def scenario(
    name: str, best: str | None, *laws: dict[str, Any], reigns: tuple[tuple[str, float], ...] = ()
) -> dict[str, Any]:
    """One scenario; `reigns` are laws and the worth of an answer up to which each is the best."""
    starts = (WORTHS[0], *(end for _, end in reigns))
    return {
        "scenario": name,
        "title": f"Does {name} hold?",
        "policy": "default",
        "seed": 1,
        "replications": 10,
        "worth": {"answer_usd": 0.03, "waiting": 0.005, "within_s": 60.0},
        "left_out": ["reaches soft within 1m"],
        "best": best,
        "sweep": [
            {"answer_usd": worth, "best": best, "level": ["none"] if best else [], "regret": {}}
            for worth in WORTHS
        ],
        "reigns": [
            {"law": name, "from_usd": start, "to_usd": end}
            for (name, end), start in zip(reigns, starts, strict=False)
        ],
        "reigns_of_all": [
            {"law": "none", "from_usd": WORTHS[0], "to_usd": 0.02},
            {"law": "ladder", "from_usd": 0.02, "to_usd": WORTHS[-1]},
        ],
        "laws": list(laws),
    }


def sample_comparison(**changes: Any) -> dict[str, Any]:
    """The object of `comparison.json`; `changes` replace its keys."""
    comparison: dict[str, Any] = {
        "version": 2,
        "laws": ["ladder", "dimmer", "none"],
        "reference": "ladder",
        "confidence": 0.95,
        "rivals": {"ladder": "the policy as it is", "none": "no controller"},
        "scenarios": [
            scenario(
                "latency_spike",
                "ladder",
                law("ladder", "best"),
                law("dimmer", "level", 0.003),
                law("none", "misses", 0.6, dominated_by=["ladder", "dimmer"]),
                reigns=(("ladder", 0.1),),
            ),
            scenario(
                "cost_spike",
                "dimmer",
                law("ladder", "behind", 0.12),
                law("dimmer", "best"),
                law("none", "misses", 0.9),
                reigns=(("dimmer", 0.04), ("ladder", 0.1)),
            ),
        ],
        "missing": [],
        "summary": [
            totals("ladder", 0.12, best=1, within_best=1),
            totals("dimmer", 0.003, best=1, within_best=2),
            totals("none", None, eligible=0, dominated=1),
        ],
        "command": ["open-balancer", "compare", "latency_spike", "cost_spike"],
        "versions": {"open-balancer": "0.1.0"},
    }
    return {**comparison, **changes}
