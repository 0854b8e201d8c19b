"""What a candidate changes against today's policy, metric by metric, on the same requests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..estimates import values_difference_interval
from ..intervals import Interval
from ..metrics import METRICS
from ..replications import Runs
from .results import TODAY

__all__ = ["EFFECTS", "Effect", "effects"]

EFFECTS = ("availability", "latency_p95_s", "cost_usd", "quality", "utility_usd")
"""Metrics that are always told, whatever the objectives are."""

_RELATIVE = ("usd", "seconds", "count", "number")
"""Units whose differences are told as a share of today's mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The mean over scenarios of a metric, the candidate's minus today's.

    Attributes:
        metric: a key of `sim.metrics.METRICS`.
        relative: whether the change is a share of today's mean, and not in the metric's unit.
        change: with the sign it has: more is positive.
    """

    metric: str
    relative: bool
    change: Interval


def effects(runs: Mapping[str, Runs], arm: str, metrics: Sequence[str]) -> tuple[Effect, ...]:
    """What an arm changes against the arm `TODAY`, with intervals over the replications.

    Args:
        runs: of every scenario that counts, by its name; run k of both arms saw the same requests.
        arm: of the candidate.
        metrics: that are told, in this order; what is undefined in a run is undefined in all.
    """
    return tuple(_effect(runs, arm, metric) for metric in metrics) if runs else ()


def _effect(runs: Mapping[str, Runs], arm: str, metric: str) -> Effect:
    ours, todays = (_means(runs, name, metric) for name in (arm, TODAY))
    change = values_difference_interval(metric, ours, todays)
    mean = math.fsum(todays) / len(todays)
    # A utility may be nothing or less, and is no unit.
    relative = METRICS[metric] in _RELATIVE and metric != "utility_usd" and mean > 0.0
    if relative:
        change = Interval(
            estimate=change.estimate / mean, low=change.low / mean, high=change.high / mean
        )
    return Effect(metric=metric, relative=relative, change=change)


def _means(runs: Mapping[str, Runs], arm: str, metric: str) -> list[float]:
    """Mean over the scenarios, in every replication."""
    every = [[run.metrics[metric] for run in found[arm]] for found in runs.values()]
    return [math.fsum(values) / len(values) for values in zip(*every, strict=True)]
