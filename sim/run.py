"""What came of one run: small, and able to travel between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .timeline import Transition

__all__ = ["ARMS", "Run"]

ARMS = ("policy", "none")
"""With the controller, and without: the counterfactual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one arm of one replication.

    Attributes:
        arm: one of `ARMS`.
        replication: from 0.
        metrics: by the names of `sim.metrics.METRICS`; NaN where undefined.
        transitions: changes of mode before the horizon, in order.
    """

    arm: str
    replication: int
    metrics: Mapping[str, float]
    transitions: tuple[Transition, ...]
