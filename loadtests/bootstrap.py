"""How sure a difference between a live and a simulated run is, from their journals.

Both saw the same requests, so they are compared stretch by stretch: stretches of the run are
drawn with replacement, the same for both sides, and what differs is computed anew (a paired
block bootstrap; Politis and Romano, "The Stationary Bootstrap", 1994, explain the blocks).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from balancer.core.histogram import MAX_INDEX, MIN_INDEX, Histogram
from balancer.core.journal import Entry

__all__ = ["FIGURES", "STRETCHES", "spread"]

STRETCHES = 24
"""Into how many stretches a run is cut."""

_DRAWS = 400
_TAIL = 0.025
_SEED = 20_230_711
_FIRST_BUCKET = 4
_OFFERED, _FINISHED, _FAILED, _COST = range(_FIRST_BUCKET)

Sums = np.ndarray[Any, Any]


def _quantile(sums: Sums, q: float) -> float:
    buckets = sums[_FIRST_BUCKET:]
    counts = {int(i) + MIN_INDEX: int(buckets[i]) for i in np.flatnonzero(buckets)}
    return Histogram.from_counts(counts).quantile(q) if counts else math.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


FIGURES: Mapping[str, Callable[[Sums], float]] = {
    "offered": lambda sums: float(sums[_OFFERED]),
    "availability": lambda sums: _ratio(sums[_FINISHED] - sums[_FAILED], sums[_OFFERED]),
    "latency_p50_s": lambda sums: _quantile(sums, 0.50),
    "latency_p95_s": lambda sums: _quantile(sums, 0.95),
    "error_rate": lambda sums: _ratio(sums[_FAILED], sums[_FINISHED]),
    "cost_usd": lambda sums: float(sums[_COST]) / 1e9,
}
"""What can be computed from sums of ticks, by the names of `sim.run.metrics.METRICS`."""


def spread(
    live: Iterable[Entry],
    simulated: Iterable[Entry],
    *,
    from_tick: int,
    until_tick: int,
    relative: Sequence[str],
) -> dict[str, tuple[float, float]]:
    """How far below and above a difference (live minus simulated) may truly lie: 95 %.

    Args:
        live, simulated: journals.
        from_tick, until_tick: the ticks that count.
        relative: figures whose difference is a share of the simulated one.

    Returns:
        By figure: (at most below, at most above), both positive; NaN where undefined.
    """
    sides = [_stretches(side, from_tick, until_tick) for side in (live, simulated)]
    draws = np.random.default_rng(_SEED).integers(0, STRETCHES, (_DRAWS, STRETCHES))
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    whole = [side.sum(axis=0) for side in sides]
    for draw in draws:
        one, other = (side[draw].sum(axis=0) for side in sides)
        for name, figure in FIGURES.items():
            found[name].append(_difference(figure(one), figure(other), name in relative))
    result = {}
    for name, figure in FIGURES.items():
        centre = _difference(figure(whole[0]), figure(whole[1]), name in relative)
        low, high = np.quantile(found[name], [_TAIL, 1.0 - _TAIL])
        result[name] = (max(centre - float(low), 0.0), max(float(high) - centre, 0.0))
        if math.isnan(centre) or math.isnan(low):
            result[name] = (math.nan, math.nan)
    return result


def _difference(live: float, simulated: float, relative: bool) -> float:
    difference = live - simulated
    return _ratio(difference, simulated) if relative else difference


def _stretches(journal: Iterable[Entry], from_tick: int, until_tick: int) -> Sums:
    """Sums of every stretch: offered, finished, failed, cost, and latencies by bucket."""
    sums = np.zeros((STRETCHES, _FIRST_BUCKET + MAX_INDEX - MIN_INDEX + 1), np.int64)
    for entry in journal:
        seen = entry.observations
        if not from_tick <= seen.tick < until_tick:
            continue
        row = sums[(seen.tick - from_tick) * STRETCHES // (until_tick - from_tick)]
        row[_OFFERED] += sum(seen.offered)
        for served in seen.served:
            row[_FINISHED] += served.finished
            row[_FAILED] += served.failed
            row[_COST] += served.nano_usd
            for bucket, count in served.latency.counts().items():
                row[_FIRST_BUCKET + bucket - MIN_INDEX] += count
    return sums
