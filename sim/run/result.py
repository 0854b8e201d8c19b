"""What came of one run: small, and able to travel between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .serving import Serving
from .timeline import Transition

__all__ = ["ARMS", "CHEAPEST", "NONE", "POLICY", "STATIC", "Run"]

POLICY = "policy"
"""The arm with the controller."""
STATIC = "static"
"""The policy's normal mode with its retries, fallback and budgets, and no controller: what a
router gives today, and what every claim is held against first."""
CHEAPEST = "cheapest"
"""Soft for ever: what is saved without any controller by whoever takes the cheap model always."""
NONE = "none"
"""The application's own clients: one model, their retries, no budget."""
ARMS = (POLICY, STATIC, CHEAPEST, NONE)
"""Arms of an experiment about one policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one arm of one replication.

    Attributes:
        arm: its name: one of `ARMS`, or what a comparison calls it.
        replication: from 0.
        duration_s: from second 0 to the horizon.
        metrics: by the names of `sim.run.metrics.METRICS`; NaN where undefined.
        transitions: changes of mode before the horizon, in order.
        servings: changes of what requests get before the horizon, in order.
        misfits: of replication 0: thresholds that healthy traffic crosses, a sentence each, as the
            controller of the first replica found at the end.
    """

    arm: str
    replication: int
    duration_s: float
    metrics: Mapping[str, float]
    transitions: tuple[Transition, ...]
    servings: tuple[Serving, ...]
    misfits: tuple[str, ...] = ()
