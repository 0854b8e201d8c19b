"""The runs that are kept, and what is kept of them: whole numbers and changes of mode.

    python -m tests.golden.worlds

writes them anew after a change that is meant to change them; look at the difference before
committing it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from balancer.core.policy import BudgetLimit, Policy
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.run.result import ARMS, Run
from tests.sim.small_world import SLOW, world, world_policy

__all__ = ["KEPT", "WORLDS", "summary"]

KEPT = Path(__file__).with_name("runs.json")

COUNTS = ("offered", "admitted", "answered", "attempts", "transitions")
MONEY = ("cost_usd", "observed_cost_usd")

MIXED = {
    "arrivals": {
        "process": "gamma",
        "cv": 1.5,
        "rate": 5,
        "pattern": [{"kind": "spike", "at": 200, "for": 150, "factor": 3}],
    },
    "classes": [
        {
            "name": "a",
            "share": 0.3,
            "priority": "low",
            "prompt": 500,
            "output": 100,
            "thinking": 0,
        },
        {"name": "b", "share": 0.5, "prompt": 700, "output": 250, "thinking": 50},
        {
            "name": "c",
            "share": 0.2,
            "priority": "high",
            "key": "gold",
            "prompt": {"quantiles": {0: 200, 0.5: 1500, 1: 9000}},
            "output": {"p50": 200, "p95": 500},
            "thinking": {"p50": 100, "p95": 300},
            "cached": 0.2,
        },
    ],
}
STORM = {"kind": "error", "model": "big", "share": 0.5, "at": 200, "for": 120, "ramp": 20}
HANG = {"kind": "hang", "model": "big", "share": 0.3, "at": 150, "for": 60, "repeat_every": 250}
LATE = {"kind": "delay", "by": 15, "at": 180, "for": 60}
LOST = {"kind": "loss", "share": 0.3, "at": 100, "for": 300}
ALERT = {"kind": "alert", "mode": "hard", "at": 60, "for": 60, "delay": 30, "out_of_order": True}

CAPPED = {"model": "big", "thinking": 512, "output_cap": 1500, "timeout": 30, "patience": 60}
BUDGET = BudgetLimit(usd=0.50, window_s=120.0)
GOLD = BudgetLimit(usd=0.20, window_s=300.0, key="gold")

WORLDS: dict[str, tuple[Scenario, Policy]] = {
    "slow model": (world(duration=600, faults=[SLOW]), world_policy()),
    "error storm": (
        world(duration=600, workload=MIXED, faults=[STORM, LATE, LOST]),
        world_policy(),
    ),
    "hangs and alerts": (
        world(duration=600, workload=MIXED, faults=[HANG, ALERT]),
        world_policy(law="threshold"),
    ),
    "budgets": (
        world(duration=600, workload=MIXED, clients=CAPPED),
        world_policy(budgets=(BUDGET, GOLD)),
    ),
}


def summary(run: Run) -> dict[str, Any]:
    """What is kept of a run."""
    return {
        **{name: int(run.metrics[name]) for name in COUNTS},
        **{name: round(run.metrics[name], 9) for name in MONEY},
        "modes": [[change.at_s, change.after.label] for change in run.transitions],
    }


def _summaries() -> dict[str, dict[str, Any]]:
    return {
        name: {arm: summary(simulate(scenario, policy, replication=0, arm=arm)) for arm in ARMS}
        for name, (scenario, policy) in WORLDS.items()
    }


if __name__ == "__main__":
    KEPT.write_text(json.dumps(_summaries(), indent=1) + "\n", encoding="utf-8")
