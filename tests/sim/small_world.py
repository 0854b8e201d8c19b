"""Small scenarios and a policy for whole runs, with models of their own.

Nothing here depends on the calibrated profiles or the price table, so a new calibration
changes no test.
"""

from __future__ import annotations

from typing import Any

from balancer.core.policy import Policy
from scenarios.schema import Scenario
from tests.core.builders import make_policy, table

PROFILES = {
    "big": {
        "ttft_p50": "300ms",
        "ttft_p95": "500ms",
        "tokens_per_s": 150,
        "speed_sigma": 0.1,
        "quality": 1.0,
    },
    "small": {
        "ttft_p50": "200ms",
        "ttft_p95": "300ms",
        "tokens_per_s": 250,
        "speed_sigma": 0.1,
        "quality": 0.8,
    },
}

SLOW = {"name": "slow", "kind": "latency", "model": "big", "factor": 5, "at": 100, "for": 100}
"""Sends the policy below to soft and, some time after it is over, back."""


def world_policy(**changes: Any) -> Policy:
    """A ladder that is at rest on the traffic of `world`."""
    rules = (*table("latency_p95", 6.0, 12.0, 24.0), *table("error_rate", 0.05, 0.10, 0.20))
    return make_policy(rules, **changes)


def world(**changes: Any) -> Scenario:
    """Five minutes at five requests a second on the model "big"."""
    values: dict[str, Any] = {
        "scenario": "world",
        "title": "A small world",
        "duration": 300,
        "warm_up": 20,
        "replications": 2,
        "workload": {
            "arrivals": {"rate": 5},
            "classes": [
                {
                    "name": "chat",
                    "prompt": {"p50": 600, "p95": 2000},
                    "output": {"p50": 150, "p95": 400},
                    "thinking": 0,
                }
            ],
        },
        "upstream": {"models": PROFILES},
        "clients": {"model": "big", "timeout": 30, "retries": 1, "patience": 60},
    }
    return Scenario.model_validate({**values, **changes})
