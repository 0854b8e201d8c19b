"""The quantile of a sliding window at every tick, from the ticks' histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from balancer.core.histogram import HALF_A_BUCKET, MAX_INDEX, MIN_INDEX, edge_s

from ..compiled import compiled

__all__ = ["sliding_quantile"]

Column = np.ndarray[Any, Any]

_BUCKETS = MAX_INDEX - MIN_INDEX + 1
_MIDDLES = np.array([edge_s(i) * HALF_A_BUCKET for i in range(MIN_INDEX, MAX_INDEX + 1)])


def sliding_quantile(
    at: Sequence[int], packed: Sequence[bytes], ticks: int, window: int, q: float
) -> Column:
    """The q-quantile of the last so many ticks, at every tick, as of `Histogram.quantile`.

    Args:
        at: tick of each histogram, not falling.
        packed: the histograms as `balancer.core.histogram.Histogram` keeps them.
        ticks: how many there are.
        window: ticks of the window; at the beginning it is as long as there are ticks.
        q: 0..1.

    Returns:
        Shape (ticks,): seconds, NaN where the window holds nothing.
    """
    sizes = np.fromiter(map(len, packed), np.int64, len(packed)) // 8
    values = np.frombuffer(b"".join(packed), np.int32)
    found = np.full(ticks, math.nan)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    places = np.searchsorted(np.asarray(at, np.int64), np.arange(ticks + 1)).astype(np.int64)
    counts = np.zeros(_BUCKETS, np.int64)
    _slide(values, ends, places, window, q, counts, _MIDDLES, found)
    return found


@compiled
def _slide(
    values: Any,
    ends: Any,
    places: Any,
    window: int,
    q: float,
    counts: Any,
    middles: Any,
    found: Any,
) -> None:
    total = 0
    top = 0
    for tick in range(len(found)):
        for place in range(places[tick], places[tick + 1]):
            size = ends[place + 1] - ends[place]
            for k in range(2 * ends[place], 2 * ends[place] + size):
                bucket = values[k] - MIN_INDEX
                counts[bucket] += values[k + size]
                total += values[k + size]
                top = max(top, bucket)
        if tick >= window:
            for place in range(places[tick - window], places[tick - window + 1]):
                size = ends[place + 1] - ends[place]
                for k in range(2 * ends[place], 2 * ends[place] + size):
                    counts[values[k] - MIN_INDEX] -= values[k + size]
                    total -= values[k + size]
        if total > 0:
            while top > 0 and counts[top] == 0:
                top -= 1
            # The sample of this rank, counted from the top.
            above = total - max(1, math.ceil(q * total))
            bucket = top
            passed = counts[bucket]
            while passed <= above:
                bucket -= 1
                passed += counts[bucket]
            found[tick] = middles[bucket]
