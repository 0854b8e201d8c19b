"""Small scenarios and requests made by hand, for the data plane."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from balancer.core.decisions import Decision, Limits, Stance, gates, one_hot
from balancer.core.modes import Mode
from balancer.core.policy import BudgetLimit, Policy, Strategy
from balancer.prices import default_catalog
from scenarios.schema import Scenario
from sim.plant.plant import Plant
from sim.streams import replication_key
from sim.traffic.workload import REQUEST

__all__ = ["DAY", "FLASH", "LITE", "decision", "plant", "policy", "requests", "scenario"]

DAY = date(2026, 11, 28)
"""Of the prices, and before the end of any of these models."""
FLASH = "gemini-2.5-flash"
LITE = "gemini-2.5-flash-lite"

Requests = np.ndarray[Any, Any]

_STEADY = {"ttft_p50": 0.5, "ttft_p95": 0.5, "tokens_per_s": 100.0, "speed_sigma": 0.0}


def scenario(
    *,
    flash: dict[str, Any] | None = None,
    clients: dict[str, Any] | None = None,
    project: dict[str, Any] | None = None,
    **fields: Any,
) -> Scenario:
    """Two models that answer without any spread: 0.5 s and then 100 tokens a second."""
    return Scenario.model_validate(
        {
            "scenario": "hand-made",
            "title": "Hand-made",
            "duration": 3600,
            "warm_up": 0,
            "decision_lag": 0,
            "upstream": {
                "kind": "gemini",
                "models": {
                    FLASH: {**_STEADY, "quality": 1.0, **(flash or {})},
                    LITE: {**_STEADY, "quality": 0.85},
                },
                **(project or {}),
            },
            "clients": {
                "model": FLASH,
                "thinking": 0,
                "timeout": 60,
                "backoff": {"initial": 1.0, "jitter": 0.0},
                "reasks": {"share": 0},
                "overhead": 0,
                "prompt_estimate": {"error": 0},
                **(clients or {}),
            },
            **fields,
        }
    )


def policy(
    normal: Strategy | None = None,
    *,
    hard: Strategy | None = None,
    budgets: tuple[BudgetLimit, ...] = (),
) -> Policy:
    """A policy that stays in normal and changes nothing but what is said here."""
    normal = normal or Strategy()
    return Policy(
        name="hand-made",
        rules=(),
        strategies=(normal, normal, hard or normal, normal),
        catalog=default_catalog(DAY),
        law="none",
        budgets=budgets,
    )


def requests(*times_s: float, **columns: Any) -> Requests:
    """Requests of 1000 prompt and 100 output tokens at some moments."""
    rows = np.zeros(len(times_s), REQUEST)
    rows["s"] = times_s
    rows["priority"] = 1
    rows["key"] = -1
    rows["prompt"] = 1000
    rows["output"] = 100
    for name, values in columns.items():
        rows[name] = values
    return rows


def plant(rows: Requests, of: Scenario | None = None, under: Policy | None = None) -> Plant:
    """The plant of hand-made requests."""
    return Plant(of or scenario(), under or policy(), [rows], replication_key(1, 0))


def decision(
    under: Policy,
    mode: Mode = Mode.NORMAL,
    *,
    admit: tuple[float, float, float] = (1.0, 1.0, 1.0),
    limits: Limits | None = None,
    **changes: Any,
) -> Decision:
    """A decision for a mode."""
    mix = one_hot(mode)
    stance = Stance(
        mode=mode, mixes=(mix, mix, mix), admit=admit, limits=limits or Limits(), reasons=()
    )
    stance = replace(stance, **changes)
    return Decision(
        tick=0,
        mode=stance.mode,
        mix=stance.mixes[1],
        admit=stance.admit,
        limits=stance.limits,
        reasons=(),
        mixes=stance.mixes,
        gates=gates(stance, under.strategies),
    )
