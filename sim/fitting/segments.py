"""Where a series changes its level: the segmentation that explains it best.

Optimal partitioning (Jackson et al., "An algorithm for optimal partitioning of data on an
interval", IEEE Signal Processing Letters 12, 2005): of all ways to cut a series, the one with the
least sum of misfits, where every cut costs a penalty. A day is looked at in `BLOCKS` blocks, and
each cut is then moved to the tick where it fits best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import xlogy

__all__ = ["Segment", "level_segments", "share_segments"]

Column = np.ndarray[Any, Any]

BLOCKS = 1440
"""Most blocks that a series is cut into: a minute each, of a day."""
PENALTY = 40.0
"""Of a cut, in squared standard deviations: 6.3 of them. Among 1,440 blocks there are a million
pairs of cuts to be fooled by, and neighbouring calls are somewhat alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of ticks on one level.

    Attributes:
        begin, end: ticks; the end is the first that is no part of it.
        level: a share, or a mean.
        weight: evidence: calls, or samples.
        begin_low, begin_high, end_low, end_high: the ticks that each may be as well: nothing was
            called between them. `begin` and `end` are in the middle.
    """

    begin: int
    end: int
    level: float
    weight: float
    begin_low: int
    begin_high: int
    end_low: int
    end_high: int


def share_segments(hits: Column, calls: Column) -> list[Segment]:
    """Stretches in which a constant share of the calls is hit (binomial), by tick."""

    def misfit(k: Column, n: Column) -> Column:
        # Twice the negative logarithm of the likelihood at its best.
        return np.asarray(-2.0 * (xlogy(k, k) + xlogy(n - k, n - k) - xlogy(n, n)))

    def score(level: float, k: Column, n: Column) -> Column:
        p = min(max(level, 1e-4), 1.0 - 1e-4)
        return np.asarray(-2.0 * (k * np.log(p) + (n - k) * np.log1p(-p)))

    return _segments(_carried(hits, calls), np.maximum(calls, 0).astype(float), misfit, score)


def _carried(hits: Column, calls: Column) -> Column:
    """Hits in the tick of their calls: a refusal takes a moment, and may come a tick later.

    What is more than a tick's calls goes back, tick by tick; what finds no call is dropped.
    """
    found = hits.astype(float)
    for late in np.flatnonzero(found > calls)[::-1].tolist():
        tick = late
        while tick >= 0 and found[tick] > calls[tick]:
            more = found[tick] - calls[tick]
            found[tick] = calls[tick]
            tick -= 1
            if tick >= 0:
                found[tick] += more
    return found


def level_segments(sums: Column, weights: Column, sigma: float) -> list[Segment]:
    """Stretches of one mean (normal, of known deviation), by tick.

    Args:
        sums: of the samples that each tick has.
        weights: how many those are.
        sigma: standard deviation of a sample.
    """
    scale = max(sigma, 1e-6) ** -2

    def misfit(s: Column, n: Column) -> Column:
        return np.asarray(-scale * s * s / np.maximum(n, 1e-12))

    def score(level: float, s: Column, n: Column) -> Column:
        return np.asarray(scale * (n * level * level - 2.0 * level * s))

    return _segments(sums.astype(float), weights.astype(float), misfit, score)


def _segments(
    values: Column,
    weights: Column,
    misfit: Callable[[Column, Column], Column],
    score: Callable[[float, Column, Column], Column],
) -> list[Segment]:
    ticks = len(values)
    size = -(-ticks // BLOCKS)
    edges = np.minimum(np.arange(0, ticks + size, size), ticks)
    sums, counts = (np.concatenate(([0.0], np.cumsum(each))) for each in (values, weights))
    s, n = sums[edges], counts[edges]
    best = np.zeros(len(edges))
    cut = np.zeros(len(edges), np.int64)
    for end in range(1, len(edges)):
        cost = best[:end] + misfit(s[end] - s[:end], n[end] - n[:end]) + PENALTY
        cut[end] = int(np.argmin(cost))
        best[end] = cost[cut[end]]
    bounds = [len(edges) - 1]
    while bounds[-1]:
        bounds.append(int(cut[bounds[-1]]))
    places = [int(edges[each]) for each in reversed(bounds)]
    for _ in range(2):
        # A block that holds an edge was a segment of its own; moved there, it is none.
        places = _refined(places, size, values, weights, sums, counts, score)
        places = _paying(places, sums, counts, misfit)
    return _told(places, sums, counts)


def _paying(
    places: list[int], sums: Column, counts: Column, misfit: Callable[[Column, Column], Column]
) -> list[int]:
    """The cuts that are worth their penalty, the least of the others taken away first."""
    found = list(places)
    while len(found) > 2:
        at = np.array(found)
        own = misfit(np.diff(sums[at]), np.diff(counts[at]))
        joint = misfit(sums[at[2:]] - sums[at[:-2]], counts[at[2:]] - counts[at[:-2]])
        gains = joint - own[:-1] - own[1:]
        least = int(np.argmin(gains))
        if gains[least] >= PENALTY:
            break
        del found[least + 1]
    return found


def _level(place: int, following: int, sums: Column, counts: Column) -> tuple[float, float]:
    weight = float(counts[following] - counts[place])
    return (float(sums[following] - sums[place]) / weight if weight else 0.0), weight


def _refined(
    places: list[int],
    size: int,
    values: Column,
    weights: Column,
    sums: Column,
    counts: Column,
    score: Callable[[float, Column, Column], Column],
) -> list[int]:
    """Each cut at the tick where it fits best, within two blocks."""
    found = list(places)
    for place in range(1, len(places) - 1):
        low = max(found[place - 1] + 1, places[place] - 2 * size)
        high = min(places[place + 1] - 1, places[place] + 2 * size)
        if high <= low:
            continue
        before, _ = _level(places[place - 1], places[place], sums, counts)
        after, _ = _level(places[place], places[place + 1], sums, counts)
        k, n = values[low:high], weights[low:high]
        gain = np.concatenate(([0.0], np.cumsum(score(before, k, n) - score(after, k, n))))
        found[place] = low + int(np.argmin(gain))
    return found


def _told(places: list[int], sums: Column, counts: Column) -> list[Segment]:
    ends = [
        (
            int(np.searchsorted(counts, counts[place], side="left")),
            int(np.searchsorted(counts, counts[place], side="right")) - 1,
        )
        for place in places[1:-1]
    ]
    last = places[-1]
    ends = [(0, 0), *ends, (last, last)]
    found = []
    for place, (begin, end) in enumerate(pairwise(places)):
        level, weight = _level(begin, end, sums, counts)
        (begin_low, begin_high), (end_low, end_high) = ends[place : place + 2]
        found.append(
            Segment(
                begin=(begin_low + begin_high + 1) // 2,
                end=(end_low + end_high + 1) // 2,
                level=level,
                weight=weight,
                begin_low=begin_low,
                begin_high=begin_high,
                end_low=end_low,
                end_high=end_high,
            )
        )
    return found
